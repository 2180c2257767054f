/** What the choice of ways out keeps in the writer's memory, and what it reads from the ledger's gauges. */
import { ClosedRoutes } from '../../policy/closed-routes.ts';
import { MOST_ALTERNATIVES } from '../../policy/facts-pool.ts';
import { seriesIn } from '../../policy/ledger.ts';
import { DEFAULT_PROVIDER, type Pool } from '../../policy/pool.ts';
import type { Stood } from '../../policy/ramp.ts';
import type { WayKey } from '../../policy/route.ts';
import type { Send } from '../../policy/send.ts';
import { emptySpread, type Spread } from '../../policy/spread.ts';
import { hasRoom, lookAtWay } from '../../policy/ways.ts';
import { usedAt } from '../../policy/windows.ts';
import type { IdentityRow } from '../store.ts';
import type { Entry } from './ledger-entry.ts';
import { defaultProvider } from './sender-rows.ts';
import type { Space } from './spaces.ts';

/** Of tenants that have nothing of their own, but limits on mailboxes or providers. */
export const GATEWAY_POOL: Pool = {
  providers: new Map([[DEFAULT_PROVIDER, defaultProvider(null)]]),
  mailboxes: new Map(),
  byIdentity: new Map(),
};

const MOST_AVOIDED = 10_000;

/** Nothing here must outlive the process: a start opens all ways, spreads anew and avoids none. */
export class Routing {
  readonly closed = new ClosedRoutes();
  /** Providers that are told to fail, by number. */
  readonly failing = new Set<number>();
  /** Ways that surely did not take a recipient's message, by number of the recipient. */
  private readonly avoided = new Map<number, WayKey[]>();
  private readonly spreads = new Map<string, Spread>();
  /** The last second given to one that waits for its turn in a rate, by limit and scope, in milliseconds. */
  readonly queues = new Map<string, number>();

  /** One for each identity with mailboxes of its own, one for all other senders of a space. */
  spreadOf(space: number, identity: number | null): Spread {
    const key = `${space} ${identity ?? ''}`;
    let known = this.spreads.get(key);
    if (known === undefined) {
      known = emptySpread();
      this.spreads.set(key, known);
    }
    return known;
  }

  avoidedBy(recipient: number): readonly WayKey[] {
    return this.avoided.get(recipient) ?? [];
  }

  avoid(recipient: number, way: WayKey): void {
    if (this.avoided.size >= MOST_AVOIDED) this.avoided.clear();
    this.avoided.set(recipient, [...this.avoidedBy(recipient), way]);
  }

  forgetAvoided(recipient: number): void {
    if (this.avoided.size > 0) this.avoided.delete(recipient);
  }
}

/** The gauge of a contact that names the mailbox from which it last heard of an identity. */
export const pinName = (identity: number): string => `pin:${identity}`;

/** Gauges of a mailbox towards a family: days that its warm-up stood still, and the day (from 1) since which it does. */
export const STOOD_DAYS = 'stood';
export const STANDS_SINCE = 'stands';

export function stoodIn({ gauges }: Entry): Stood {
  const since = gauges?.get(STANDS_SINCE) ?? 0;
  return { days: gauges?.get(STOOD_DAYS) ?? 0, since: since === 0 ? null : since - 1 };
}

/** More are not looked at. */
const MOST_LOOKED_AT = 50;

/** Other identities that could send at a second: active, below their caps, and with a way out that has room. */
export function identitiesWithRoom(space: Space, second: number): string[] {
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

function hasPlace(space: Space, identity: IdentityRow, second: number): boolean {
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
