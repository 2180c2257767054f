/** Closing and opening of ways out, in the writer's memory. */
import type { RoutingWrites } from '../port/routing.ts';
import type { WriteCalls } from './calls.ts';
import { tellFailing, tellRecovered } from './failing-providers.ts';
import { poolHeadroom } from './pool-headroom.ts';

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
      if (isOurs) space.isPoolNew = true;
    }
    return null;
  },
};
