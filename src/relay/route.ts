/** Where mail of test mode goes: into the sink, or to the simulator behind its addresses; never off this machine. */
import type { Claimed, Store } from '../data/store.ts';
import { simulatedOutcome, simulatorFor } from './transports/simulator.ts';
import { sinkFor } from './transports/sink.ts';
import type { Carrier } from './transports/transport.ts';

export type TestRoute = {
  /** The name of the provider in attempts, where the tenant has no other. */
  provider: 'sink' | 'simulator';
  carrier: Carrier;
  /** What a simulator address sends back once its mail has arrived. */
  comesBack: 'complained' | 'replied' | null;
};

export function testRoute(claimed: Claimed, store: Pick<Store, 'capture'>): TestRoute {
  const sink = sinkFor(store, claimed);
  const outcome = simulatedOutcome(claimed.email);
  if (outcome === null) return { provider: 'sink', carrier: sink, comesBack: null };
  const carrier = simulatorFor(outcome, claimed.possibleDuplicate, sink);
  const comesBack = outcome === 'complained' || outcome === 'replied' ? outcome : null;
  return { provider: 'simulator', carrier, comesBack };
}
