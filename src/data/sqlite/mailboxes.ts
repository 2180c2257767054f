/**
 * Mailboxes as people manage them.
 *
 * Invariants: a person alone raises a cap, quickens a warm-up or resumes what a person paused, and nobody gets around that by
 * making the mailbox anew: an address keeps its last cap and its health. Credentials never leave the provider they were given for.
 */
import type { EventType } from '../../core/events.ts';
import type { Ramp } from '../../policy/document.ts';
import { DEFAULT_PROVIDER, DEFAULT_PROVIDER_NAME } from '../../policy/pool.ts';
import type { ImapSettings } from '../port/imap.ts';
import type { Actor, Refused } from '../port/management.ts';
import type {
  ImapChange,
  MailboxAnswer,
  MailboxFields,
  ManagedMailbox,
  SendersWrites,
  SenderTrouble,
} from '../port/senders.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { wakeRepaired } from './closed-routes.ts';
import { prepared } from './database.ts';
import { managedMailbox } from './managed-senders.ts';
import { refuseLoosening } from './policies.ts';
import { defined, letsMore, refuseUndoing, whoOf } from './providers.ts';
import type { Row } from './rows.ts';
import { imapOf, mailboxRow, providerRow } from './sender-rows.ts';
import { modeOf, spaceOf, tenantNoOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

type MailboxCalls = Pick<
  SendersWrites,
  'createMailbox' | 'changeMailbox' | 'pauseMailbox' | 'resumeMailbox' | 'deleteMailbox'
>;
const MOST_MAILBOXES = 1000;

/** As the audit log has it: nothing of what is sealed. */
function shown(mailbox: ManagedMailbox): Record<string, unknown> {
  const { address, providerName, identityHandle, dailyCap, ramp, state, hasCredentials, imap } = mailbox;
  return {
    ...{ address, provider: providerName, identity: identityHandle, daily_cap: dailyCap, warmup: ramp, state },
    ...{ has_credentials: hasCredentials, imap_url: imap?.url ?? null },
  };
}

type Told = {
  type: EventType;
  note: string | null;
  actor: Actor;
  before?: ManagedMailbox;
  after?: ManagedMailbox;
};

function finish(state: WriterState, no: number, told: Told): void {
  const { type, note, actor, before, after } = told;
  state.flushRows();
  state.spaces.forget(no);
  const space = state.spaces.get(no);
  wakeRepaired(state, space, null);
  const about = (after ?? before)!;
  const data = {
    ...{ mailbox_id: about.id, address: about.address, identity_id: about.identityId },
    ...{ provider_id: about.providerId, state: about.state, note },
  };
  state.emit(space, type, space.now(state.realNow), null, data);
  audit(state, {
    tenantNo: tenantNoOf(no),
    mode: modeOf(no),
    ...by(actor),
    action: type,
    target: about.id,
    note,
    before: before && shown(before),
    after: after && shown(after),
  });
}

type Refs = { provider: number; identity: number | null };

/** The numbers behind what the fields name, or which of them names nothing. */
function refs(
  state: WriterState,
  no: number,
  { provider, identity }: Pick<MailboxFields, 'provider' | 'identity'>,
): Refs | SenderTrouble {
  const found = provider === DEFAULT_PROVIDER_NAME ? DEFAULT_PROVIDER : providerRow(state.db, no, provider)?.['no'];
  if (found === undefined) return { outcome: 'unknown', param: 'provider', value: provider };
  if (identity === null) return { provider: found as number, identity: null };
  const known = prepared(
    state.db,
    'SELECT no FROM identity WHERE space = ? AND (id = ? OR handle = ?) AND deleted_at IS NULL',
  ).get(no, identity, identity);
  if (known === undefined) return { outcome: 'unknown', param: 'identity', value: identity };
  return { provider: found as number, identity: known['no'] as number };
}

/** Whether the second ramp may at some day let more through than the first. */
function isQuicker(before: Ramp | null, after: Ramp | null): boolean {
  if (before === null) return false;
  if (after === null) return true;
  return (
    after.start > before.start ||
    after.factorPercent > before.factorPercent ||
    after.everyDays < before.everyDays ||
    after.days < before.days
  );
}

type Bounds = { dailyCap: number | null; warmup: Ramp | null };

function refuseLooser(before: Bounds, after: Bounds, note: string | null, actor: Actor): Refused | null {
  const loosens: string[] = [];
  if (letsMore(before.dailyCap, after.dailyCap)) loosens.push('daily_cap');
  if (isQuicker(before.warmup, after.warmup)) loosens.push('warmup');
  return refuseLoosening(loosens, note, actor);
}

const rampText = (ramp: Ramp | null): string | null => (ramp === null ? null : JSON.stringify(ramp));

/** Where nothing is said of its credentials, they are those it had. */
function keptImap(before: ImapSettings | null, after: ImapChange | null): ImapSettings | null {
  if (after === null) return null;
  return { ...after, sealed: after.sealed === 'keep' ? (before?.sealed ?? null) : after.sealed };
}

const imapColumns = (imap: ImapSettings | null): (string | number | Uint8Array | null)[] => [
  imap?.url ?? null,
  imap?.appendToSent ? 1 : 0,
  imap?.sealed ?? null,
];

function isTaken(state: WriterState, no: number, key: string, except: number | null): boolean {
  const row = mailboxRow(state.db, no, key);
  return row !== undefined && row['no'] !== except;
}

function done(state: WriterState, no: number, id: string): { outcome: 'done'; mailbox: ManagedMailbox } {
  return { outcome: 'done', mailbox: managedMailbox(state.db, mailboxRow(state.db, no, id)!) };
}

/** What this address was when it was last here. */
function predecessor(state: WriterState, no: number, key: string): Row | undefined {
  return prepared(
    state.db,
    'SELECT * FROM mailbox WHERE space = ? AND address_key = ? AND deleted_at IS NOT NULL ORDER BY no DESC LIMIT 1',
  ).get(no, key);
}

function inherit(state: WriterState, id: string, from: Row): void {
  const to = prepared(state.db, 'SELECT no FROM mailbox WHERE id = ?').get(id)!['no'] as number;
  const fromNo = from['no'] as number;
  prepared(state.db, 'UPDATE mailbox SET health = ?, excluded_since = ? WHERE no = ?').run(
    from['health'] as number,
    from['excluded_since'] as number | null,
    to,
  );
  prepared(
    state.db,
    'INSERT OR REPLACE INTO mailbox_health (mailbox, space, state) SELECT ?, space, state FROM mailbox_health WHERE mailbox = ?',
  ).run(to, fromNo);
}

export const MAILBOX_WRITES: WriteCalls<MailboxCalls> = {
  createMailbox(state, { tenantNo, mode, id, fields, note, actor }): MailboxAnswer {
    const no = spaceOf(tenantNo, mode);
    if (isTaken(state, no, fields.key, null)) return { outcome: 'taken' };
    const found = refs(state, no, fields);
    if ('outcome' in found) return found;
    const { n } = prepared(state.db, 'SELECT count(*) AS n FROM mailbox WHERE space = ? AND deleted_at IS NULL').get(
      no,
    ) as { n: number };
    if (n >= MOST_MAILBOXES) return { outcome: 'full', most: MOST_MAILBOXES };
    const before = predecessor(state, no, fields.key);
    if (before !== undefined) {
      const refused = refuseLooser(
        { dailyCap: before['daily_cap'] as number | null, warmup: null },
        fields,
        note,
        actor,
      );
      if (refused !== null) return refused;
    }
    prepared(
      state.db,
      `INSERT INTO mailbox (id, space, address, address_key, provider, identity, daily_cap, warmup, state, sealed,
        imap_url, imap_append, imap_sealed, version, created_at, updated_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'active', ?, ?, ?, ?, 1, ?, ?)`,
    ).run(
      ...[id, no, fields.address, fields.key, found.provider, found.identity, fields.dailyCap],
      ...[rampText(fields.warmup), fields.sealed, ...imapColumns(fields.imap), state.realNow, state.realNow],
    );
    if (before !== undefined) inherit(state, id, before);
    const made = done(state, no, id);
    finish(state, no, { type: 'mailbox.created', note, actor, after: made.mailbox });
    return made;
  },

  changeMailbox(state, { tenantNo, mode, id, change, note, actor }): MailboxAnswer {
    const no = spaceOf(tenantNo, mode);
    const row = mailboxRow(state.db, no, id);
    if (row === undefined) return { outcome: 'missing' };
    const before = managedMailbox(state.db, row);
    const previous: MailboxFields = {
      ...{ address: before.address, key: row['address_key'] as string, dailyCap: before.dailyCap },
      ...{ provider: before.providerId, identity: before.identityId, warmup: before.ramp },
      ...{ sealed: row['sealed'] as Uint8Array | null, imap: imapOf(row) },
    };
    const { imap = previous.imap, ...others } = change;
    const after: MailboxFields = { ...previous, ...defined(others), imap: keptImap(previous.imap, imap) };
    if (isTaken(state, no, after.key, before.no)) return { outcome: 'taken' };
    const found = refs(state, no, after);
    if ('outcome' in found) return found;
    const refused = refuseLooser(previous, after, note, actor);
    if (refused !== null) return refused;
    if (found.provider !== before.provider && change.sealed === undefined) after.sealed = null;
    prepared(
      state.db,
      `UPDATE mailbox SET address = ?, address_key = ?, provider = ?, identity = ?, daily_cap = ?, warmup = ?, sealed = ?,
        imap_url = ?, imap_append = ?, imap_sealed = ?, version = version + 1, updated_at = ? WHERE no = ?`,
    ).run(
      ...[after.address, after.key, found.provider, found.identity, after.dailyCap],
      ...[rampText(after.warmup), after.sealed, ...imapColumns(after.imap)],
      ...[state.realNow, before.no],
    );
    state.routing.closed.openAll({ provider: null, mailbox: before.no }, true);
    const made = done(state, no, before.id);
    finish(state, no, { type: 'mailbox.updated', note, actor, before, after: made.mailbox });
    return made;
  },

  pauseMailbox(state, { tenantNo, mode, id, note, actor }): MailboxAnswer {
    const no = spaceOf(tenantNo, mode);
    const row = mailboxRow(state.db, no, id);
    if (row === undefined) return { outcome: 'missing' };
    const before = managedMailbox(state.db, row);
    // A pause of software may become a person's, and one of the tenant the operator's; none becomes weaker.
    const ranks = [null, 'tenant', 'person', 'operator'];
    const who = whoOf(actor);
    if (ranks.indexOf(row['paused_by'] as string | null) >= ranks.indexOf(who)) {
      return { outcome: 'conflict', state: before.state };
    }
    return turn(state, no, before, { to: 'paused', by: who, note, actor });
  },

  resumeMailbox(state, { tenantNo, mode, id, note, actor }): MailboxAnswer {
    const no = spaceOf(tenantNo, mode);
    const row = mailboxRow(state.db, no, id);
    if (row === undefined) return { outcome: 'missing' };
    const before = managedMailbox(state.db, row);
    if (before.state !== 'paused') return { outcome: 'conflict', state: before.state };
    const refused = refuseUndoing(row['paused_by'] as string, 'mailbox.state', note, actor);
    return refused ?? turn(state, no, before, { to: 'active', by: null, note, actor });
  },

  deleteMailbox(state, { tenantNo, mode, id, note, actor }): MailboxAnswer {
    const no = spaceOf(tenantNo, mode);
    const row = mailboxRow(state.db, no, id);
    if (row === undefined) return { outcome: 'missing' };
    const before = managedMailbox(state.db, row);
    // Made anew it would not be paused.
    const refused = refuseUndoing(row['paused_by'] as string | null, 'mailbox.state', note, actor);
    if (refused !== null) return refused;
    state.flushRows();
    prepared(state.db, 'UPDATE mailbox SET deleted_at = ?, sealed = NULL, imap_sealed = NULL WHERE no = ?').run(
      state.realNow,
      before.no,
    );
    finish(state, no, { type: 'mailbox.deleted', note, actor, before });
    return { outcome: 'done', mailbox: before };
  },
};

function turn(
  state: WriterState,
  no: number,
  before: ManagedMailbox,
  to: { to: 'paused' | 'active'; by: string | null; note: string | null; actor: Actor },
): MailboxAnswer {
  const { note, actor } = to;
  prepared(state.db, 'UPDATE mailbox SET state = ?, state_note = ?, paused_by = ?, updated_at = ? WHERE no = ?').run(
    to.to,
    note,
    to.by,
    state.realNow,
    before.no,
  );
  const made = done(state, no, before.id);
  const type = to.to === 'paused' ? 'mailbox.paused' : 'mailbox.resumed';
  finish(state, no, { type, note, actor, before, after: made.mailbox });
  return made;
}
