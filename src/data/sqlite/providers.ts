/**
 * Providers as people manage them.
 *
 * Invariants: a cap is raised, and what a person turned off is turned on, by a person alone; credentials never leave the host
 * they were given for: a provider that leads elsewhere takes none along, nor does it get those of the mailboxes on it.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { EventType } from '../../core/events.ts';
import { DEFAULT_PROVIDER_NAME, type ProviderCaps } from '../../policy/pool.ts';
import type { Actor } from '../port/management.ts';
import type { ManagedProvider, ProviderAnswer, ProviderFields, SendersWrites, SenderTrouble } from '../port/senders.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { openChanged, wakeRepaired } from './closed-routes.ts';
import { prepared } from './database.ts';
import { managedProvider } from './managed-senders.ts';
import { refuseLoosening } from './policies.ts';
import type { Row } from './rows.ts';
import { defaultOff, providerRow } from './sender-rows.ts';
import { modeOf, spaceOf, tenantNoOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

type ProviderCalls = Pick<
  SendersWrites,
  'createProvider' | 'changeProvider' | 'turnProvider' | 'deleteProvider' | 'noteProviderTest'
>;
const MOST_PROVIDERS = 100;
const MOST_NAMED = 5;
const CAPS = ['second', 'minute', 'hour', 'day'] as const;

/** Who turned something off: a person of the tenant, its software, or the operator. */
export function whoOf(actor: Actor): 'operator' | 'person' | 'tenant' {
  if (actor.mayOperate) return 'operator';
  return actor.mayApprove ? 'person' : 'tenant';
}

/** What keeps an actor from undoing what `who` did, or null. */
export function refuseUndoing(
  who: string | null,
  what: string,
  note: string | null,
  actor: Actor,
): SenderTrouble | null {
  if (who === 'operator' && !actor.mayOperate) {
    return { outcome: 'human_decision_required', needs: 'operate', loosens: [what] };
  }
  return who === 'person' ? refuseLoosening([what], note, actor) : null;
}

/** Whether a bound of `next` lets more through than one of `previous`; undefined or null is none. */
export function letsMore(previous: number | null | undefined, next: number | null | undefined): boolean {
  if (previous === null || previous === undefined) return false;
  return next === null || next === undefined || next > previous;
}

function raisedCaps(before: ProviderCaps, after: ProviderCaps): string[] {
  return CAPS.filter((cap) => letsMore(before[cap], after[cap])).map((cap) => `caps.${cap}`);
}

/** As the audit log has it: nothing of what is sealed. */
function shown(provider: ManagedProvider): Record<string, unknown> {
  const { name, kind, url, ehloName, weight, priority, caps, state, hasCredentials } = provider;
  return { name, kind, url, ehlo_name: ehloName, weight, priority, caps, state, has_credentials: hasCredentials };
}

type Told = {
  type: EventType;
  note: string | null;
  actor: Actor;
  before?: ManagedProvider;
  after?: ManagedProvider;
};

/** After a change: what decisions read is read anew, what failed is tried again, and everybody is told. */
function finish(state: WriterState, no: number, told: Told): void {
  const { type, note, actor, before, after } = told;
  state.flushRows();
  state.spaces.forget(no);
  wakeRepaired(state, state.spaces.get(no), null);
  const { id } = (after ?? before)!;
  tellProvider(state, no, type, (after ?? before)!, note);
  audit(state, {
    tenantNo: tenantNoOf(no),
    mode: modeOf(no),
    ...by(actor),
    action: type,
    target: id,
    note,
    before: before && shown(before),
    after: after && shown(after),
  });
}

function tellProvider(
  state: WriterState,
  no: number,
  type: EventType,
  provider: ManagedProvider,
  note: string | null,
): void {
  const space = state.spaces.get(no);
  const data = { provider_id: provider.id, name: provider.name, state: provider.state, note };
  state.emit(space, type, space.now(state.realNow), null, data);
}

function isTaken(db: DatabaseSync, no: number, name: string, except: number | null): boolean {
  const row = providerRow(db, no, name);
  return row !== undefined && row['no'] !== except;
}

function done(state: WriterState, no: number, id: string): { outcome: 'done'; provider: ManagedProvider } {
  const row = id === DEFAULT_PROVIDER_NAME ? null : providerRow(state.db, no, id)!;
  return { outcome: 'done', provider: managedProvider(state.db, no, row) };
}

function turnDefault(
  state: WriterState,
  no: number,
  input: { on: boolean; note: string | null; actor: Actor },
): ProviderAnswer {
  const { on, note, actor } = input;
  const before = managedProvider(state.db, no, null);
  const off = defaultOff(state.db, no);
  if (on === (off === null)) return { outcome: 'conflict', state: before.state };
  if (on) {
    const refused = refuseUndoing(off!.off_by, 'provider.state', note, actor);
    if (refused !== null) return refused;
    prepared(state.db, 'DELETE FROM default_provider_off WHERE space = ?').run(no);
  } else {
    prepared(state.db, 'INSERT INTO default_provider_off (space, note, off_by, since) VALUES (?, ?, ?, ?)').run(
      no,
      note,
      whoOf(actor),
      state.realNow,
    );
  }
  const after = managedProvider(state.db, no, null);
  finish(state, no, { type: 'provider.updated', note, actor, before, after });
  return { outcome: 'done', provider: after };
}

const columns = (fields: ProviderFields): (string | number | Uint8Array | null)[] => [
  fields.name,
  fields.kind,
  fields.url,
  fields.endpoint,
  fields.sealed,
  fields.ehloName,
  fields.weight,
  fields.priority,
  JSON.stringify(fields.caps),
];

function fieldsOf(row: Row, provider: ManagedProvider): ProviderFields {
  const { name, kind, ehloName, weight, priority, caps } = provider;
  const where = { url: row['url'] as string, endpoint: row['endpoint'] as string };
  const fields = { name, kind: kind as ProviderFields['kind'], ...where, ehloName };
  return { ...fields, weight, priority, caps, sealed: row['sealed'] as Uint8Array | null };
}

export const PROVIDER_WRITES: WriteCalls<ProviderCalls> = {
  createProvider(state, { tenantNo, mode, id, fields, note, actor }) {
    const no = spaceOf(tenantNo, mode);
    if (isTaken(state.db, no, fields.name, null)) return { outcome: 'taken' };
    const { n } = prepared(state.db, 'SELECT count(*) AS n FROM provider WHERE space = ? AND deleted_at IS NULL').get(
      no,
    ) as { n: number };
    if (n >= MOST_PROVIDERS) return { outcome: 'full', most: MOST_PROVIDERS };
    prepared(
      state.db,
      `INSERT INTO provider (id, space, name, kind, url, endpoint, sealed, ehlo_name, weight, priority, caps, state,
        version,
        created_at, updated_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'active', 1, ?, ?)`,
    ).run(id, no, ...columns(fields), state.realNow, state.realNow);
    const made = done(state, no, id);
    finish(state, no, { type: 'provider.created', note, actor, after: made.provider });
    return made;
  },

  changeProvider(state, { tenantNo, mode, id, change, note, actor }) {
    const no = spaceOf(tenantNo, mode);
    if (id === DEFAULT_PROVIDER_NAME) return { outcome: 'not_yours' };
    const row = providerRow(state.db, no, id);
    if (row === undefined) return { outcome: 'missing' };
    const before = managedProvider(state.db, no, row);
    const previous = fieldsOf(row, before);
    const after: ProviderFields = { ...previous, ...defined(change) };
    if (isTaken(state.db, no, after.name, before.no)) return { outcome: 'taken' };
    const refused = refuseLoosening(raisedCaps(previous.caps, after.caps), note, actor);
    if (refused !== null) return refused;
    const isElsewhere = after.endpoint !== previous.endpoint;
    if (isElsewhere && change.sealed === undefined) after.sealed = null;
    if (after.kind === 'ses' && after.sealed === null) return { outcome: 'no_keys' };
    if (isElsewhere) {
      const own = 'UPDATE mailbox SET sealed = NULL, version = version + 1 WHERE provider = ? AND sealed IS NOT NULL';
      prepared(state.db, own).run(before.no);
    }
    // What a test said was said of other settings; mail tries these.
    const isTriedAnew = before.state === 'error' && (change.sealed !== undefined || after.url !== previous.url);
    prepared(
      state.db,
      `UPDATE provider SET name = ?, kind = ?, url = ?, endpoint = ?, sealed = ?, ehlo_name = ?, weight = ?, priority = ?, caps = ?,
        version = version + 1, updated_at = ?, state = iif(?, 'active', state), state_note = iif(?, NULL, state_note) WHERE no = ?`,
    ).run(...columns(after), state.realNow, Number(isTriedAnew), Number(isTriedAnew), before.no);
    openChanged(state, before.no);
    // Its recovery is told when something was seen to work.
    if (isTriedAnew) state.routing.failing.add(before.no);
    const made = done(state, no, before.id);
    finish(state, no, { type: 'provider.updated', note, actor, before, after: made.provider });
    return made;
  },

  turnProvider(state, { tenantNo, mode, id, on, note, actor }) {
    const no = spaceOf(tenantNo, mode);
    if (id === DEFAULT_PROVIDER_NAME) return turnDefault(state, no, { on, note, actor });
    const row = providerRow(state.db, no, id);
    if (row === undefined) return { outcome: 'missing' };
    const before = managedProvider(state.db, no, row);
    const to = on ? 'active' : 'inactive';
    if (before.state === to) return { outcome: 'conflict', state: before.state };
    const refused = on ? refuseUndoing(row['off_by'] as string | null, 'provider.state', note, actor) : null;
    if (refused !== null) return refused;
    prepared(
      state.db,
      'UPDATE provider SET state = ?, state_note = ?, off_by = ?, updated_at = ?, version = version + ? WHERE no = ?',
    ).run(to, note, on ? null : whoOf(actor), state.realNow, on ? 1 : 0, before.no);
    if (on) openChanged(state, before.no);
    const made = done(state, no, before.id);
    finish(state, no, { type: 'provider.updated', note, actor, before, after: made.provider });
    return made;
  },

  deleteProvider(state, { tenantNo, mode, id, note, actor }) {
    const no = spaceOf(tenantNo, mode);
    if (id === DEFAULT_PROVIDER_NAME) return { outcome: 'not_yours' };
    const row = providerRow(state.db, no, id);
    if (row === undefined) return { outcome: 'missing' };
    const before = managedProvider(state.db, no, row);
    if (before.mailboxes > 0) {
      const on = prepared(
        state.db,
        'SELECT address FROM mailbox WHERE provider = ? AND deleted_at IS NULL ORDER BY no LIMIT ?',
      ).all(before.no, MOST_NAMED);
      return { outcome: 'used', mailboxes: on.map(({ address }) => address as string), count: before.mailboxes };
    }
    prepared(state.db, 'UPDATE provider SET deleted_at = ?, sealed = NULL WHERE no = ?').run(state.realNow, before.no);
    finish(state, no, { type: 'provider.deleted', note, actor, before });
    return { outcome: 'done', provider: before };
  },

  noteProviderTest(state, { no: providerNo, version, failure }) {
    const row = prepared(state.db, 'SELECT * FROM provider WHERE no = ? AND version = ? AND deleted_at IS NULL').get(
      providerNo,
      version,
    );
    if (row === undefined) return false;
    const was = row['state'] as string;
    const to = was === 'inactive' ? was : failure === null ? 'active' : 'error';
    const note = was === 'inactive' ? (row['state_note'] as string | null) : failure;
    const name = { provider: providerNo, mailbox: null };
    const isMended = failure === null && (state.routing.closed.openAll(name, false) || was === 'error');
    prepared(
      state.db,
      'UPDATE provider SET state = ?, state_note = ?, tested_at = ?, version = version + ? WHERE no = ?',
    ).run(to, note, state.realNow, isMended ? 1 : 0, providerNo);
    const no = row['space'] as number;
    // Most tests bring nothing new.
    if (to !== was || isMended) {
      state.flushRows();
      state.spaces.forget(no);
    }
    // Told once, here or by the first mail that is taken.
    const wasFailing = failure === null && was !== 'inactive' && state.routing.failing.delete(providerNo);
    if (failure === null) wakeRepaired(state, state.spaces.get(no), name);
    if (to !== was || wasFailing) {
      const type = to === 'error' ? 'provider.failing' : 'provider.recovered';
      tellProvider(state, no, type, done(state, no, row['id'] as string).provider, failure);
    }
    return true;
  },
};

/** Without the fields that are not given. */
export function defined<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Fields;
}
