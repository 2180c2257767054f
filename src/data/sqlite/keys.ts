/** API keys: made by other keys, revoked, and when they were last used. */
import type { IssuedKey, ManagementWrites } from '../port/management.ts';
import type { KeyRow, NewKey } from '../store.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { keyOf } from './rows.ts';
import { createKey, DEFAULT_APP, KEY_SELECT } from './tenants.ts';
import type { WriterState } from './writer-state.ts';

type KeyCalls = Pick<ManagementWrites, 'issueKey' | 'revokeTenantKey' | 'touchKeys'>;
type Beyond = { param: string; granted: string };

/** What a new key would be allowed that its maker is not; null when nothing. */
function beyond(key: NewKey, maker: KeyRow, makerApp: number): Beyond | null {
  if (key.scopes.some((scope) => !maker.scopes.includes(scope))) {
    return { param: 'scopes', granted: maker.scopes.join(', ') };
  }
  if (key.mode === 'live' && maker.mode === 'test') return { param: 'mode', granted: 'test' };
  if (makerApp !== DEFAULT_APP && key.appId !== maker.appId) return { param: 'app', granted: maker.appId ?? '' };
  if (maker.agent !== null && key.agent !== maker.agent) return { param: 'agent', granted: maker.agent };
  if (!isWithin(key.identities, maker.identities)) {
    return { param: 'identities', granted: maker.identities.join(', ') };
  }
  if (!isWithin(key.allowIps, maker.allowIps)) return { param: 'allow_ips', granted: maker.allowIps.join(', ') };
  if (maker.expiresAt !== null && (key.expiresAt === null || key.expiresAt > maker.expiresAt)) {
    return { param: 'expires_at', granted: new Date(maker.expiresAt).toISOString() };
  }
  return null;
}

/** An empty list stands for everything. */
function isWithin(list: readonly string[], allowed: readonly string[]): boolean {
  return allowed.length === 0 || (list.length > 0 && list.every((entry) => allowed.includes(entry)));
}

/** What is left out is as it is with the maker. */
function inherit(key: NewKey, maker: KeyRow, makerApp: number): NewKey {
  return {
    ...key,
    appId: key.appId ?? (makerApp === DEFAULT_APP ? null : maker.appId),
    agent: key.agent ?? maker.agent,
    identities: key.identities.length > 0 ? key.identities : maker.identities,
    allowIps: key.allowIps.length > 0 ? key.allowIps : maker.allowIps,
    expiresAt: key.expiresAt ?? maker.expiresAt,
  };
}

function issueKey(state: WriterState, input: { key: NewKey; byKeyNo: number }): IssuedKey {
  const row = state.db.prepare(`${KEY_SELECT} WHERE k.no = ?`).get(input.byKeyNo)!;
  const app = state.db
    .prepare('SELECT i.app AS app FROM api_key k JOIN installation i ON i.no = k.installation WHERE k.no = ?')
    .get(input.byKeyNo) as { app: number };
  const maker = keyOf(row);
  const key = inherit(input.key, maker, app.app);
  const found = beyond(key, maker, app.app);
  return found === null ? createKey(state, key) : { ok: false, beyond: found };
}

export const KEY_WRITES: WriteCalls<KeyCalls> = {
  issueKey,

  revokeTenantKey(state, { tenantNo, mode, id, actor }) {
    const find = state.db.prepare(`${KEY_SELECT} WHERE k.id = ? AND k.tenant = ? AND (? IS NULL OR k.mode = ?)`);
    const row = find.get(id, tenantNo, mode, mode);
    if (row === undefined) return null;
    const key = keyOf(row);
    if (key.revokedAt !== null) return key;
    state.db.prepare('UPDATE api_key SET revoked_at = ? WHERE no = ?').run(state.realNow, key.no);
    const before = { name: key.name, scopes: key.scopes };
    audit(state, { tenantNo, mode: key.mode, ...by(actor), action: 'key.revoked', target: id, before });
    return { ...key, revokedAt: state.realNow };
  },

  touchKeys(state, { used }) {
    const touch = state.db.prepare('UPDATE api_key SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE no = ?');
    for (const [no, at] of used) touch.run(at, no);
    return null;
  },
};
