/**
 * The life of a quarantine: none → active → under_review → (probation →) none, or upheld.
 *
 * It begins by the score, in the group of the message that brought it past the threshold, or by the operator; it ends by the
 * operator's release or at a set time. Every step is one transaction with its row, its event, its line in the audit log and its
 * notice. What was known at the entry is frozen then.
 *
 * Invariants: a space has at most one that is open; the space's standing in memory follows its row in the same group; what is
 * due by time happens before the next decision, on the space's own clock. Absent here: the score itself (policy/risk), and what
 * becomes of the mail that waits (quarantine-holds.ts).
 */
import { newId } from '../../base/ids.ts';
import { addDuration, parseDuration } from '../../core/duration.ts';
import { eventNumber } from '../../core/events.ts';
import { formatTime } from '../../core/time.ts';
import { limitsAccount } from '../../policy/probation.ts';
import type { Actor } from '../port/management.ts';
import type { ProbationTerms, QuarantineEvidence, RiskSignalReport } from '../port/quarantine.ts';
import { ACCOUNT_WRITES } from './accounts.ts';
import { audit, by } from './audit.ts';
import { prepared } from './database.ts';
import { notify } from './notices.ts';
import { holdWaiting } from './quarantine-holds.ts';
import { finishHeld } from './quarantine-release.ts';
import { changesAt, openQuarantine, type QuarantineRow, standingOf } from './quarantine-standing.ts';
import { recentMessages } from './recent-messages.ts';
import { publicId } from './row-id.ts';
import { modeOf, type Space } from './spaces.ts';
import { HOUR_MS, type WriterState } from './writer-state.ts';

const DAY_MS = 86_400_000;
const SAMPLES = 10;
/** Events looked at for samples. */
const MOST_LOOKED_AT = 500;
/** Days in which the busiest one is sought: what an account without limits may send is measured by it. */
const BASELINE_DAYS = 30;
const LEAST_BASELINE = 100;

/** Who makes a step: a person, or Postern by itself. */
export type Hand = { actor: Actor } | { actor: null; name: string };

const BY_SCORE: Hand = { actor: null, name: 'risk score' };
const BY_TIME: Hand = { actor: null, name: 'release time' };

function nameOf(hand: Hand): string {
  return hand.actor === null ? hand.name : hand.actor.name;
}

function auditStep(
  state: WriterState,
  space: Space,
  step: { action: string; id: string; hand: Hand; note: string | null; before: string | null; after: object },
): void {
  const { action, id, hand, note, before, after } = step;
  const who = hand.actor === null ? { actor: hand.name } : by(hand.actor);
  const about = { tenantNo: space.tenant.no, mode: modeOf(space.no), action, target: id, note };
  audit(state, { ...about, ...who, before: before === null ? undefined : { state: before }, after });
}

/** The space's quarantine as its row has it now. */
function renew(state: WriterState, space: Space): void {
  space.quarantine = standingOf(openQuarantine(state.db, space.no));
}

/** By the score: `signals` are those that made it up. */
export function enterByScore(
  state: WriterState,
  space: Space,
  found: { score: number; threshold: number; signals: readonly RiskSignalReport[]; now: number },
): void {
  const after = parseDuration(space.policy.document.quarantine.release_after ?? '');
  const releaseAt = after === null ? null : addDuration(found.now, after);
  enter(state, space, { ...found, releaseAt, note: null, hand: BY_SCORE });
}

type Entry = {
  score: number;
  threshold: number;
  signals: readonly RiskSignalReport[];
  now: number;
  releaseAt: number | null;
  note: string | null;
  hand: Hand;
};

export function enter(state: WriterState, space: Space, entry: Entry): QuarantineRow {
  state.flushRows();
  const { score, threshold, signals, now, releaseAt, note, hand } = entry;
  // A probation ends where the next quarantine begins.
  const open = openQuarantine(state.db, space.no);
  if (open !== null) prepared(state.db, "UPDATE quarantine SET state = 'released' WHERE no = ?").run(open.no);
  const id = newId('qtn');
  const setBy = hand.actor === null ? 'score' : 'operator';
  const evidence: QuarantineEvidence = {
    signals,
    figures: { ...figuresOf(state, space, now), waiting: 0 },
    sample_message_ids: samplesOf(state, space),
  };
  const { lastInsertRowid } = prepared(
    state.db,
    `INSERT INTO quarantine (id, space, state, since, set_by, score, threshold, evidence, note, release_at)
     VALUES (?, ?, 'active', ?, ?, ?, ?, ?, ?, ?)`,
  ).run(id, space.no, now, setBy, score, threshold, JSON.stringify(evidence), note, releaseAt);
  const no = Number(lastInsertRowid);
  renew(state, space);
  const told = { quarantine_id: id, set_by: setBy, score, threshold, signals, release_at: releaseAt, note };
  state.emit(space, 'account.quarantined', now, null, told);
  const step = { action: 'quarantine.entered', id, hand, note, before: open?.state ?? null };
  auditStep(state, space, { ...step, after: { state: 'active', score, threshold, release_at: releaseAt } });
  const row = openQuarantine(state.db, space.no)!;
  evidence.figures.waiting = holdWaiting(state, space, row);
  prepared(state.db, 'UPDATE quarantine SET evidence = ? WHERE no = ?').run(JSON.stringify(evidence), no);
  notify(state, space, {
    kind: 'quarantine',
    occasion: id,
    subject: `The account "${space.tenant.name}" is in quarantine`,
    lines: [
      setBy === 'score'
        ? `The risk score reached ${score}; the threshold is ${threshold}. It was raised by: ${namesOf(signals)}.`
        : `The operator put it there: ${note ?? 'no reason was given'}`,
      'Nothing is sent until it is released. What was accepted before and has not left is held.',
      releaseAt === null ? 'It has no set end.' : `It ends by itself at ${formatTime(releaseAt)}.`,
      `Appeal with POST /v1/quarantine/appeals, and name a message. The quarantine is ${id}.`,
    ],
  });
  return row;
}

function namesOf(signals: readonly RiskSignalReport[]): string {
  return signals.map(({ name }) => name.replaceAll('_', ' ')).join(', ') || 'nothing in particular';
}

function figuresOf(state: WriterState, space: Space, now: number): Omit<QuarantineEvidence['figures'], 'waiting'> {
  const hour = Math.floor(now / HOUR_MS);
  const tallies = talliesOf(state, space, hour - 23, hour + 1);
  const sum = (rows: typeof tallies): number => rows.reduce((total, { n }) => total + n, 0);
  const accepted = tallies.filter(({ code }) => code === 'accepted');
  return {
    account_age_days: Math.max(0, Math.floor((now - space.tenant.createdAt) / DAY_MS)),
    accepted_last_hour: sum(accepted.filter((row) => row.hour === hour)),
    accepted_last_day: sum(accepted),
    refused_last_day: sum(tallies.filter(({ code }) => code === 'refusal_repeated' || code.endsWith('_exceeded'))),
  };
}

function talliesOf(state: WriterState, space: Space, since: number, until: number) {
  const where = { tenantNo: space.tenant.no, mode: modeOf(space.no) };
  return ACCOUNT_WRITES.tallies(state, { ...where, since, until });
}

/** The most recipients that were accepted on one day of late. */
function busiestDay(state: WriterState, space: Space, now: number): number {
  const hour = Math.floor(now / HOUR_MS);
  const days = new Map<number, number>();
  for (const { hour: at, code, n } of talliesOf(state, space, hour - BASELINE_DAYS * 24, hour + 1)) {
    const day = Math.floor(at / 24);
    if (code === 'accepted') days.set(day, (days.get(day) ?? 0) + n);
  }
  return Math.max(LEAST_BASELINE, ...days.values());
}

const ACCEPTANCES = [eventNumber('message.accepted'), eventNumber('message.scheduled')];

/** Ids of the last messages that were accepted, newest first. */
function samplesOf(state: WriterState, space: Space): string[] {
  const ids = new Set<string>();
  for (const { id, nonce } of recentMessages(state, space, { types: ACCEPTANCES, since: 0, most: MOST_LOOKED_AT })) {
    ids.add(publicId('msg', id, nonce));
    if (ids.size === SAMPLES) break;
  }
  return [...ids];
}

export type Release = { probation: ProbationTerms | null; held: 'send' | 'drop'; note: string | null; hand: Hand };

/** Ends a quarantine, or the probation after it where no new one is set. */
export function release(state: WriterState, space: Space, row: QuarantineRow, how: Release, now: number): void {
  state.flushRows();
  const { probation, held, note, hand } = how;
  const until = probation === null ? null : now + Math.round(probation.days * DAY_MS);
  const factor = probation === null ? null : Math.min(999, Math.max(1, Math.round(probation.factor * 1000)));
  const baseline = probation === null || limitsAccount(space.policy) ? null : busiestDay(state, space, now);
  prepared(
    state.db,
    `UPDATE quarantine SET state = ?, decided_at = ?, decided_by = ?, decision_note = ?, held = ?, release_at = NULL,
       factor = ?, probation_since = ?, probation_until = ?, baseline = ? WHERE no = ?`,
  ).run(
    probation === null ? 'released' : 'probation',
    now,
    nameOf(hand),
    note,
    held,
    factor,
    probation === null ? null : now,
    until,
    baseline,
    row.no,
  );
  closeAppeals(state, row, 'released');
  renew(state, space);
  state.risks.released(space.no, space.tenant, now);
  const terms = probation === null ? null : { ...probation, until_at: until };
  const told = { quarantine_id: row.id, by: nameOf(hand), note, held, probation: terms };
  state.emit(space, 'account.quarantine_released', now, null, told);
  const step = { action: 'quarantine.released', id: row.id, hand, note, before: row.state };
  auditStep(state, space, {
    ...step,
    after: { state: probation === null ? 'released' : 'probation', held, probation: terms },
  });
  notify(state, space, {
    kind: 'quarantine_released',
    occasion: `${row.id} released ${now}`,
    subject: `The account "${space.tenant.name}" may send again`,
    lines: [
      `The quarantine ${row.id} was released${note === null ? '' : `: ${note}`}`,
      probation === null || until === null
        ? 'All limits apply as before.'
        : `It is on probation until ${formatTime(until)}: its limits begin at ${Math.round(probation.factor * 100)} % and grow back.`,
      held === 'send' ? 'Mail that was held is sent now.' : 'Mail that was held is cancelled.',
    ],
  });
  finishHeld(state, space, openOrDone(state, row.no));
}

function openOrDone(state: WriterState, no: number): QuarantineRow {
  return prepared(state.db, 'SELECT * FROM quarantine WHERE no = ?').get(no) as unknown as QuarantineRow;
}

function closeAppeals(state: WriterState, row: QuarantineRow, outcome: 'released' | 'upheld'): void {
  prepared(state.db, "UPDATE appeal SET state = ? WHERE quarantine = ? AND state = 'open'").run(outcome, row.no);
}

export function uphold(
  state: WriterState,
  space: Space,
  row: QuarantineRow,
  { note, hand }: { note: string; hand: Hand },
  now: number,
): void {
  prepared(
    state.db,
    `UPDATE quarantine SET state = 'upheld', decided_at = ?, decided_by = ?, decision_note = ?, release_at = NULL
     WHERE no = ?`,
  ).run(now, nameOf(hand), note, row.no);
  closeAppeals(state, row, 'upheld');
  renew(state, space);
  state.emit(space, 'account.quarantine_upheld', now, null, { quarantine_id: row.id, by: nameOf(hand), note });
  const step = { action: 'quarantine.upheld', id: row.id, hand, note, before: row.state };
  auditStep(state, space, { ...step, after: { state: 'upheld' } });
  notify(state, space, {
    kind: 'quarantine_upheld',
    occasion: `${row.id} upheld ${now}`,
    subject: `The quarantine of "${space.tenant.name}" was upheld`,
    lines: [`The operator has looked at the quarantine ${row.id} and keeps it: ${note}`],
  });
}

export type Filing = {
  statement: string;
  messageId: string | null;
  refusedId: string | null;
  contentHash: string | null;
  hand: Hand & { actor: Actor };
};

export function appeal(state: WriterState, space: Space, row: QuarantineRow, filing: Filing, now: number): void {
  const { statement, messageId, refusedId, contentHash, hand } = filing;
  const id = newId('apl');
  prepared(
    state.db,
    `INSERT INTO appeal (id, quarantine, state, at, filed_by, statement, message_id, refused_id, content_hash)
     VALUES (?, ?, 'open', ?, ?, ?, ?, ?, ?)`,
  ).run(id, row.no, now, hand.actor.name, statement, messageId, refusedId, contentHash);
  prepared(state.db, "UPDATE quarantine SET state = 'under_review' WHERE no = ?").run(row.no);
  renew(state, space);
  const told = { quarantine_id: row.id, appeal_id: id, message_id: messageId, last_refused_message_id: refusedId };
  state.emit(space, 'account.quarantine_appealed', now, null, told);
  const step = { action: 'quarantine.appealed', id: row.id, hand, note: null, before: row.state };
  auditStep(state, space, { ...step, after: { state: 'under_review', appeal_id: id, message_id: messageId } });
  notify(state, space, {
    kind: 'quarantine_appeal',
    occasion: id,
    subject: `The account "${space.tenant.name}" appeals against its quarantine`,
    lines: [
      statement,
      `It is about ${messageId ?? 'no message in particular'}; the last message refused is ${refusedId ?? 'none'}.`,
      `Release or uphold it with POST /v1/quarantines/${row.id}/release or /uphold.`,
    ],
  });
}

/** What is due by time in a space happens now. Cheap where nothing is. */
export function passTime(state: WriterState, space: Space, now: number): void {
  if (changesAt(space.quarantine) > now) return;
  const row = openQuarantine(state.db, space.no);
  if (row === null) return;
  if (row.state !== 'probation') {
    release(state, space, row, { probation: null, held: 'send', note: null, hand: BY_TIME }, now);
    return;
  }
  prepared(state.db, "UPDATE quarantine SET state = 'released' WHERE no = ?").run(row.no);
  renew(state, space);
  state.emit(space, 'account.probation_ended', now, null, { quarantine_id: row.id });
  const step = { action: 'quarantine.probation_ended', id: row.id, hand: BY_TIME, note: null, before: 'probation' };
  auditStep(state, space, { ...step, after: { state: 'released' } });
}
