/** Closing and opening of ways out, in the writer's memory. */
import type { RoutingWrites } from '../port/routing.ts';
import type { WriterState } from './writer-state.ts';

type Calls = {
  [Name in keyof RoutingWrites]: (
    state: WriterState,
    input: Parameters<RoutingWrites[Name]>[0],
  ) => Awaited<ReturnType<RoutingWrites[Name]>>;
};

export const ROUTING_WRITES: Calls = {
  closeRoute(state, { provider, mailbox, destination, until, cause }) {
    state.closedRoutes.close({ provider, mailbox, destination }, { until, cause });
    return null;
  },

  openRoute(state, name) {
    state.closedRoutes.open(name);
    return null;
  },
};
