/** Writes of conversations. What joins one is written with the message; see thread-rows.ts. */
import { randomBytes } from 'node:crypto';
import type { ThreadsWrites } from '../port/threads.ts';
import { prepared } from './database.ts';
import { spaceOf } from './spaces.ts';
import { noteThread, rootOf, setArchived } from './thread-rows.ts';
import { THREAD_READS } from './threads-reads.ts';
import type { WriterState } from './writer-state.ts';

type Naming = Parameters<ThreadsWrites['nameThreads']>[0];
type Input = Parameters<ThreadsWrites['archiveThread']>[0];

export function archiveThread(state: WriterState, input: Input): { archivedAt: number | null } | null {
  state.flushRows();
  if (THREAD_READS.thread(state.db, input) === null) return null;
  const space = state.spaces.get(spaceOf(input.tenantNo, input.mode));
  const root = noteThread(state, space.no, input.id);
  const now = space.now(state.realNow);
  return { archivedAt: setArchived(state, root, input.archived, now) };
}

export function nameThreads(state: WriterState, { tenantNo, mode, ids }: Naming): string[] {
  const space = spaceOf(tenantNo, mode);
  const known = prepared(state.db, 'SELECT name FROM thread_name WHERE root = ?');
  const add = prepared(state.db, 'INSERT INTO thread_name (root, id, space, name) VALUES (?, ?, ?, ?)');
  return ids.map((id) => {
    const { row } = rootOf(id)!;
    const found = known.get(row)?.['name'];
    if (found !== undefined) return String(found);
    const name = randomBytes(8).toString('hex');
    add.run(row, id, space, name);
    return name;
  });
}
