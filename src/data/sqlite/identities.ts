/**
 * Identities: the writes of their management.
 *
 * Invariants: a key without `approve` never raises a cap or a tier; nobody but the operator sets or lifts a suspension, nor
 * gets around one by deleting the identity or by giving its address to another.
 */
import type { DatabaseSync } from 'node:sqlite';
import { APPROVAL_MODES, type ApprovalMode } from '../../policy/facts-approval.ts';
import type {
  IdentitiesWrites,
  IdentityAnswer,
  IdentityFields,
  IdentityTrouble,
  ManagedIdentity,
} from '../port/identities.ts';
import type { Actor } from '../port/management.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { wakeRepaired } from './closed-routes.ts';
import { prepared } from './database.ts';
import { refuseLoosening } from './policies.ts';
import { identityOf, type Row } from './rows.ts';
import { mailboxesOf, mailboxRow } from './sender-rows.ts';
import { smallerCap, spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

export type Tiers = Readonly<Record<string, number>>;

function tierCap(tier: string | null, tiers: Tiers): number | null {
  return tier !== null && Object.hasOwn(tiers, tier) ? tiers[tier]! : null;
}

export function managedIdentity(db: DatabaseSync, row: Row, tiers: Tiers): ManagedIdentity {
  const identity = identityOf(row);
  const effectiveCap = smallerCap(identity.dailyCap, tierCap(identity.tier, tiers));
  return {
    ...identity,
    stateNote: row['state_note'] as string | null,
    effectiveCap,
    mailboxes: mailboxesOf(db, identity.no),
  };
}

function find(state: WriterState, no: number, id: string): Row | undefined {
  return state.db
    .prepare('SELECT * FROM identity WHERE space = ? AND (id = ? OR handle = ?) AND deleted_at IS NULL')
    .get(no, id, id);
}

/** Whether a cap of `next` lets more through than one of `previous`; null is no cap. */
function isHigher(previous: number | null, next: number | null): boolean {
  return previous !== null && (next === null || next > previous);
}

/** Which tier is higher is known only where the plan has both; any other change of it counts as one upwards. */
function isHigherTier(previous: string | null, next: string | null, tiers: Tiers): boolean {
  if (previous === next) return false;
  const cap = tierCap(next, tiers);
  if (cap === null) return true;
  return previous !== null && isHigher(tierCap(previous, tiers) ?? 0, cap);
}

function asksLess(previous: ApprovalMode = 'none', next: ApprovalMode = 'none'): boolean {
  return APPROVAL_MODES.indexOf(next) < APPROVAL_MODES.indexOf(previous);
}

function loosenedFields(before: IdentityFields, after: IdentityFields, tiers: Tiers): string[] {
  const found: string[] = [];
  if (isHigher(before.dailyCap, after.dailyCap)) found.push('daily_cap');
  if (isHigherTier(before.tier, after.tier, tiers)) found.push('tier');
  if (asksLess(before.approvals, after.approvals)) found.push('approvals');
  return found;
}

/** What keeps an identity from having these fields, whether it is new or changed; `id` null: it is new. */
function trouble(
  state: WriterState,
  no: number,
  fields: IdentityFields,
  input: { id: string | null; tiers: Tiers; actor: Actor },
): IdentityTrouble | null {
  const { id, tiers, actor } = input;
  const others = 'space = ? AND deleted_at IS NULL AND (? IS NULL OR id <> ?)';
  const taken = state.db.prepare(`SELECT 1 FROM identity WHERE handle = ? AND ${others}`);
  if (taken.get(fields.handle, no, id, id) !== undefined) return { outcome: 'taken' };
  const isKnown = Object.keys(tiers).length === 0 || fields.tier === null || Object.hasOwn(tiers, fields.tier);
  if (!isKnown) return { outcome: 'unknown_tier', tiers: Object.keys(tiers) };
  if (actor.mayOperate) return null;
  const suspended = state.db.prepare(
    `SELECT 1 FROM identity WHERE from_email = ? COLLATE NOCASE AND state = 'suspended' AND ${others}`,
  );
  return suspended.get(fields.fromEmail, no, id, id) === undefined ? null : operators('from');
}

function operators(field: string): IdentityTrouble {
  return { outcome: 'human_decision_required', needs: 'operate', loosens: [`identity.${field}`] };
}

/** As rows and the audit log have them. */
const columns = (fields: IdentityFields): (string | number | null)[] => [
  fields.handle,
  fields.fromEmail,
  fields.fromName,
  fields.tier,
  fields.dailyCap,
  fields.approvals ?? 'none',
  fields.state,
  fields.workingHours == null ? null : JSON.stringify(fields.workingHours),
  fields.drip == null ? null : JSON.stringify(fields.drip),
  fields.readyAt ?? null,
];

function fieldsOf(identity: ManagedIdentity): IdentityFields {
  const { handle, fromEmail, fromName, tier, dailyCap, approvals, state, mailboxes } = identity;
  const { workingHours, drip, readyAt } = identity;
  const pace = { workingHours, drip, readyAt };
  return { handle, fromEmail, fromName, tier, dailyCap, approvals, state, mailboxes, ...pace };
}

/** The numbers of the mailboxes that are named, or what is wrong with one: none is taken from another identity unasked. */
function namedMailboxes(
  state: WriterState,
  no: number,
  identityNo: number | null,
  names: readonly string[] = [],
): number[] | IdentityTrouble {
  const found: number[] = [];
  for (const [index, name] of names.entries()) {
    const row = mailboxRow(state.db, no, name);
    if (row === undefined) return { outcome: 'mailbox', index, owner: null };
    if (row['identity'] !== null && row['identity'] !== identityNo) {
      const owner = prepared(state.db, 'SELECT handle FROM identity WHERE no = ?').get(row['identity'] as number);
      return { outcome: 'mailbox', index, owner: owner!['handle'] as string };
    }
    found.push(row['no'] as number);
  }
  return found;
}

/** These are its mailboxes, and no others. */
function putMailboxes(state: WriterState, identityNo: number, mailboxes: readonly number[]): void {
  const list = JSON.stringify(mailboxes);
  prepared(
    state.db,
    `UPDATE mailbox SET identity = NULL, updated_at = ?
     WHERE identity = ? AND deleted_at IS NULL AND no NOT IN (SELECT value FROM json_each(?))`,
  ).run(state.realNow, identityNo, list);
  prepared(
    state.db,
    `UPDATE mailbox SET identity = ?, updated_at = ?
     WHERE no IN (SELECT value FROM json_each(?)) AND identity IS NOT ?`,
  ).run(identityNo, state.realNow, list, identityNo);
}

/** After a change: what decisions read is read anew, and everybody is told. */
function finish(
  state: WriterState,
  no: number,
  type: 'identity.created' | 'identity.updated' | 'identity.suspended' | 'identity.deleted',
  change: { id: string; note: string | null; actor: Actor; before?: IdentityFields; after?: IdentityFields },
): void {
  const { id, note, actor, before, after } = change;
  state.flushRows();
  state.spaces.forget(no);
  const space = state.spaces.get(no);
  if (before?.mailboxes?.join() !== after?.mailboxes?.join()) wakeRepaired(state, space, null);
  const shown = after ?? before!;
  const data = { identity_id: id, handle: shown.handle, state: shown.state, note };
  state.emit(space, type, space.now(state.realNow), null, data);
  audit(state, {
    tenantNo: space.tenant.no,
    mode: no % 2 === 1 ? 'test' : 'live',
    ...by(actor),
    action: type,
    target: id,
    note,
    before,
    after,
  });
}

export const IDENTITY_WRITES: WriteCalls<IdentitiesWrites> = {
  createIdentity(state, { tenantNo, mode, id, fields, note, actor }): IdentityAnswer {
    const no = spaceOf(tenantNo, mode);
    const { tiers } = state.spaces.get(no);
    if (fields.state === 'suspended' && !actor.mayOperate) return operators('state');
    const found = trouble(state, no, fields, { id: null, tiers, actor });
    if (found !== null) return found;
    const named = namedMailboxes(state, no, null, fields.mailboxes);
    if (!Array.isArray(named)) return named;
    state.db
      .prepare(
        `INSERT INTO identity (id, space, handle, from_email, from_name, tier, daily_cap, approvals, state, working_hours,
          drip, ready_at, state_note, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(id, no, ...columns(fields), note, state.realNow, state.realNow);
    putMailboxes(state, find(state, no, id)!['no'] as number, named);
    finish(state, no, 'identity.created', { id, note, actor, after: fields });
    return { outcome: 'done', identity: managedIdentity(state.db, find(state, no, id)!, tiers) };
  },

  changeIdentity(state, { tenantNo, mode, id, change, note, actor }): IdentityAnswer {
    const no = spaceOf(tenantNo, mode);
    const { tiers } = state.spaces.get(no);
    const row = find(state, no, id);
    if (row === undefined) return { outcome: 'missing' };
    const identity = managedIdentity(state.db, row, tiers);
    const before = fieldsOf(identity);
    const given = Object.entries(change).filter(([, value]) => value !== undefined);
    const after: IdentityFields = { ...before, ...Object.fromEntries(given) };
    const touchesSuspension = before.state !== after.state && [before.state, after.state].includes('suspended');
    if (touchesSuspension && !actor.mayOperate) return operators('state');
    const found = trouble(state, no, after, { id: identity.id, tiers, actor });
    if (found !== null) return found;
    const refused = refuseLoosening(loosenedFields(before, after, tiers), note, actor);
    if (refused !== null) return refused;
    const named = change.mailboxes === undefined ? null : namedMailboxes(state, no, identity.no, change.mailboxes);
    if (named !== null && !Array.isArray(named)) return named;
    state.db
      .prepare(
        `UPDATE identity SET handle = ?, from_email = ?, from_name = ?, tier = ?, daily_cap = ?, approvals = ?, state = ?,
         working_hours = ?, drip = ?, ready_at = ?, state_note = ?, updated_at = ? WHERE no = ?`,
      )
      .run(...columns(after), before.state === after.state ? identity.stateNote : note, state.realNow, identity.no);
    if (named !== null) putMailboxes(state, identity.no, named);
    const isSuspended = before.state !== after.state && after.state === 'suspended';
    const type = isSuspended ? 'identity.suspended' : 'identity.updated';
    finish(state, no, type, { id: identity.id, note, actor, before, after });
    return { outcome: 'done', identity: managedIdentity(state.db, find(state, no, identity.id)!, tiers) };
  },

  deleteIdentity(state, { tenantNo, mode, id, actor }): IdentityAnswer {
    const no = spaceOf(tenantNo, mode);
    const row = find(state, no, id);
    if (row === undefined) return { outcome: 'missing' };
    const identity = managedIdentity(state.db, row, state.spaces.get(no).tiers);
    if (identity.state === 'suspended' && !actor.mayOperate) return operators('state');
    // Made anew under its handle it would ask for no approval.
    if (identity.approvals !== 'none' && !actor.mayApprove) {
      return { outcome: 'human_decision_required', needs: 'approve', loosens: ['approvals'] };
    }
    state.db.prepare('UPDATE identity SET deleted_at = ? WHERE no = ?').run(state.realNow, identity.no);
    putMailboxes(state, identity.no, []);
    finish(state, no, 'identity.deleted', { id: identity.id, note: null, actor, before: fieldsOf(identity) });
    return { outcome: 'done', identity };
  },
};
