/** What the choice of ways out keeps in the writer's memory, and what it reads from the ledger's gauges. */
import { ClosedRoutes } from '../../policy/closed-routes.ts';
import { DEFAULT_PROVIDER, type Pool } from '../../policy/pool.ts';
import type { Stood } from '../../policy/ramp.ts';
import type { WayKey } from '../../policy/route.ts';
import { emptySpread, type Spread } from '../../policy/spread.ts';
import type { Entry } from './ledger-entry.ts';
import { defaultProvider } from './sender-rows.ts';

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
