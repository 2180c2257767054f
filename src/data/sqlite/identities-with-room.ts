/** Who else of a tenant could send now: what a refusal for want of room names as a way on. */
import type { Policy } from '../../policy/document.ts';
import { MOST_ALTERNATIVES } from '../../policy/facts-pool.ts';
import { seriesIn } from '../../policy/ledger.ts';
import type { Pool } from '../../policy/pool.ts';
import type { Send } from '../../policy/send.ts';
import { hasRoom, lookAtWay, type PoolSight, type RoutingView } from '../../policy/ways.ts';
import { usedAt } from '../../policy/windows.ts';
import type { IdentityRow } from '../store.ts';

/** What is asked of a space: its identities, and what each can send through. */
type Neighbours = RoutingView & {
  tenant: { id: string };
  policy: Policy;
  pool: Pool | null;
  /** The one that sends: no neighbour of itself. */
  identity: IdentityRow | null;
  identities: ReadonlyMap<string, IdentityRow>;
  sightOf(identity: number): PoolSight;
};

/** More are not looked at. */
const MOST_LOOKED_AT = 50;

/** Other identities that could send at a second: active, below their caps, and with a way out that has room. */
export function identitiesWithRoom(space: Neighbours, second: number): string[] {
  const found: string[] = [];
  let looked = 0;
  for (const [name, identity] of space.identities) {
    // Each stands there by its handle and by its id.
    if (name !== identity.handle || identity === space.identity || identity.state !== 'active') continue;
    looked += 1;
    if (looked > MOST_LOOKED_AT || found.length === MOST_ALTERNATIVES) break;
    if (hasPlace(space, identity, second)) found.push(identity.handle);
  }
  return found;
}

const DAY_WINDOW = { kind: 'calendar', period: 'day' } as const;

function hasPlace(space: Neighbours, identity: IdentityRow, second: number): boolean {
  const series = seriesIn(space.scope('identity', identity.id), 'recipient');
  if (identity.dailyCap !== null && usedAt(series, DAY_WINDOW, second) >= identity.dailyCap) return false;
  for (const { scope, window, unit, max } of space.policy.messageLimits) {
    if (scope !== 'identity' || window.kind === 'rate') continue;
    if (usedAt(seriesIn(space.scope('identity', identity.id), unit), window, second) >= max) return false;
  }
  if (space.pool === null) return true;
  const send: Send = {
    kind: 'transactional',
    onLimit: 'reject',
    sendAt: null,
    scopes: { tenant: space.tenant.id, app: '', installation: '', identity: identity.id, agent: null },
    contentSize: 0,
  };
  const about = { policy: space.policy, send, domain: '', second, start: second };
  return space.sightOf(identity.no).ways.some((way) => {
    const look = lookAtWay(space, way, about, null);
    return look.out === null && hasRoom(look, second);
  });
}
