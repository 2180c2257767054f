/** Data for benches: established tenants with a key each, and a policy with eight limits that are never reached. */

import { makeKey } from '../../src/base/api-key.ts';
import { newId } from '../../src/base/ids.ts';
import { openSqliteStore } from '../../src/data/sqlite/store.ts';
import type { LimitDocument } from '../../src/policy/document.ts';
import { DOMAIN_MARK, PERSON_MARK } from './marks.ts';

export const EIGHT_LIMITS: LimitDocument[] = [
  { name: 'rate', scope: 'tenant', window: 'rate', per: 'second', max: 1_000_000, burst: 1_000_000 },
  { name: 'hour', scope: 'tenant', window: 'calendar_hour', max: 100_000_000 },
  { name: 'rolling_day', scope: 'tenant', window: 'rolling_24h', max: 100_000_000 },
  { name: 'month', scope: 'tenant', window: 'calendar_month', max: 1_000_000_000 },
  { name: 'app_day', scope: 'app', window: 'calendar_day', max: 100_000_000 },
  { name: 'identity_day', scope: 'identity', window: 'calendar_day', max: 100_000_000 },
  { name: 'recipient_day', scope: 'recipient', window: 'rolling_24h', max: 100_000 },
  { name: 'domain_hour', scope: 'recipient_domain', window: 'calendar_hour', max: 100_000_000 },
];

export async function prepareTenants(directory: string, count: number): Promise<{ keys: string[] }> {
  const opened = await openSqliteStore({ directory, domain: 'postern.localhost' });
  if (!opened.ok) throw new Error(opened.message);
  const { store } = opened;
  const keys: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const tenant = await store.createTenant({
      id: newId('ten'),
      installationId: newId('ins'),
      name: `tenant ${i}`,
      standing: 'active',
      trialEndsAt: null,
      plan: null,
      billing: 'none',
      credits: null,
      trust: 'established',
      locale: null,
      notify: [],
      actor: 'bench',
    });
    const made = makeKey('live');
    keys.push(made.key);
    const made2 = { prefix: made.prefix, hash: made.hash, name: 'bench', scopes: ['send', 'read', 'manage'] as const };
    await store.createKey({
      ...made2,
      scopes: [...made2.scopes],
      id: newId('key'),
      mode: 'live',
      tenantId: tenant.id,
      appId: null,
      expiresAt: null,
      allowIps: [],
      identities: [],
      agent: null,
      actor: 'bench',
    });
    await store.createIdentity({
      tenantNo: tenant.no,
      mode: 'live',
      id: newId('idn'),
      fields: {
        handle: 'alice',
        fromEmail: `alice@t${i}.example`,
        fromName: 'Alice',
        tier: null,
        dailyCap: null,
        state: 'active',
      },
      note: null,
      actor: { name: 'bench', id: 'operator', mayApprove: true, mayOperate: true },
    });
  }
  await store.putPolicy({
    owner: 'default',
    tenantNo: 1,
    mode: 'live',
    document: { limits: EIGHT_LIMITS, quarantine: { mode: 'warn' } },
    author: 'bench',
    note: null,
  });
  await store.close();
  return { keys };
}

const WORDS =
  'quote invoice meeting garden window yellow quiet river stone paper market letter number signal morning'.split(' ');

/** Text of about `octets` octets made of words, different for each seed. */
export function bodyText(octets: number, seed: number): string {
  let text = '';
  for (let i = seed; text.length < octets; i += 7) text += `${WORDS[i % WORDS.length]} `;
  return text.slice(0, octets);
}

/** Whole HTTP requests that send a 2 KB body to different people; `people` null: to whom the load says in turn. */
export function sendRequests(keys: readonly string[], count: number, people: number | null, keyed: boolean): string[] {
  return Array.from({ length: count }, (_, i) => {
    const body = JSON.stringify({
      to:
        people === null
          ? `person${PERSON_MARK}@mail${DOMAIN_MARK}.example`
          : `person${(i * 7919) % people}@mail${i % 300}.example`,
      subject: `Your quote ${i}`,
      identity: 'alice',
      text: bodyText(1000, i),
      html: `<p>${bodyText(820, i + 3)}</p>`,
      tags: ['quote'],
    });
    const key = keyed ? 'Idempotency-Key: bench-%%%%%%%%%%%%\r\n' : '';
    return (
      `POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${keys[i % keys.length]}\r\n${key}` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    );
  });
}
