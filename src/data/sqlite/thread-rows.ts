/**
 * Conversations: named by their first message, so that a first send writes nothing for them. The id of a conversation is that of its
 * first message with another prefix; what joins later has the id among its labels, and a row beside.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Archiving } from '../port/threads.ts';
import { prepared } from './database.ts';
import { parsePublicId, publicId } from './row-id.ts';
import type { MessageRow } from './stored.ts';
import type { WriterState } from './writer-state.ts';

const JOINED = '"thread_id":"thr_';
const MESSAGE_PREFIX = 'msg_';
const THREAD_PREFIX = 'thr_';

/** The conversation that a message belongs to. */
export function threadIdOf({ id, nonce, meta }: Pick<MessageRow, 'id' | 'nonce' | 'meta'>): string {
  return joinedIn(meta) ?? THREAD_PREFIX + publicId('msg', id, nonce).slice(MESSAGE_PREFIX.length);
}

/** The conversation that a message has joined, by its labels; null: it began its own. */
function joinedIn(meta: string | null): string | null {
  if (meta?.includes(JOINED) !== true) return null;
  const named = (JSON.parse(meta) as { thread_id?: unknown }).thread_id;
  return typeof named === 'string' && rootOf(named) !== null ? named : null;
}

/** Row and nonce of the message that a conversation is named by; null: no id of one. */
export function rootOf(threadId: string): { row: number; nonce: number } | null {
  if (!threadId.startsWith(THREAD_PREFIX)) return null;
  return parsePublicId('msg', MESSAGE_PREFIX + threadId.slice(THREAD_PREFIX.length));
}

/** A message takes its place in the conversation that its labels name. */
export function joinThread(state: WriterState, space: number, message: number, meta: string | null): void {
  const joined = joinedIn(meta);
  const root = joined === null ? null : rootOf(joined);
  if (joined === null || root === null || root.row === message) return;
  noteThread(state, space, joined);
  prepared(state.db, 'INSERT OR IGNORE INTO thread_message (root, message) VALUES (?, ?)').run(root.row, message);
}

/** A message that gets other labels leaves the conversation that it has joined. */
export function leaveThread(state: WriterState, message: MessageRow): void {
  const root = rootOf(threadIdOf(message));
  if (root === null || root.row === message.id) return;
  prepared(state.db, 'DELETE FROM thread_message WHERE root = ? AND message = ?').run(root.row, message.id);
}

/** A row for a conversation, so that it stays when its first message is gone. Answers with the number that names it. */
export function noteThread(state: WriterState, space: number, threadId: string): number {
  const { row } = rootOf(threadId)!;
  prepared(state.db, 'INSERT OR IGNORE INTO thread (root, id, space) VALUES (?, ?, ?)').run(row, threadId, space);
  return row;
}

const MOST_ARCHIVINGS = 100;

/** Puts a conversation aside or takes it back, where it is not so already. Answers with when it was put aside, or null. */
export function setArchived(state: WriterState, root: number, archived: boolean, now: number): number | null {
  const row = prepared(state.db, 'SELECT archived_at, archivings FROM thread WHERE root = ?').get(root)!;
  const archivedAt = row['archived_at'] as number | null;
  if ((archivedAt !== null) === archived) return archivedAt;
  const archivings = [...archivingsIn(row['archivings']), [now, archived ? 1 : 0]].slice(-MOST_ARCHIVINGS);
  const set = prepared(state.db, 'UPDATE thread SET archived_at = ?, archivings = ? WHERE root = ?');
  set.run(archived ? now : null, JSON.stringify(archivings), root);
  return archived ? now : null;
}

const archivingsIn = (text: unknown): [at: number, archived: 0 | 1][] => JSON.parse(String(text));

export type ThreadRecord = { root: number; archivedAt: number | null; archivings: Archiving[] };

/** What is noted of a conversation of a space, or null. */
export function threadRecord(db: DatabaseSync, space: number, threadId: string): ThreadRecord | null {
  const root = rootOf(threadId);
  if (root === null) return null;
  const row = prepared(db, 'SELECT archived_at, archivings FROM thread WHERE root = ? AND id = ? AND space = ?').get(
    root.row,
    threadId,
    space,
  );
  if (row === undefined) return null;
  return {
    root: root.row,
    archivedAt: row['archived_at'] as number | null,
    archivings: archivingsIn(row['archivings']).map(([at, archived]) => ({ at, archived: archived === 1 })),
  };
}
