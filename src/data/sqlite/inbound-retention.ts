/** How long mail that came in is kept: as long as messages of its tenant, counted from its arrival. */
import type { Swept } from '../port/sweeps.ts';
import { prepared } from './database.ts';
import { dropInbound, type InboundPlace } from './inbound.ts';
import { RETENTION_DAYS, retentionDays, retentions } from './retention.ts';
import { firstRowOf } from './row-id.ts';
import { reach, reached } from './swept-places.ts';
import type { WriterState } from './writer-state.ts';

const DAY_MS = 86_400_000;
const SLICE = 200;

type Row = InboundPlace & { received_at: number };

export function forgetInbound(state: WriterState): Swept {
  const known = retentions(state.db);
  const shortest = Math.min(RETENTION_DAYS, ...known.days);
  // Rows lie in order of arrival: those before `after` are of tenants that keep theirs for longer, and are looked at in the next round.
  const after = reached(state, 'inbound');
  const rows = prepared(
    state.db,
    'SELECT no, space, size, blob, received_at FROM inbound WHERE no > ? AND received_at <= ? ORDER BY no LIMIT ?',
  ).all(after, state.realNow - shortest * DAY_MS, SLICE) as Row[];
  const old = rows.filter((row) => row.received_at + retentionDays(known, row.space) * DAY_MS <= state.realNow);
  const unused = dropInbound(state, old);
  const last = rows.length === SLICE ? rows.at(-1)!.no : 0;
  if (last !== after) reach(state, 'inbound', last);
  if (last === 0) forgetThreads(state, state.realNow - Math.max(RETENTION_DAYS, ...known.days) * DAY_MS);
  return { count: old.length, more: last !== 0, unused };
}

/** Conversations that began long ago, and of which nothing is kept any more. */
function forgetThreads(state: WriterState, before: number): void {
  prepared(
    state.db,
    `DELETE FROM thread_message WHERE root < ?1 AND message < ?1
       AND NOT EXISTS (SELECT 1 FROM message m WHERE m.id = thread_message.message)`,
  ).run(firstRowOf(before));
  prepared(
    state.db,
    `DELETE FROM thread WHERE root < ? AND NOT EXISTS (SELECT 1 FROM thread_message m WHERE m.root = thread.root)
       AND NOT EXISTS (SELECT 1 FROM inbound i WHERE i.root = thread.root)`,
  ).run(firstRowOf(before));
  prepared(
    state.db,
    `DELETE FROM thread_name WHERE root < ? AND NOT EXISTS (SELECT 1 FROM message m WHERE m.id = thread_name.root)
       AND NOT EXISTS (SELECT 1 FROM thread t WHERE t.root = thread_name.root)`,
  ).run(firstRowOf(before));
  prepared(state.db, 'DELETE FROM silence WHERE message < ?').run(firstRowOf(before));
}
