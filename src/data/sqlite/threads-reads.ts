/**
 * Reads of conversations. A list walks one space's events backwards, as that of messages does, and shows a conversation at the newest
 * event in it: nothing is written for a conversation of one message, and none needs an index by time.
 */
import type { DatabaseSync } from 'node:sqlite';
import { eventNumber } from '../../core/events.ts';
import { RECIPIENT_STATES } from '../../core/states.ts';
import type { ThreadEntry, ThreadFilter, ThreadFound, ThreadRow, ThreadsReads } from '../port/threads.ts';
import type { Page } from '../store.ts';
import { prepared } from './database.ts';
import { eventsBefore } from './event-log.ts';
import { LAST_ACCEPTANCE_TYPE } from './event-rows.ts';
import { lettersOf } from './inbound-reads.ts';
import { findMessage } from './messages-reads.ts';
import { publicId } from './row-id.ts';
import { spaceOf } from './spaces.ts';
import { type MessageRow, messageRow, readStored, recipientRows } from './stored.ts';
import { contentOf } from './stored-content.ts';
import { rootOf, type ThreadRecord, threadIdOf, threadRecord } from './thread-rows.ts';

/** Events that one page looks at. */
const MOST_LOOKED_AT = 10_000;
const MOST_MESSAGES = 500;
const MOST_LETTERS = 500;
const MOST_CONTACTS = 100;

const REPLIED = eventNumber('message.replied');
const AUTO_REPLIED = eventNumber('message.auto_replied');

type Input<Name extends keyof ThreadsReads> = Parameters<ThreadsReads[Name]>[0];
type Letter = ReturnType<typeof lettersOf>[number];
type Thread = { id: string; messages: MessageRow[]; letters: Letter[] } & Pick<
  ThreadRecord,
  'archivedAt' | 'archivings'
>;

/** A message of which nothing was accepted is part of no conversation. */
function isPart(db: DatabaseSync, message: MessageRow): boolean {
  return recipientRows(db, message.id).some((row) => RECIPIENT_STATES[row.state] !== 'blocked' || row.attempts > 0);
}

/** All of a conversation, oldest first; null where there is none of this name in the space. */
function threadOf(db: DatabaseSync, space: number, id: string): Thread | null {
  const root = rootOf(id);
  if (root === null) return null;
  const record = threadRecord(db, space, id);
  const first = messageRow(db, root.row);
  const isFirst = first !== null && first.nonce === root.nonce && first.space === space && threadIdOf(first) === id;
  if (record === null && !isFirst) return null;
  const later = prepared(db, 'SELECT message FROM thread_message WHERE root = ? ORDER BY message DESC LIMIT ?')
    .all(root.row, MOST_MESSAGES)
    .reverse()
    .flatMap((row) => messageRow(db, Number(row['message'])) ?? []);
  const messages = [...(isFirst ? [first] : []), ...later].filter((message) => isPart(db, message));
  const letters = lettersOf(db, root.row, MOST_LETTERS);
  if (messages.length === 0 && letters.length === 0) return null;
  const { archivedAt = null, archivings = [] } = record ?? {};
  return { id, messages, letters, archivedAt, archivings };
}

function rowOf(db: DatabaseSync, { id, messages, letters, archivedAt }: Thread): ThreadRow {
  const contacts = new Map<string, string>();
  for (const message of messages.slice(0, MOST_CONTACTS)) {
    for (const { key, email } of recipientRows(db, message.id))
      contacts.set(key ?? email, contacts.get(key ?? email) ?? email);
  }
  const lastMessage = messages.at(-1);
  const lastLetter = letters.at(-1);
  const isLetterLast =
    (lastLetter?.at ?? Number.NEGATIVE_INFINITY) > (lastMessage?.created_at ?? Number.NEGATIVE_INFINITY);
  const times = [...messages.map((message) => message.created_at), ...letters.map(({ at }) => at)];
  return {
    id,
    subject: messages[0]?.subject ?? letters[0]?.subject ?? '',
    identity: identityOf(db, messages),
    contacts: [...contacts.values()].slice(0, MOST_CONTACTS),
    createdAt: Math.min(...times),
    lastAt: Math.max(...times),
    messages: messages.length,
    replies: letters.filter(({ kind }) => kind !== 'auto_reply').length,
    archivedAt,
    last: isLetterLast ? entryType(lastLetter!) : 'message',
  };
}

function entryType({ kind }: Pick<Letter, 'kind'>): 'reply' | 'auto_reply' {
  return kind === 'auto_reply' ? 'auto_reply' : 'reply';
}

function identityOf(db: DatabaseSync, messages: readonly MessageRow[]): string | null {
  const no = messages.find(({ identity }) => identity !== null)?.identity ?? null;
  if (no === null) return null;
  const row = prepared(db, 'SELECT handle FROM identity WHERE no = ?').get(no);
  return row === undefined ? null : String(row['handle']);
}

/** The number of the newest event that counts as something that happened in a conversation. */
function newestSeq(db: DatabaseSync, { messages }: Thread): number {
  const newest = prepared(
    db,
    `SELECT max(seq) AS seq FROM event WHERE recipient >= ? AND recipient < ? AND recipient IS NOT NULL
       AND (type > 3 OR data IS NOT NULL) AND type IN (${REPLIED}, ${AUTO_REPLIED})`,
  );
  return Math.max(0, ...messages.map(({ id, seq }) => Math.max(seq, Number(newest.get(id, id + 128)?.['seq'] ?? 0))));
}

function threads(db: DatabaseSync, input: Input<'threads'>): Page<ThreadRow> {
  const space = spaceOf(input.tenantNo, input.mode);
  const { filter } = input;
  const before = input.cursor === null ? Number.MAX_SAFE_INTEGER : Number.parseInt(input.cursor, 36);
  const rows: ThreadRow[] = [];
  let count = 0;
  for (const { seq, type, at, recipient, data } of eventsBefore(db, space, before)) {
    if (rows.length === input.limit || count === MOST_LOOKED_AT) return { rows, next: (seq + 1).toString(36) };
    count += 1;
    if (filter.since !== null && at < filter.since) break;
    if (recipient === null) continue;
    const isSent = type <= LAST_ACCEPTANCE_TYPE && data === null;
    if (!isSent && type !== REPLIED && type !== AUTO_REPLIED) continue;
    const message = isSent ? messageRow(db, recipient) : messageOf(db, recipient);
    if (message === null) continue;
    const thread = threadOf(db, space, threadIdOf(message));
    // A conversation is shown where its newest event stands, and passed over at all earlier ones.
    if (thread === null || newestSeq(db, thread) !== seq) continue;
    const row = rowOf(db, thread);
    if (isWanted(db, thread, row, filter)) rows.push(row);
  }
  return { rows, next: null };
}

function messageOf(db: DatabaseSync, recipient: number): MessageRow | null {
  const row = prepared(db, 'SELECT message FROM recipient WHERE id = ?').get(recipient);
  return row === undefined ? null : messageRow(db, Number(row['message']));
}

function isWanted(db: DatabaseSync, { messages, letters }: Thread, row: ThreadRow, filter: ThreadFilter): boolean {
  if (filter.archived !== null && (row.archivedAt !== null) !== filter.archived) return false;
  if (filter.identity !== null && row.identity !== filter.identity && !isIdentity(db, messages, filter.identity)) {
    return false;
  }
  const { contact } = filter;
  if (contact === null) return true;
  return (
    messages.some(({ id }) => recipientRows(db, id).some(({ key, email }) => (key ?? email) === contact)) ||
    letters.some(({ recipient }) => recipient === contact)
  );
}

function isIdentity(db: DatabaseSync, messages: readonly MessageRow[], id: string): boolean {
  const row = prepared(db, 'SELECT no FROM identity WHERE id = ?').get(id);
  return row !== undefined && messages.some(({ identity }) => identity === Number(row['no']));
}

export const THREAD_READS = {
  threads,

  threadNamed(db: DatabaseSync, { tenantNo, mode, name }: Input<'threadNamed'>): string | null {
    const row = prepared(db, 'SELECT id FROM thread_name WHERE space = ? AND name = ?').get(
      spaceOf(tenantNo, mode),
      name,
    );
    return row === undefined ? null : String(row['id']);
  },

  thread(db: DatabaseSync, { tenantNo, mode, id }: Input<'thread'>) {
    const thread = threadOf(db, spaceOf(tenantNo, mode), id);
    if (thread === null) return null;
    const entries: ThreadEntry[] = [
      ...thread.messages.map(
        (message) =>
          ({
            type: 'message',
            at: message.created_at,
            message: readStored(db, message),
            content: contentOf(db, message.id),
          }) as const,
      ),
      ...thread.letters.map(({ no: _no, ...reply }) => ({ type: entryType(reply), at: reply.at, reply })),
    ];
    const { archivings } = thread;
    return { thread: rowOf(db, thread), entries: entries.sort((a, b) => a.at - b.at), archivings };
  },

  threadFor(db: DatabaseSync, claim: Input<'threadFor'>): ThreadFound | 'unknown' | null {
    const space = spaceOf(claim.tenantNo, claim.mode);
    const id = claim.threadId ?? answeredThread(db, claim, space);
    if (id === null) return null;
    const thread = threadOf(db, space, id);
    if (thread === null) return claim.threadId === null ? null : 'unknown';
    const { messages, letters } = thread;
    const nameOf = (message: MessageRow | undefined): string =>
      message === undefined ? '' : publicId('msg', message.id, message.nonce);
    const last = messages.at(-1);
    const letter = letters.findLast(({ kind, ownId }) => kind !== 'auto_reply' && ownId !== null);
    const isNewer = letter !== undefined && letter.at >= (last?.created_at ?? 0);
    return { threadId: id, first: nameOf(messages[0]), last: nameOf(last), answered: isNewer ? letter.ownId : null };
  },
};

/** Where a send says only what it answers: the first that is known. */
function answeredThread(db: DatabaseSync, claim: Input<'threadFor'>, space: number): string | null {
  for (const id of claim.messageIds) {
    const message = findMessage(db, { ...claim, id });
    if (message !== null) return threadIdOf(message);
  }
  const letter = prepared(
    db,
    `SELECT (SELECT t.id FROM thread t WHERE t.root = i.root) AS id FROM inbound i
     WHERE i.space = ? AND i.own_id = ? AND i.root IS NOT NULL LIMIT 1`,
  );
  for (const foreign of claim.foreignIds) {
    const found = letter.get(space, foreign)?.['id'] ?? null;
    if (found !== null) return String(found);
  }
  return null;
}
