/**
 * Notices: mail to the people of a tenant and to the operator, queued in the transaction of what it tells of.
 *
 * What holds: one notice an occasion, whatever repeats it; a copy an addressee, tried until it is taken or given up; at most
 * `MOST_AN_HOUR` mails an hour of one kind for a tenant and mode, since a person who gets hundreds reads none: what comes faster is
 * gathered in the next one. Nothing of it counts in a tenant's limits, and no policy is asked.
 *
 * Notices live on real time, also those of test mode: people do. Absent here: how they are worded as mail and carried (relay).
 */
import { createHash } from 'node:crypto';
import { addressKey } from '../../base/address.ts';
import { newId } from '../../base/ids.ts';
import type { DueNotice, NoticesWrites, NoticeText } from '../port/notices.ts';
import type { WriteCalls } from './calls.ts';
import { keepCapture } from './captures.ts';
import { prepared } from './database.ts';
import { modeOf, type Space } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

export type NewNotice = {
  /** What it is about, in snake_case, such as `quarantine`. */
  kind: string;
  /** One line, without an end mark. */
  subject: string;
  /** Paragraphs in order. */
  lines: readonly string[];
  /** Names the occasion: what names the same one is told once. Without it, the same words are the same occasion. */
  occasion?: string;
};

const HOUR_MS = 3_600_000;
const MOST_AN_HOUR = 12;
/** Texts in one mail; of more only the number is told. */
const MOST_TEXTS = 50;
/** A process that died over a copy has given it back by then. */
const LEASE_MS = 120_000;

/** Queues a notice in the transaction at hand. It never fails the caller: a tenant without addresses is told of nothing. */
export function notify(state: WriterState, space: Space, notice: NewNotice): void {
  const occasion = occasionOf(space, notice);
  const { db } = state;
  if (prepared(db, 'SELECT 1 FROM notice_occasion WHERE occasion = ?').get(occasion) !== undefined) return;
  prepared(db, 'INSERT INTO notice_occasion (occasion, at) VALUES (?, ?)').run(occasion, state.realNow);
  const text: NoticeText = { subject: notice.subject, lines: [...notice.lines] };
  const due = whenDue(state, space, notice.kind);
  if (due > state.realNow && gather(state, space, notice.kind, text)) return;
  const made = prepared(
    db,
    'INSERT INTO notice (id, space, kind, texts, created_at, due) VALUES (?, ?, ?, ?, ?, ?)',
  ).run(newId('ntc'), space.no, notice.kind, JSON.stringify([text]), state.realNow, due);
  const addCopy = prepared(db, "INSERT INTO notice_copy (notice, email, state, due) VALUES (?, ?, 'waiting', ?)");
  for (const email of addressees(state, space)) addCopy.run(made.lastInsertRowid, email, due);
  state.hasNotices = true;
}

function occasionOf(space: Space, { kind, subject, lines, occasion }: NewNotice): string {
  const said = occasion ?? JSON.stringify([subject, lines]);
  return createHash('sha256').update(`${space.no} ${kind} ${said}`).digest('base64');
}

/** Each address once, whoever named it. */
function addressees(state: WriterState, space: Space): string[] {
  const { operatorEmail } = state.options;
  const named = [...space.tenant.notify, ...space.policy.document.notify];
  if (operatorEmail != null) named.push(operatorEmail);
  return [...new Map(named.map((email) => [addressKey(email) ?? email, email])).values()];
}

/** Now, or when the hour has room for one more mail of this kind. */
function whenDue(state: WriterState, space: Space, kind: string): number {
  const rows = prepared(state.db, 'SELECT due FROM notice WHERE space = ? AND kind = ? AND due > ? ORDER BY due').all(
    space.no,
    kind,
    state.realNow - HOUR_MS,
  );
  const over = rows.length - MOST_AN_HOUR;
  return over < 0 ? state.realNow : Number(rows[over]!['due']) + HOUR_MS;
}

/** Adds to a mail of this kind that has not gone out; false where there is none. */
function gather(state: WriterState, space: Space, kind: string, text: NoticeText): boolean {
  const waiting = prepared(
    state.db,
    'SELECT no, texts FROM notice WHERE space = ? AND kind = ? AND due > ? ORDER BY due DESC LIMIT 1',
  ).get(space.no, kind, state.realNow);
  if (waiting === undefined) return false;
  const texts = JSON.parse(String(waiting['texts'])) as NoticeText[];
  if (texts.length < MOST_TEXTS) texts.push(text);
  else texts[MOST_TEXTS] = oneMore(texts[MOST_TEXTS]);
  prepared(state.db, 'UPDATE notice SET texts = ? WHERE no = ?').run(JSON.stringify(texts), waiting['no'] as number);
  return true;
}

function oneMore(last: NoticeText | undefined): NoticeText {
  const known = Number(/^[0-9]+/.exec(last?.subject ?? '0')?.[0]);
  return { subject: `${known + 1} more of the same kind`, lines: ['The API lists what they are about.'] };
}

type DueRow = {
  copy: number;
  attempts: number;
  id: string;
  space: number;
  kind: string;
  texts: string;
  created_at: number;
  email: string;
};

export const NOTICE_WRITES: WriteCalls<NoticesWrites> = {
  takeNotices(state, { most }) {
    const { db, realNow } = state;
    const rows = prepared(
      db,
      `SELECT c.no AS copy, c.attempts, c.email, n.id, n.space, n.kind, n.texts, n.created_at
       FROM notice_copy c JOIN notice n ON n.no = c.notice WHERE c.due <= ? ORDER BY c.due LIMIT ?`,
    ).all(realNow, most) as unknown as DueRow[];
    const lease = prepared(db, 'UPDATE notice_copy SET attempts = attempts + 1, due = ? WHERE no = ?');
    for (const { copy } of rows) lease.run(realNow + LEASE_MS, copy);
    const next = prepared(db, 'SELECT min(due) AS due FROM notice_copy WHERE due IS NOT NULL').get()?.['due'] ?? null;
    return {
      due: rows.map((row) => dueOf(state, row)),
      nextInMs: next === null ? null : Math.max(0, Number(next) - realNow),
    };
  },

  settleNotice(state, { copy, attempt, end }) {
    const to = end.outcome === 'again' ? 'waiting' : end.outcome;
    const due = end.outcome === 'again' ? end.at : null;
    const { changes } = prepared(
      state.db,
      'UPDATE notice_copy SET state = ?, due = ?, reply = ? WHERE no = ? AND attempts = ? AND due IS NOT NULL',
    ).run(to, due, end.reply.slice(0, 500), copy, attempt);
    return Number(changes) === 1;
  },

  captureNotice(state, { copy, attempt, from, to, raw }) {
    const row = prepared(
      state.db,
      `SELECT n.space FROM notice_copy c JOIN notice n ON n.no = c.notice
       WHERE c.no = ? AND c.attempts = ? AND c.due IS NOT NULL`,
    ).get(copy, attempt);
    if (row === undefined) return false;
    const space = state.spaces.get(Number(row['space']));
    // A number of its own, so that it is forgotten in its time like any other capture.
    keepCapture(state, space, { recipient: state.takeRows(1), from, to, key: addressKey(to) ?? to, raw });
    return true;
  },
};

function dueOf(state: WriterState, row: DueRow): DueNotice {
  const { tenant } = state.spaces.get(row.space);
  return {
    copy: row.copy,
    attempt: row.attempts + 1,
    id: row.id,
    tenantName: tenant.name,
    tenantId: tenant.id,
    mode: modeOf(row.space),
    kind: row.kind,
    texts: JSON.parse(row.texts) as NoticeText[],
    createdAt: row.created_at,
    email: row.email,
    now: state.realNow,
  };
}

/** Notices and occasions past their time; answers with how many went. */
export function forgetNotices(state: WriterState, before: number, most: number): number {
  const { db } = state;
  const old = prepared(db, 'SELECT no FROM notice WHERE created_at <= ? ORDER BY no LIMIT ?').all(before, most);
  for (const { no } of old) {
    prepared(db, 'DELETE FROM notice_copy WHERE notice = ?').run(no as number);
    prepared(db, 'DELETE FROM notice WHERE no = ?').run(no as number);
  }
  const occasions = prepared(
    db,
    'DELETE FROM notice_occasion WHERE no IN (SELECT no FROM notice_occasion WHERE at <= ? ORDER BY no LIMIT ?)',
  ).run(before, most);
  return old.length + Number(occasions.changes);
}
