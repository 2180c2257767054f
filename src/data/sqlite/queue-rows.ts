/** The recipient row as the queue entry, and the statements that the queue's hot calls share, prepared once. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { canMove, RECIPIENT_STATES, type RecipientState, stateNumber } from '../../core/states.ts';
import { MESSAGE_COLUMNS, type MessageRow, RECIPIENT_COLUMNS, type RecipientRow } from './stored.ts';

export type QueueRow = RecipientRow & { claim: number; dot: number; deaths: number };

/** After so many claims that died in a row, a recipient is tried alone, so that it takes no other down with it. */
export const SUSPECT_DEATHS = 2;

export const SENDING = stateNumber('sending');

const QUEUE_COLUMNS = `${RECIPIENT_COLUMNS}, claim, dot, deaths`;
/** What has a time: fresh-rows.ts has the rest. `:lone` is the recipient that is tried alone now: no other suspect is due meanwhile. 0: any may be. */
const DUE = `space = :space AND due >= 0 AND (deaths < ${SUSPECT_DEATHS} OR :lone IN (0, id))`;

export type QueueStatements = {
  due: StatementSync;
  nextDue: StatementSync;
  endClaims: StatementSync;
  one: StatementSync;
  message: StatementSync;
  messageWithBody: StatementSync;
  claim: StatementSync;
  renew: StatementSync;
  mark: StatementSync;
  close: StatementSync;
  defer: StatementSync;
  release: StatementSync;
  uncertain: StatementSync;
  crash: StatementSync;
  wait: StatementSync;
  verdict: StatementSync;
};

const known = new WeakMap<DatabaseSync, QueueStatements>();

export function queueStatements(db: DatabaseSync): QueueStatements {
  let statements = known.get(db);
  if (statements === undefined) {
    statements = prepare(db);
    known.set(db, statements);
  }
  return statements;
}

function prepare(db: DatabaseSync): QueueStatements {
  const update = (changes: string): StatementSync => db.prepare(`UPDATE recipient SET ${changes} WHERE id = ?`);
  return {
    due: db.prepare(`SELECT ${QUEUE_COLUMNS} FROM recipient WHERE ${DUE} AND due <= :now ORDER BY due LIMIT :most`),
    nextDue: db.prepare(`SELECT due FROM recipient WHERE ${DUE} ORDER BY due LIMIT 1`),
    endClaims: db.prepare('UPDATE recipient SET due = 0 WHERE space = ? AND due >= 0 AND due >= ? AND due <= ?'),
    one: db.prepare(`SELECT ${QUEUE_COLUMNS} FROM recipient WHERE id = ?`),
    message: db.prepare(`SELECT ${MESSAGE_COLUMNS} FROM message WHERE id = ?`),
    messageWithBody: db.prepare(`SELECT ${MESSAGE_COLUMNS}, body FROM message WHERE id = ?`),
    claim: update('state = ?, due = ?, claim = claim + 1, dot = 0, attempts = attempts + 1, deaths = ?, waits = NULL'),
    renew: db.prepare('UPDATE recipient SET due = ? WHERE id = ?'),
    mark: update('dot = 1'),
    close: update('state = ?, due = ?, dot = 0, deaths = 0, closed_at = ?'),
    defer: update('state = ?, due = ?, dot = 0, deaths = 0, waits = ?'),
    release: update('state = ?, due = ?, dot = 0, attempts = attempts - 1, waits = ?'),
    uncertain: update('state = ?, due = ?, dot = 0, deaths = 0, possible_duplicate = 1'),
    crash: update('state = ?, due = ?, dot = 0, deaths = deaths + 1'),
    wait: update('due = ?'),
    verdict: update('verdict = ?'),
  };
}

export function queueRow(db: DatabaseSync, recipient: number): QueueRow | null {
  return (queueStatements(db).one.get(recipient) as unknown as QueueRow | undefined) ?? null;
}

export function queuedMessage(db: DatabaseSync, message: number): MessageRow {
  return queueStatements(db).message.get(message) as unknown as MessageRow;
}

/** The number of a state that a row may move to. A move that the states do not know is a fault of this code. */
export function moveTo(row: RecipientRow, to: RecipientState): number {
  const from = RECIPIENT_STATES[row.state]!;
  if (!canMove(from, to)) throw new Error(`a recipient cannot move from ${from} to ${to}`);
  return stateNumber(to);
}
