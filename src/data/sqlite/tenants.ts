/** Tenants and keys as they are made. */
import { newId } from '../../base/ids.ts';
import type { Mode } from '../../core/message.ts';
import type { KeyRow, NewKey, NewTenant, TenantRow } from '../store.ts';
import { audit } from './audit.ts';
import { keyOf, tenantOf } from './rows.ts';
import { CREDITS, spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

export const DEFAULT_APP = 1;

export const KEY_SELECT = `SELECT k.*, t.id AS tenant_id, i.id AS installation_id, a.id AS app_id
  FROM api_key k LEFT JOIN tenant t ON t.no = k.tenant LEFT JOIN installation i ON i.no = k.installation
  LEFT JOIN app a ON a.no = i.app`;

export function createTenant(state: WriterState, input: NewTenant): TenantRow {
  const now = state.realNow;
  const result = state.db
    .prepare(
      `INSERT INTO tenant (id, name, standing, standing_by, standing_since, standing_note, trial_ends_at, plan, billing, trust, locale, notify, created_at)
       VALUES (?, ?, ?, 'operator', ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      input.id,
      input.name,
      input.standing,
      now,
      input.standingNote ?? null,
      input.trialEndsAt,
      input.plan,
      input.billing,
      input.trust,
      input.locale,
      JSON.stringify(input.notify),
      now,
    );
  const no = Number(result.lastInsertRowid);
  state.db
    .prepare('INSERT INTO installation (id, tenant, app, name, created_at) VALUES (?, ?, ?, ?, ?)')
    .run(input.installationId, no, DEFAULT_APP, 'default', now);
  if (input.credits !== null) setCredits(state, no, input.credits);
  audit(state, {
    tenantNo: no,
    mode: null,
    actor: input.actor,
    actorId: input.actorId,
    action: 'tenant.created',
    target: input.id,
    note: input.standingNote,
    after: {
      ...{ name: input.name, standing: input.standing, trial_ends_at: input.trialEndsAt, plan: input.plan },
      ...{
        billing: input.billing,
        credits: input.credits,
        trust: input.trust,
        locale: input.locale,
        notify: input.notify,
      },
    },
  });
  return tenantRow(state, no);
}

function tenantRow(state: WriterState, no: number): TenantRow {
  const row = state.db.prepare('SELECT * FROM tenant WHERE no = ?').get(no);
  if (row === undefined) throw new Error(`no tenant has the number ${no}`);
  const credits = state.spaces.get(spaceOf(no, 'live')).account.credits;
  return { ...tenantOf(row), credits };
}

/** Both modes get the same number; what test mode uses up harms nobody. */
export function setCredits(state: WriterState, tenantNo: number, credits: number): void {
  for (const mode of ['live', 'test'] as const) {
    const entry = state.spaces.get(spaceOf(tenantNo, mode)).tenantEntry();
    state.ledger.addGauge(entry, CREDITS, credits - (entry.gauges?.get(CREDITS) ?? 0));
  }
}

export function createKey(
  state: WriterState,
  input: NewKey,
): { ok: true; key: KeyRow } | { ok: false; missing: 'tenant' | 'app' } {
  const tenant = state.db.prepare('SELECT no FROM tenant WHERE id = ?').get(input.tenantId) as
    | { no: number }
    | undefined;
  if (tenant === undefined) return { ok: false, missing: 'tenant' };
  const installation = installationOf(state, tenant.no, input.appId);
  if (installation === null) return { ok: false, missing: 'app' };
  state.db
    .prepare(
      `INSERT INTO api_key (id, tenant, mode, prefix, hash, scopes, name, installation, expires_at, allow_ips, identities, agent, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      input.id,
      tenant.no,
      input.mode,
      input.prefix,
      input.hash,
      JSON.stringify(input.scopes),
      input.name,
      installation,
      input.expiresAt,
      JSON.stringify(input.allowIps),
      JSON.stringify(input.identities),
      input.agent,
      state.realNow,
    );
  audit(state, {
    tenantNo: tenant.no,
    mode: input.mode,
    actor: input.actor,
    actorId: input.actorId,
    action: 'key.created',
    target: input.id,
    after: {
      ...{ name: input.name, mode: input.mode, scopes: input.scopes, identities: input.identities, agent: input.agent },
      ...{ app: input.appId, expires_at: input.expiresAt, allow_ips: input.allowIps },
    },
  });
  return { ok: true, key: keyOf(state.db.prepare(`${KEY_SELECT} WHERE k.id = ?`).get(input.id)!) };
}

/** The installation of an app on a tenant, made on first use; null when there is no such app. */
function installationOf(state: WriterState, tenantNo: number, appId: string | null): number | null {
  const app =
    appId === null
      ? { no: DEFAULT_APP, name: 'default' }
      : (state.db.prepare('SELECT no, name FROM app WHERE id = ?').get(appId) as
          | { no: number; name: string }
          | undefined);
  if (app === undefined) return null;
  const known = state.db.prepare('SELECT no FROM installation WHERE tenant = ? AND app = ?').get(tenantNo, app.no) as
    | { no: number }
    | undefined;
  if (known !== undefined) return known.no;
  const made = state.db
    .prepare('INSERT INTO installation (id, tenant, app, name, created_at) VALUES (?, ?, ?, ?, ?)')
    .run(newId('ins'), tenantNo, app.no, app.name, state.realNow);
  return Number(made.lastInsertRowid);
}

export function revokeKey(state: WriterState, input: { id: string; actor: string }): boolean {
  const row = state.db
    .prepare('SELECT tenant, mode, name, scopes, revoked_at FROM api_key WHERE id = ?')
    .get(input.id) as
    | { tenant: number; mode: Mode; name: string | null; scopes: string; revoked_at: number | null }
    | undefined;
  if (row === undefined || row.revoked_at !== null) return false;
  state.db.prepare('UPDATE api_key SET revoked_at = ? WHERE id = ?').run(state.realNow, input.id);
  const before = { name: row.name, scopes: JSON.parse(row.scopes) as string[] };
  const whose = { tenantNo: row.tenant, mode: row.mode, actor: input.actor };
  audit(state, { ...whose, action: 'key.revoked', target: input.id, before });
  return true;
}
