/** What the first start makes: the operator's key, the tenant `default` with one key a mode, and the words that show them. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeKey, makeOperatorKey } from './base/api-key.ts';
import { newId } from './base/ids.ts';
import type { Store } from './data/store.ts';

/** The operator's key where none is set: made once, kept in the data folder for its owner alone. */
export function keptOperatorKey(directory: string): string {
  const path = join(directory, 'operator.key');
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  mkdirSync(directory, { recursive: true });
  const made = makeOperatorKey();
  writeFileSync(path, `${made}\n`, { mode: 0o600, flag: 'wx' });
  chmodSync(path, 0o600);
  return made;
}

export type FirstKeys = { live: string; test: string };

/** The first start makes the tenant `default` with one key a mode. */
export async function firstStart(store: Store): Promise<FirstKeys | null> {
  if ((await store.setting({ name: 'first_tenant' })) !== null) return null;
  const tenant = await store.createTenant({
    id: newId('ten'),
    installationId: newId('ins'),
    name: 'default',
    standing: 'active',
    trialEndsAt: null,
    plan: null,
    billing: 'none',
    credits: null,
    trust: 'new',
    locale: null,
    notify: [],
    actor: 'first start',
  });
  const keys = { live: makeKey('live'), test: makeKey('test') };
  for (const mode of ['live', 'test'] as const) {
    const { prefix, hash } = keys[mode];
    await store.createKey({
      id: newId('key'),
      prefix,
      hash,
      name: `first ${mode} key`,
      scopes: ['send', 'read', 'manage'],
      mode,
      tenantId: tenant.id,
      appId: null,
      expiresAt: null,
      allowIps: [],
      identities: [],
      agent: null,
      actor: 'first start',
    });
  }
  await store.putSetting({ name: 'first_tenant', value: tenant.id });
  return { live: keys.live.key, test: keys.test.key };
}

export function welcomeText(address: string, keys: FirstKeys): string {
  return `
Postern is ready.

  Live key  ${keys.live}
  Test key  ${keys.test}
  Page      ${address}/

Keep the keys: they are shown this once. Another: npx postern keys create --mode live
Send a first message (in test mode nothing leaves this machine):

curl -s ${address}/v1/messages -H 'Authorization: Bearer ${keys.test}' -H 'Content-Type: application/json' -d '{"to":"bob@example.com","subject":"Hello","text":"It works."}'
`;
}
