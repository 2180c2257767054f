/**
 * Closing and opening of ways out, in the writer's memory, and the waking of what waits for one that failed it.
 *
 * What failed through its way's own fault is woken by a repair of that way, or by another way for its sender, and by nothing else:
 * a way that comes and goes would else have all others tried whenever it comes.
 */
import type { RouteName, RoutingWrites } from '../port/routing.ts';
import type { WriteCalls } from './calls.ts';
import { prepared } from './database.ts';
import { tellFailing, tellRecovered } from './failing-providers.ts';
import { poolHeadroom } from './pool-headroom.ts';
import type { Space } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

export const ROUTING_WRITES: WriteCalls<RoutingWrites> = {
  poolHeadroom,

  closeRoute(state, route) {
    const { provider, mailbox, destination, until, cause } = route;
    state.routing.closed.close({ provider, mailbox, destination }, { until, cause });
    tellFailing(state, route);
    return null;
  },

  openRoute(state, name) {
    tellRecovered(state, name);
    if (!state.routing.closed.open(name)) return null;
    // Who waits for it may be of any tenant where it is the gateway's own.
    for (const space of state.spaces.all()) {
      const isOurs = name.provider === null || name.provider === 0 || space.pool?.providers.has(name.provider) === true;
      if (!isOurs) continue;
      space.isPoolNew = true;
      if (name.destination === null) wakeRepaired(state, space, name);
    }
    return null;
  },
};

/** Opens a provider that was changed, or turned on, with all that leads over it: what closed it was said of other settings. */
export function openChanged(state: WriterState, provider: number): void {
  const { closed } = state.routing;
  closed.openAll({ provider, mailbox: null }, true);
  if (closed.isEmpty) return;
  const on = prepared(state.db, 'SELECT no FROM mailbox WHERE provider = ? AND deleted_at IS NULL').all(provider);
  for (const { no } of on) closed.openAll({ provider: null, mailbox: no as number }, true);
}

/** After the clock was set: ends that were told on the other one say nothing. What is still closed is told anew. */
export function openAfterLeap(state: WriterState): void {
  state.routing.closed.openEverything();
  for (const space of state.spaces.all()) space.isPoolNew = true;
}

/** A provider, or a mailbox; null: whatever it was. */
export type Mended = Pick<RouteName, 'provider' | 'mailbox'> | null;

/** What waits for a way that failed is due now. A way that never closed is told of no opening: its next attempts find out. */
export function wakeRepaired(state: WriterState, space: Space, mended: Mended): void {
  if (space.nextDue === Number.POSITIVE_INFINITY) return;
  const now = space.now(state.realNow);
  const { changes } = prepared(
    state.db,
    `UPDATE recipient SET due = :now WHERE space = :space AND due > :now AND due >= 0 AND instr(waits, '"for":"repair"') > 0
       AND (:provider IS NULL OR coalesce(provider, 0) = :provider) AND (:mailbox IS NULL OR mailbox = :mailbox)`,
  ).run({ now, space: space.no, provider: mended?.provider ?? null, mailbox: mended?.mailbox ?? null });
  if (Number(changes) > 0) space.nextDue = Math.min(space.nextDue, now);
}
