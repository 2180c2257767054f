/** Which way a claimed recipient's mail goes. */
import type { Claimed, Store } from '../data/store.ts';
import { simulatedOutcome, simulatorFor } from './transports/simulator.ts';
import { sinkFor } from './transports/sink.ts';
import type { Carrier } from './transports/transport.ts';

export type Route = {
  /** The name of the provider in attempts. */
  provider: string;
  carrier: Carrier;
  /** What a simulator address sends back once its mail has arrived. */
  comesBack: 'complained' | 'replied' | null;
};

export type Router = (claimed: Claimed) => Route;

/** `outbound`: the next hop of live mail, or null where it stays here. Test mail always does. */
export function routerTo(outbound: Carrier | null, store: Pick<Store, 'capture'>): Router {
  return (claimed) => {
    if (claimed.mode === 'live' && outbound !== null)
      return { provider: 'default', carrier: outbound, comesBack: null };
    const sink = sinkFor(store, claimed);
    const outcome = claimed.mode === 'test' ? simulatedOutcome(claimed.email) : null;
    if (outcome === null) return { provider: 'sink', carrier: sink, comesBack: null };
    const carrier = simulatorFor(outcome, claimed.possibleDuplicate, sink);
    const comesBack = outcome === 'complained' || outcome === 'replied' ? outcome : null;
    return { provider: 'simulator', carrier, comesBack };
  };
}
