/**
 * Standing of tenants: what the operator sets, and the tenant's own pause.
 *
 * Invariants: a pause remembers what it interrupted, so that resuming makes no expired trial an active account; what the
 * operator or an incident paused is theirs to resume; what a person paused needs a person.
 */
import { STANDINGS, type Standing } from '../../policy/account.ts';
import type { Account, Actor, ManagementWrites, TenantChange } from '../port/management.ts';
import type { TenantRow } from '../store.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { TENANT_KEY } from './held-entries.ts';
import { below, pageOf } from './paging.ts';
import { renewPolicies } from './policies.ts';
import { walkAnew } from './retention.ts';
import { type Row, tenantOf } from './rows.ts';
import { CREDITS, spaceOf } from './spaces.ts';
import { setCredits } from './tenants.ts';
import type { WriterState } from './writer-state.ts';

type AccountCalls = Pick<
  ManagementWrites,
  'account' | 'tenants' | 'changeTenant' | 'pauseAccount' | 'resumeAccount' | 'tallies'
>;
function rowOf(state: WriterState, where: 'id' | 'no', value: string | number): Row | undefined {
  return state.db.prepare(`SELECT * FROM tenant WHERE ${where} = ?`).get(value);
}

/** A tenant's row with its credits, which the ledger knows. */
function withCredits(state: WriterState, row: Row, mode: 'live' | 'test' = 'live'): TenantRow {
  const tenant = tenantOf(row);
  if (tenant.billing !== 'credits') return tenant;
  const gauges = state.ledger.entry(spaceOf(tenant.no, mode), TENANT_KEY).gauges;
  return { ...tenant, credits: Math.max(0, gauges?.get(CREDITS) ?? 0) };
}

function accountOf(state: WriterState, tenantNo: number, mode: 'live' | 'test'): Account {
  const { storageUsed, storageLimit } = state.spaces.get(spaceOf(tenantNo, mode)).account;
  return { tenant: withCredits(state, rowOf(state, 'no', tenantNo)!, mode), storageUsed, storageLimit };
}

type Standings = { standing: Standing; setBy: string; since: number; note: string | null; from: Standing | null };

export function setStanding(state: WriterState, tenantNo: number, to: Standings & { byPerson: boolean }): void {
  state.db
    .prepare(
      `UPDATE tenant SET standing = ?, standing_by = ?, standing_since = ?, standing_note = ?, paused_from = ?, paused_by_person = ?
       WHERE no = ?`,
    )
    .run(to.standing, to.setBy, to.since, to.note, to.from, to.byPerson ? 1 : 0, tenantNo);
  state.flushRows();
  state.spaces.forgetTenant(tenantNo);
}

/** Standing is the tenant's in both modes, so both hear of it. */
export function tellStanding(state: WriterState, tenantNo: number, type: 'account.paused' | 'account.resumed'): void {
  for (const mode of ['live', 'test'] as const) {
    const space = state.spaces.get(spaceOf(tenantNo, mode));
    const { standing, standingBy, standingNote } = space.tenant;
    const data = { standing, set_by: standingBy, note: standingNote };
    state.emit(space, type, space.now(state.realNow), null, data);
  }
}

function changeStanding(state: WriterState, row: Row, change: TenantChange): void {
  const before = tenantOf(row);
  const standing = change.standing ?? before.standing;
  const isSame = standing === before.standing && before.standingBy === 'operator';
  const from = before.standing === 'paused' ? (row['paused_from'] as Standing | null) : before.standing;
  setStanding(state, before.no, {
    standing,
    setBy: change.standing === undefined ? before.standingBy : 'operator',
    since: change.standing === undefined || isSame ? before.standingSince : state.realNow,
    note: change.note === undefined ? (isSame ? before.standingNote : null) : change.note,
    from: standing === 'paused' ? from : null,
    byPerson: standing === 'paused' && before.standing === 'paused' && row['paused_by_person'] === 1,
  });
  if (standing === before.standing) return;
  if (standing === 'paused') tellStanding(state, before.no, 'account.paused');
  else if (before.standing === 'paused') tellStanding(state, before.no, 'account.resumed');
}

/** How far a tenant is trusted is where its history begins. */
function restartRisk(state: WriterState, tenantNo: number): void {
  for (const mode of ['live', 'test'] as const) {
    const space = state.spaces.get(spaceOf(tenantNo, mode));
    state.risks.restart(space.no, space.tenant, space.now(state.realNow));
  }
}

/** Fields of a tenant's row that differ, as the audit log shows them. */
function differing(before: TenantRow, after: TenantRow): { before: Row; after: Row } {
  const names = (Object.keys(after) as (keyof TenantRow)[]).filter(
    (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
  );
  const pick = (row: TenantRow): Row => Object.fromEntries(names.map((name) => [name, row[name]]));
  return { before: pick(before), after: pick(after) };
}

export const ACCOUNT_WRITES: WriteCalls<AccountCalls> = {
  account(state, { tenantId, mode }) {
    const row = rowOf(state, 'id', tenantId);
    return row === undefined ? null : accountOf(state, row['no'] as number, mode);
  },

  tenants(state, { limit, cursor }) {
    const rows = state.db
      .prepare('SELECT * FROM tenant WHERE no < ? ORDER BY no DESC LIMIT ?')
      .all(below(cursor), limit + 1);
    const page = pageOf(rows, limit, (row) => String(row['no']));
    return { rows: page.rows.map((row) => withCredits(state, row)), next: page.next };
  },

  changeTenant(state, { tenantId, change, actor }) {
    const row = rowOf(state, 'id', tenantId);
    if (row === undefined) return null;
    const before = withCredits(state, row);
    const { no } = before;
    if (change.standing !== undefined || change.note !== undefined) changeStanding(state, row, change);
    state.db
      .prepare(
        'UPDATE tenant SET name = ?, trial_ends_at = ?, plan = ?, billing = ?, trust = ?, locale = ?, notify = ? WHERE no = ?',
      )
      .run(
        change.name ?? before.name,
        change.trialEndsAt === undefined ? before.trialEndsAt : change.trialEndsAt,
        change.plan === undefined ? before.plan : change.plan,
        change.billing ?? before.billing,
        change.trust ?? before.trust,
        change.locale === undefined ? before.locale : change.locale,
        JSON.stringify(change.notify ?? before.notify),
        no,
      );
    if (change.plan !== undefined) walkAnew(state);
    renewPolicies(state, (space) => space.tenant.no === no, { owner: 'plan', author: actor.name });
    if (change.credits !== undefined) setCredits(state, no, change.credits);
    if (change.trust !== undefined && change.trust !== before.trust) restartRisk(state, no);
    const after = withCredits(state, rowOf(state, 'no', no)!);
    audit(state, {
      tenantNo: no,
      mode: null,
      ...by(actor),
      action: 'tenant.changed',
      target: tenantId,
      note: change.note,
      ...differing(before, after),
    });
    return after;
  },

  pauseAccount(state, { tenantNo, mode, note, actor }) {
    const row = rowOf(state, 'no', tenantNo)!;
    const { standing, standingBy } = tenantOf(row);
    const setBy = actor.mayOperate ? 'operator' : 'tenant';
    const isOurs = standing === 'paused' && (standingBy === 'tenant' || setBy === 'operator');
    if (standing !== 'active' && standing !== 'trial' && !isOurs) return { outcome: 'conflict', standing };
    const isSame = isOurs && standingBy === setBy && (!actor.mayApprove || row['paused_by_person'] === 1);
    if (!isSame) {
      const from = standing === 'paused' ? (row['paused_from'] as Standing | null) : standing;
      const byPerson = actor.mayApprove;
      setStanding(state, tenantNo, { standing: 'paused', setBy, since: state.realNow, note, from, byPerson });
      if (standing !== 'paused') tellStanding(state, tenantNo, 'account.paused');
      auditStanding(state, tenantNo, 'account.paused', { actor, note, before: standing, after: 'paused' });
    }
    return { outcome: 'paused', account: accountOf(state, tenantNo, mode) };
  },

  resumeAccount(state, { tenantNo, mode, note, actor }) {
    const row = rowOf(state, 'no', tenantNo)!;
    const { standing, standingBy } = tenantOf(row);
    if (standing !== 'paused') return { outcome: 'conflict', standing };
    const loosens = ['account.standing'];
    if (standingBy !== 'tenant' && !actor.mayOperate) {
      return { outcome: 'human_decision_required', needs: 'operate', loosens };
    }
    if (standingBy === 'tenant' && row['paused_by_person'] === 1 && !(actor.mayApprove && note !== null)) {
      return { outcome: 'human_decision_required', needs: actor.mayApprove ? null : 'approve', loosens };
    }
    const to = STANDINGS.find((known) => known === row['paused_from']) ?? 'active';
    const setBy = actor.mayOperate ? 'operator' : 'tenant';
    setStanding(state, tenantNo, { standing: to, setBy, since: state.realNow, note, from: null, byPerson: false });
    tellStanding(state, tenantNo, 'account.resumed');
    auditStanding(state, tenantNo, 'account.resumed', { actor, note, before: 'paused', after: to });
    return { outcome: 'resumed', account: accountOf(state, tenantNo, mode) };
  },

  tallies(state, { tenantNo, mode, since, until }) {
    const space = spaceOf(tenantNo, mode);
    const rows = state.db
      .prepare('SELECT hour, code, n FROM tally WHERE space = ? AND hour >= ? AND hour < ? ORDER BY hour, code')
      .all(space, since, until) as { hour: number; code: string; n: number }[];
    // Rows lag behind what is in memory; an hour that is there is whole.
    const newer = state.ledger.hours(space, since, until);
    const found = rows.filter(({ hour }) => !newer.has(hour)).map(({ hour, code, n }) => ({ hour, code, n }));
    for (const [hour, gauges] of newer) for (const [code, n] of gauges) found.push({ hour, code, n });
    return found;
  },
};

function auditStanding(
  state: WriterState,
  tenantNo: number,
  action: string,
  input: { actor: Actor; note: string | null; before: Standing; after: Standing },
): void {
  const { actor, note } = input;
  audit(state, {
    tenantNo,
    mode: null,
    ...by(actor),
    action,
    target: 'account',
    note,
    before: { standing: input.before },
    after: { standing: input.after },
  });
}
