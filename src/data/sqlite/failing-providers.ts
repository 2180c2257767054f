/** A tenant's provider that a circuit breaker closes and opens again, told once each. */
import type { ClosedRoute, RouteName } from '../port/routing.ts';
import { prepared } from './database.ts';
import type { WriterState } from './writer-state.ts';

/** What is closed for one destination, or for one mailbox alone, is no failure of the provider. */
function isWhole<Name extends RouteName>(name: Name): name is Name & { provider: number } {
  const { provider, mailbox, destination } = name;
  return provider !== null && provider !== 0 && mailbox === null && destination === null;
}

export function tellFailing(state: WriterState, route: ClosedRoute): void {
  if (!isWhole(route) || state.routing.failing.has(route.provider)) return;
  state.routing.failing.add(route.provider);
  tell(state, route.provider, 'provider.failing', { note: route.cause, closed_until: route.until });
}

export function tellRecovered(state: WriterState, route: RouteName): void {
  if (isWhole(route) && state.routing.failing.delete(route.provider))
    tell(state, route.provider, 'provider.recovered', {});
}

function tell(
  state: WriterState,
  no: number,
  type: 'provider.failing' | 'provider.recovered',
  data: Record<string, unknown>,
): void {
  const found = prepared(
    state.db,
    'SELECT id, space, name, state FROM provider WHERE no = ? AND deleted_at IS NULL',
  ).get(no);
  if (found === undefined) return;
  const space = state.spaces.get(Number(found['space']));
  const about = { provider_id: found['id'], name: found['name'], state: found['state'] };
  state.emit(space, type, space.now(state.realNow), null, { ...about, ...data });
}
