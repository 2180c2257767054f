/** Bad signs as they come: counted in series of the ledger, by which budgets are judged and by which they clear. */
import { countSignal } from '../../policy/ledger.ts';
import { SIGNS, type Space } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

/** Counts a bad sign at the time when it happened, in milliseconds. */
export function noteSignal(
  state: WriterState,
  space: Space,
  kind: 'bounce' | 'complaint' | 'unsubscribe',
  at: number,
): void {
  const nowSecond = Math.floor(space.now(state.realNow) / 1000);
  const changes = countSignal((signal) => space.signalEntry(signal), space.policy, kind, at);
  for (const change of changes) state.ledger.apply(change, nowSecond);
  raise(state, space, SIGNS);
}

/** A gauge of the tenant that says that something has ever come. */
export function raise(state: WriterState, space: Space, gauge: string): void {
  const entry = space.tenantEntry();
  if (!entry.gauges?.has(gauge)) state.ledger.addGauge(entry, gauge, 1);
}
