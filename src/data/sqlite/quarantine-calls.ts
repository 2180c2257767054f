/** The port's writes about risk and quarantine: each finds what it is about, sees whether it may be done now, and does it. */
import { eventNumber } from '../../core/events.ts';
import { observeLikeness } from '../../policy/risk/observe.ts';
import type { AppealAnswer, Quarantine, QuarantineAnswer, QuarantineWrites, RiskReport } from '../port/quarantine.ts';
import type { Space as SpaceName } from '../store.ts';
import type { WriteCalls } from './calls.ts';
import { prepared } from './database.ts';
import { findMessage } from './messages-reads.ts';
import { appeal, enter, passTime, release, uphold } from './quarantine.ts';
import { holdWaiting, WORK } from './quarantine-holds.ts';
import { finishHeld } from './quarantine-release.ts';
import { quarantineByNo, quarantineRowById } from './quarantine-rows.ts';
import { isQuarantinedState, openQuarantine, type QuarantineRow } from './quarantine-standing.ts';
import { recentMessages } from './recent-messages.ts';
import { riskReportOf } from './risk-shown.ts';
import { parsePublicId, publicId } from './row-id.ts';
import { modeOf, type Space, spaceOf } from './spaces.ts';
import { messageRow } from './stored.ts';
import type { WriterState } from './writer-state.ts';

/** Events looked at for the last refused message. */
const MOST_LOOKED_AT = 5000;
/** Quarantines that a sweep works for at once. */
const MOST_SWEPT = 20;

type Found = { space: Space; row: QuarantineRow; now: number };

function spaceAt(state: WriterState, { tenantNo, mode }: SpaceName): { space: Space; now: number } {
  const space = state.spaces.get(spaceOf(tenantNo, mode));
  const now = space.now(state.realNow);
  passTime(state, space, now);
  return { space, now };
}

function findById(state: WriterState, id: string): Found | null {
  const named = quarantineRowById(state.db, id);
  if (named === null) return null;
  const { space, now } = spaceAt(state, { tenantNo: Math.floor(named.space / 2), mode: modeOf(named.space) });
  return { space, row: quarantineRowById(state.db, id)!, now };
}

function done(state: WriterState, no: number): QuarantineAnswer {
  return { outcome: 'done', quarantine: quarantineByNo(state.db, no) };
}

/** The message that an id names, in any form the gateway gives out; null where this space has none such. */
function messageNamed(state: WriterState, where: SpaceName, id: string): string | null {
  const recipient = parsePublicId('rcp', id);
  if (recipient === null) return findMessage(state.db, { ...where, id }) === null ? null : id;
  const row = prepared(state.db, 'SELECT message, space FROM recipient WHERE id = ?').get(recipient.row);
  const message = row === undefined ? null : messageRow(state.db, row['message'] as number);
  const isOurs = message?.space === spaceOf(where.tenantNo, where.mode) && message.nonce === recipient.nonce;
  return isOurs ? publicId('msg', message.id, message.nonce) : null;
}

const BLOCKED = eventNumber('message.blocked');

/** The last message that was refused since the quarantine began. */
function lastRefused(
  state: WriterState,
  space: Space,
  since: number,
): { id: string; contentHash: string | null } | null {
  for (const row of recentMessages(state, space, { types: [BLOCKED], since, most: MOST_LOOKED_AT })) {
    return { id: publicId('msg', row.id, row.nonce), contentHash: row.content_hash };
  }
  return null;
}

function fileAppeal(state: WriterState, input: Parameters<QuarantineWrites['fileAppeal']>[0]): AppealAnswer {
  state.flushRows();
  const { space, now } = spaceAt(state, input);
  const row = openQuarantine(state.db, space.no);
  if (row === null) return { outcome: 'conflict', id: null, state: 'none' };
  if (row.state === 'probation' || row.state === 'under_review') {
    return { outcome: 'conflict', id: row.id, state: row.state };
  }
  const messageId = input.messageId === null ? null : messageNamed(state, input, input.messageId);
  if (input.messageId !== null && messageId === null) return { outcome: 'unknown_message' };
  const refused = lastRefused(state, space, row.since);
  const about = { messageId, refusedId: refused?.id ?? null, contentHash: refused?.contentHash ?? null };
  appeal(state, space, row, { ...about, statement: input.statement, hand: { actor: input.actor } }, now);
  const quarantine = quarantineByNo(state.db, row.no);
  return { outcome: 'filed', quarantine, appeal: quarantine.appeal! };
}

/** What was found lasts a day; it is written again only where it has changed or is half gone. */
const RENEW_MS = 12 * 3_600_000;

export const QUARANTINE_WRITES: WriteCalls<QuarantineWrites> = {
  fileAppeal,

  noteLikeness(state, { found }) {
    let touched = 0;
    for (const { space: no, percent } of found) {
      const space = state.spaces.get(no);
      const now = space.now(state.realNow);
      const { likeness, likenessAt } = space.risk;
      if (likeness === percent * 1000 && now - likenessAt < RENEW_MS) continue;
      observeLikeness(space.risk, percent, now);
      state.risks.changed(no);
      touched += 1;
    }
    return touched;
  },

  quarantineOf(state, input): Quarantine | null {
    const { space } = spaceAt(state, input);
    const row = openQuarantine(state.db, space.no);
    return row === null ? null : quarantineByNo(state.db, row.no);
  },

  riskOf(state, input): RiskReport {
    const { space, now } = spaceAt(state, input);
    return riskReportOf(space, now);
  },

  quarantineTenant(state, { tenantId, mode, note, releaseAt, actor }) {
    const tenant = prepared(state.db, 'SELECT no FROM tenant WHERE id = ?').get(tenantId) as { no: number } | undefined;
    if (tenant === undefined) return { outcome: 'not_found' };
    const { space, now } = spaceAt(state, { tenantNo: tenant.no, mode });
    const open = openQuarantine(state.db, space.no);
    if (open !== null && open.state !== 'probation') return { outcome: 'conflict', id: open.id, state: open.state };
    const { score, threshold, signals } = riskReportOf(space, now);
    const raising = signals.filter(({ contribution }) => contribution > 0);
    const entry = { score, threshold, signals: raising, now, releaseAt, note, hand: { actor } };
    const row = enter(state, space, entry);
    return done(state, row.no);
  },

  releaseQuarantine(state, { id, note, probation, held, actor }) {
    const found = findById(state, id);
    if (found === null) return { outcome: 'not_found' };
    const { space, row, now } = found;
    if (row.state === 'released') return { outcome: 'conflict', id, state: row.state };
    release(state, space, row, { probation, held, note, hand: { actor } }, now);
    return done(state, row.no);
  },

  upholdQuarantine(state, { id, note, actor }) {
    const found = findById(state, id);
    if (found === null) return { outcome: 'not_found' };
    const { space, row, now } = found;
    if (!isQuarantinedState(row.state)) return { outcome: 'conflict', id, state: row.state };
    uphold(state, space, row, { note, hand: { actor } }, now);
    return done(state, row.no);
  },
};

/** A slice of what quarantines still have to do: what fell due by time, mail to hold, mail to send or drop. */
export function sweepQuarantines(state: WriterState): { count: number; more: boolean } {
  const { db } = state;
  const timed = prepared(
    db,
    "SELECT space FROM quarantine WHERE state <> 'released' AND (release_at IS NOT NULL OR probation_until IS NOT NULL)",
  ).all() as { space: number }[];
  for (const { space: no } of timed) {
    const space = state.spaces.get(no);
    passTime(state, space, space.now(state.realNow));
  }
  const rows = prepared(db, 'SELECT * FROM quarantine WHERE work > 0 ORDER BY no LIMIT ?').all(
    MOST_SWEPT,
  ) as unknown as QuarantineRow[];
  let count = 0;
  const [first] = rows;
  if (first !== undefined) {
    const space = state.spaces.get(first.space);
    count = first.work === WORK.hold ? holdWaiting(state, space, first) : finishHeld(state, space, first);
  }
  return { count, more: first !== undefined };
}
