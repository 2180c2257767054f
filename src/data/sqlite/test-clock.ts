/** Test mode's own writes: the clock that stands still, and the emptying of a tenant's test data. */
import { addDuration, type Duration } from '../../core/duration.ts';
import { stateNumber } from '../../core/states.ts';
import type { TestClockCaller, TestClockMove } from '../port/test-clock.ts';
import { expireApprovals } from './approvals.ts';
import { archivesOf } from './archives.ts';
import { audit } from './audit.ts';
import { CLAIM_MS } from './dispatch.ts';
import { eventsBefore, logEnds, newestAt } from './event-log.ts';
import { expireLeases } from './leases.ts';
import { reviewHealth } from './mailbox-health.ts';
import { passTime } from './quarantine.ts';
import { tellSilences } from './silences.ts';
import { CREDITS, REAL_TIME, type Space, spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

/** Microseconds of rate limits stay safe integers until then. */
const LATEST_MS = Date.UTC(2200, 0, 1);
/** More of them than this in one move are left to the sweep. */
const MOST_EXPIRED = 1000;
/** A caller's "now" is a little old when it arrives. */
const LATE_MS = 60_000;

export function moveTestClock(
  state: WriterState,
  input: TestClockCaller & { to: { now: number } | { advance: Duration } },
): TestClockMove {
  state.flushRows();
  const space = state.spaces.get(spaceOf(input.tenantNo, 'test'));
  const stands = space.now(state.realNow);
  const to = 'now' in input.to ? input.to.now : addDuration(stands, input.to.advance);
  const earliest = space.frozenAt ?? earliestStart(state, space);
  if (to < earliest) return { ok: false, why: 'backward', bound: earliest };
  if (to > LATEST_MS) return { ok: false, why: 'too_far', bound: LATEST_MS };
  if (space.frozenAt === null) keepClaims(state, space, stands);
  state.db.prepare('INSERT OR REPLACE INTO test_clock (space, now) VALUES (?, ?)').run(space.no, to);
  state.spaces.forget(space.no);
  expireLeases(state, state.spaces.get(space.no));
  expireApprovals(state, MOST_EXPIRED);
  passTime(state, state.spaces.get(space.no), to);
  reviewHealth(state, state.spaces.get(space.no), to);
  tellSilences(state, state.spaces.get(space.no), MOST_EXPIRED);
  // What waits for a time on this clock, and is delivered from the log of events, looks again.
  state.eventSpaces.add(space.no);
  audit(state, { ...actOf(input), action: 'test_clock.moved', before: space.frozenAt, after: to });
  return { ok: true, now: to };
}

/** The real clock cannot be frozen before it, nor before anything that has happened; a minute's delay is forgiven. */
function earliestStart(state: WriterState, space: Space): number {
  return Math.max(state.realNow - LATE_MS, newestAt(state.db, logEnds(state.db, space.no)) ?? 0);
}

/** Workers hold their claims for a minute of real time, however far the clock moves meanwhile. */
function keepClaims(state: WriterState, space: Space, now: number): void {
  state.db
    .prepare('UPDATE recipient SET due = due + ? WHERE space = ? AND due >= 0 AND due > ? AND due <= ? AND state = ?')
    .run(REAL_TIME, space.no, now, now + CLAIM_MS, stateNumber('sending'));
}

export function endTestClock(state: WriterState, input: TestClockCaller): null {
  const no = spaceOf(input.tenantNo, 'test');
  empty(state, no);
  state.db.prepare('DELETE FROM test_clock WHERE space = ?').run(no);
  state.spaces.forget(no);
  audit(state, { ...actOf(input), action: 'test_clock.ended' });
  return null;
}

export function resetTestData(state: WriterState, input: TestClockCaller): null {
  const no = spaceOf(input.tenantNo, 'test');
  empty(state, no);
  state.spaces.forget(no);
  audit(state, { ...actOf(input), action: 'test_data.emptied' });
  return null;
}

function actOf(input: TestClockCaller) {
  const { tenantNo, actor, actorId } = input;
  return { tenantNo, mode: 'test', actor, actorId } as const;
}

/** Every statement reaches its rows by an index of the space or by the log, so that emptying one tenant's data costs no other's. */
const MESSAGES = 'SELECT message FROM recipient WHERE id IN (SELECT value FROM json_each(:recipients))';
const OF_RECIPIENTS = [
  `DELETE FROM blob_use WHERE message IN (${MESSAGES})`,
  `DELETE FROM message WHERE id IN (${MESSAGES})`,
  'DELETE FROM recipient WHERE id IN (SELECT value FROM json_each(:recipients))',
];
const EMPTYING = [
  'UPDATE event_head SET floor = seq, emptied = seq WHERE space = :space',
  'DELETE FROM suppression WHERE space = :space',
  'DELETE FROM used_key WHERE space = :space AND space % 2 = 1',
  'DELETE FROM attachment WHERE space = :space',
  'DELETE FROM capture WHERE space = :space',
  'DELETE FROM engagement WHERE space = :space',
  'DELETE FROM inbound WHERE space = :space',
  'DELETE FROM thread_message WHERE root IN (SELECT root FROM thread WHERE space = :space)',
  'DELETE FROM thread WHERE space = :space',
  'DELETE FROM thread_name WHERE space = :space',
  'DELETE FROM silence WHERE space = :space',
  'DELETE FROM appeal WHERE quarantine IN (SELECT no FROM quarantine WHERE space = :space)',
  'DELETE FROM quarantine_hold WHERE quarantine IN (SELECT no FROM quarantine WHERE space = :space)',
  'DELETE FROM quarantine WHERE space = :space',
  'DELETE FROM risk WHERE space = :space',
  'DELETE FROM tally WHERE space = :space',
  'DELETE FROM notice_copy WHERE notice IN (SELECT no FROM notice WHERE space = :space)',
  'DELETE FROM notice WHERE space = :space',
  'DELETE FROM shadow_difference WHERE space = :space',
  'DELETE FROM lease WHERE space = :space',
  'DELETE FROM approval WHERE space = :space',
  'DELETE FROM mailbox_hour WHERE mailbox IN (SELECT no FROM mailbox WHERE space = :space)',
  'DELETE FROM mailbox_health WHERE space = :space',
  'UPDATE mailbox SET health = 100, excluded_since = NULL WHERE space = :space',
  'DELETE FROM webhook_attempt WHERE webhook IN (SELECT no FROM webhook WHERE space = :space)',
  `UPDATE webhook SET done = '[]', tries = '[]', generation = generation + 1, error = NULL, probe_at = NULL,
     paused_reason = iif(paused_reason = 'manual', paused_reason, NULL), paused_at = iif(paused_reason = 'manual', paused_at, NULL),
     cursor = coalesce((SELECT seq FROM event_head h WHERE h.space = webhook.space), 0) WHERE space = :space`,
];

function empty(state: WriterState, no: number): void {
  state.flushRows();
  const space = state.spaces.get(no);
  const log = [...eventsBefore(state.db, no, space.seq + 1)];
  const events = JSON.stringify(log.map(({ id }) => id));
  const recipients = JSON.stringify(log.flatMap(({ recipient }) => recipient ?? []));
  for (const statement of OF_RECIPIENTS) state.db.prepare(statement).run({ recipients });
  state.db.prepare('DELETE FROM event WHERE id IN (SELECT value FROM json_each(?))').run(events);
  for (const statement of EMPTYING) state.db.prepare(statement).run({ space: no });
  archivesOf(state.db)?.forgetSpace(no);
  state.ledger.forgetSpace(no);
  state.risks.forget(no);
  state.healths.clear();
  // Refusals are folded by the rows they had.
  state.refusals.clear();
  state.spaces.forget(no);
  restoreCredits(state, space.tenant.no);
}

/** Test mode has again what the tenant has. */
function restoreCredits(state: WriterState, tenantNo: number): void {
  const credits = state.spaces.get(spaceOf(tenantNo, 'live')).tenantEntry().gauges?.get(CREDITS) ?? 0;
  state.ledger.addGauge(state.spaces.get(spaceOf(tenantNo, 'test')).tenantEntry(), CREDITS, credits);
}
