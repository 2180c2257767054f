/**
 * The ways out: takes the route that the store chose for a claimed recipient, and answers with what carries it, or for how long
 * it has to wait; learns from the end of each delivery.
 *
 * What holds: nothing goes a way that a breaker has closed, but one probe when its time is over; as many go at once, and as fast,
 * as the shapes of destination, mailbox and provider allow; the store is told of a way that closes or opens before the delivery
 * that found out is settled, so that the recipient's next choice knows. Mail of test mode goes to the sink or the simulator under
 * the name of its route, and neither waits nor teaches; so do text messages in either mode.
 *
 * Deliberately absent: choosing (the store's, in src/policy/route.ts), and what an end means for the recipient (settlement.ts).
 */
import { setTimeout as pause } from 'node:timers/promises';
import { channelOfAddress } from '../core/channel.ts';
import type { RouteName } from '../data/port/routing.ts';
import type { Waits } from '../data/port/waits.ts';
import type { Claimed, Store } from '../data/store.ts';
import type { ProviderKind } from '../policy/pool.ts';
import { Breakers } from './breakers.ts';
import type { BreakerTeaching, Teaching } from './judgement.ts';
import type { RelayLog } from './relay-log.ts';
import { testRoute } from './route.ts';
import { type ShapeName, Shapes } from './shapes.ts';
import type { TransportBook } from './transport-book.ts';
import { sinkFor } from './transports/sink.ts';
import type { Carrier, Transport } from './transports/transport.ts';

/** One delivery's way, its own until `leave`. */
export type Way = {
  /** As attempts name them. */
  provider: string;
  mailbox: string | null;
  /** Why the store chose it; null where the tenant has nothing to choose from. */
  why: readonly string[] | null;
  kind: ProviderKind;
  carrier: Carrier;
  /** What a simulator address sends back once its mail has arrived. */
  comesBack: 'complained' | 'replied' | null;
  /** To be called once the delivery has ended. */
  leave: (end: WayEnd) => Promise<void> | void;
};

export type WayEnd = {
  /** What it teaches; null: nothing. */
  teaching: Teaching | null;
  /** The family of mail hosts that was talked to, where the transport knows one. */
  family: string | null;
  /** In words, for people: the reply. */
  why: string;
  /** Time on the recipient's clock. */
  now: number;
};

export type Entered =
  | { way: Way }
  /** To come again at `at` on the recipient's clock. `waits` null: at once, the store knows why. */
  | { at: number; waits: Waits | null }
  /** Its settings cannot be used: surely nothing was sent. */
  | ({ unusable: string } & Pick<Way, 'provider' | 'mailbox' | 'why'>);

export type WaysOut = {
  /** `now` on the recipient's clock. */
  enter: (claimed: Claimed, now: number) => Entered | Promise<Entered>;
};

/** The gateway's own provider; null: live mail stays in the sink. */
export type Default = { kind: ProviderKind; transport: Transport } | null;

export type WaysParts = {
  store: Pick<Store, 'capture' | 'closeRoute' | 'openRoute'>;
  outbound: Default;
  book: TransportBook;
  log: RelayLog;
  /** Milliseconds that only go forward. */
  clock?: () => number;
};

/** Waits up to this are waited out with the claim in hand: giving it back would cost more. */
const WAIT_HERE_MS = 200;
/** While a probe is out, the store sends others elsewhere for so long. */
const PROBING_MS = 15_000;
/** What is given back comes no sooner, whatever the store makes of it. */
const SOONEST_MS = 500;

const MOST_FAMILIES = 50_000;

/** How many may be under way at once, at best: of providers the gateway's own bounds itself. */
const MOST = { provider: 200, ownProvider: 40, mailbox: 20, destination: 200, directDestination: 20 };

export class Ways implements WaysOut {
  readonly #parts: WaysParts;
  readonly #clock: () => number;
  readonly shapes = new Shapes();
  readonly breakers = new Breakers();
  /** By domain, as far as transports have met them. */
  readonly #families = new Map<string, string>();
  /** Of providers and mailboxes, by the names of their breakers. What has a newer one was changed, or found mended. */
  readonly #versions = new Map<string, Versions>();
  /** Until when the store knows that a way is closed. */
  readonly #told = new Map<string, number>();

  constructor(parts: WaysParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? performance.now.bind(performance);
  }

  enter(claimed: Claimed, now: number): Entered | Promise<Entered> {
    if (claimed.mode === 'test') return { way: this.#testWay(claimed) };
    if (channelOfAddress(claimed.email) === 'sms') return { way: this.#sinkWay(claimed) };
    const { provider } = claimed.route;
    const { outbound } = this.#parts;
    if (provider.kind === 'sink' || (provider.no === 0 && outbound === null)) return { way: this.#sinkWay(claimed) };
    this.#mendChanged(claimed);
    const closed = this.#closedFor(claimed, now);
    if (closed !== null) return closed;
    const domain = domainOf(claimed.email);
    const names = shapeNames(claimed, this.#families.get(domain) ?? domain, outbound?.kind ?? null);
    const place = this.shapes.enter(names, claimed.recipient, this.#clock());
    if (place === 'go') return this.#open(claimed, names, now);
    const waitMs = place.at - this.#clock();
    if (waitMs <= WAIT_HERE_MS) return this.#waitHere(claimed, names, waitMs, now);
    return this.#placed(claimed, place, now);
  }

  async #waitHere(claimed: Claimed, names: ShapeName[], waitMs: number, now: number): Promise<Entered> {
    await pause(Math.max(1, waitMs));
    const place = this.shapes.enter(names, claimed.recipient, this.#clock());
    return place === 'go' ? this.#open(claimed, names, now) : this.#placed(claimed, place, now);
  }

  #placed(claimed: Claimed, place: { at: number; kind: ShapeName['kind'] }, now: number): Entered {
    this.#endProbes(claimed);
    const at = Math.ceil(now + Math.max(SOONEST_MS, place.at - this.#clock()));
    return { at, waits: { for: `${place.kind}_pace`, until: at } };
  }

  #open(claimed: Claimed, names: ShapeName[], now: number): Entered | Promise<Entered> {
    const { route } = claimed;
    const { outbound, book } = this.#parts;
    const startedAt = this.#clock();
    if (route.provider.no === 0 && outbound !== null) {
      return { way: this.#way(claimed, names, { ...outbound, isOwn: false, release: () => undefined }, startedAt) };
    }
    const end = (leaf: Awaited<ReturnType<TransportBook['take']>>): Entered => {
      if (typeof leaf === 'object' && 'transport' in leaf) {
        return { way: this.#way(claimed, names, { kind: route.provider.kind as ProviderKind, ...leaf }, startedAt) };
      }
      this.shapes.leave(names, 'neither', 0, this.#clock());
      this.#endProbes(claimed);
      if (leaf === 'gone') return { at: now + SOONEST_MS, waits: null };
      return { unusable: leaf.error, ...attemptNames(claimed) };
    };
    const leaf = book.take(route);
    return leaf instanceof Promise ? leaf.then(end) : end(leaf);
  }

  #way(
    claimed: Claimed,
    names: ShapeName[],
    leaf: { kind: ProviderKind; transport: Transport; isOwn: boolean; release: () => void },
    startedAt: number,
  ): Way {
    return {
      ...attemptNames(claimed),
      kind: leaf.kind,
      carrier: leaf.transport,
      comesBack: null,
      leave: (end) => {
        leaf.release();
        const at = this.#clock();
        if (end.family !== null) this.#noteFamily(domainOf(claimed.email), end.family);
        this.shapes.leave(names, end.teaching?.shape ?? 'neither', at - startedAt, at);
        return this.#learn(claimed, end, leaf.isOwn);
      },
    };
  }

  #testWay(claimed: Claimed): Way {
    const { carrier, comesBack, provider } = testRoute(claimed, this.#parts.store);
    return stayingWay(claimed, { provider, carrier, comesBack });
  }

  #sinkWay(claimed: Claimed): Way {
    return stayingWay(claimed, { provider: 'sink', carrier: sinkFor(this.#parts.store, claimed), comesBack: null });
  }

  /** What was changed since it was last used is tried before its time, by one. */
  #mendChanged({ route: { provider, mailbox } }: Claimed): void {
    const versions = { provider: provider.no, settings: provider.version, own: 0 };
    this.#mendNewer(`p${provider.no}`, versions);
    if (mailbox !== null) this.#mendNewer(`m${mailbox.no}`, { ...versions, own: mailbox.version });
  }

  #mendNewer(name: string, versions: Versions): void {
    const known = this.#versions.get(name);
    if (known !== undefined && !isNewer(versions, known)) return;
    if (this.#versions.size >= MOST_FAMILIES) this.#versions.clear();
    this.#versions.set(name, versions);
    if (known === undefined) return;
    this.breakers.mend((key) => key.split(' ').includes(name), this.#clock());
    for (const key of this.#told.keys()) if (key.split(' ').includes(name)) this.#told.delete(key);
  }

  /** Null where every breaker on the way lets it through, perhaps as the probe. */
  #closedFor(claimed: Claimed, now: number): Entered | Promise<Entered> | null {
    const at = this.#clock();
    for (const { key, name } of breakersOf(claimed)) {
      const said = this.breakers.look(key, claimed.recipient, at);
      if (said === 'go') continue;
      // The others are kept away until the probe has come back.
      if (said === 'probe') this.#keepClosed(key, name, now + PROBING_MS);
      else {
        this.#endProbes(claimed);
        if ((this.#told.get(key) ?? 0) <= now) this.#keepClosed(key, name, now + Math.min(said.forMs, PROBING_MS));
        // The store knows that it is closed, and has another way or says what is waited for.
        return { at: now + SOONEST_MS, waits: null };
      }
    }
    return null;
  }

  #keepClosed(key: string, name: RouteName, until: number): void {
    if (this.#told.size >= MOST_FAMILIES) this.#told.clear();
    this.#told.set(key, until);
    void this.#close(name, until, 'one message is trying whether it works again');
  }

  #endProbes(claimed: Claimed): void {
    for (const { key } of breakersOf(claimed)) this.breakers.ended(key, claimed.recipient);
  }

  /** Domains whose mail hosts are the same share one pace. */
  #noteFamily(domain: string, family: string): void {
    if (this.#families.get(domain) === family) return;
    if (this.#families.size >= MOST_FAMILIES) this.#families.clear();
    this.#families.set(domain, family);
  }

  #learn(claimed: Claimed, { teaching, why, now }: WayEnd, isOwn: boolean): Promise<void> | void {
    const at = this.#clock();
    const told: Promise<void>[] = [];
    const failed = teaching?.failure == null ? null : whichOf(teaching.failure, claimed, isOwn);
    for (const { of, key, name } of breakersOf(claimed)) {
      if (of === failed) {
        const broken = this.breakers.failed(key, claimed.recipient, teaching!.failure!.cause, at);
        if (broken === null) continue;
        this.#told.set(key, now + broken.forMs);
        this.#parts.log.warn({ ...name, seconds: broken.forMs / 1000, why }, 'a way out is closed for a time');
        told.push(this.#close(name, now + broken.forMs, why));
      } else if (teaching !== null && (of === 'pair' ? teaching.isOpen : teaching.isAlive)) {
        if (!this.breakers.succeeded(key, at)) continue;
        this.#told.delete(key);
        this.#parts.log.info({ ...name }, 'a way out is open again');
        told.push(this.#tell(this.#parts.store.openRoute(name)));
      } else this.breakers.ended(key, claimed.recipient);
    }
    if (told.length > 0) return Promise.all(told).then(() => undefined);
  }

  async #tell(telling: Promise<null>): Promise<void> {
    try {
      await telling;
    } catch (fault) {
      this.#parts.log.warn({ error: String(fault) }, 'the store cannot be told of a way out now');
    }
  }

  #close(name: RouteName, until: number, cause: string): Promise<void> {
    return this.#tell(this.#parts.store.closeRoute({ ...name, until, cause }));
  }
}

/** Of a provider's settings, and of a mailbox's own. */
type Versions = { provider: number; settings: number; own: number };

/** What was claimed before a change comes late, and says nothing. */
function isNewer(one: Versions, known: Versions): boolean {
  return one.own > known.own || (one.provider === known.provider && one.settings > known.settings);
}

/** Mail that stays on this machine, under the name of its route where it has one. */
function stayingWay(claimed: Claimed, plain: Pick<Way, 'provider' | 'carrier' | 'comesBack'>): Way {
  const named = attemptNames(claimed);
  const provider = named.why === null ? plain.provider : named.provider;
  return { ...named, ...plain, provider, kind: 'sink', leave: () => undefined };
}

/** As attempts and events name a route. */
function attemptNames({ route }: Claimed): Pick<Way, 'provider' | 'mailbox' | 'why'> {
  const isPlain = route.provider.no === 0 && route.mailbox === null;
  return { provider: route.provider.name, mailbox: route.mailbox?.address ?? null, why: isPlain ? null : route.why };
}

function domainOf(email: string): string {
  return email.slice(email.lastIndexOf('@') + 1).toLowerCase();
}

function shapeNames({ route }: Claimed, destination: string, outbound: ProviderKind | null): ShapeName[] {
  const { provider, mailbox } = route;
  const kind = provider.kind === 'default' ? outbound : provider.kind;
  const names: ShapeName[] = [
    {
      kind: 'destination',
      key: `${provider.no} ${destination}`,
      most: kind === 'direct' ? MOST.directDestination : MOST.destination,
    },
  ];
  if (mailbox !== null) names.push({ kind: 'mailbox', key: String(mailbox.no), most: MOST.mailbox });
  names.push({
    kind: 'provider',
    key: String(provider.no),
    most: provider.no === 0 ? MOST.provider : MOST.ownProvider,
  });
  return names;
}

type BreakerName = { of: 'provider' | 'mailbox' | 'pair'; key: string; name: RouteName };

/** A provider; a mailbox; and what lies behind a mailbox (or, without one, behind the provider) at one destination. */
function breakersOf({ route, email }: Claimed): BreakerName[] {
  const provider = route.provider.no;
  const mailbox = route.mailbox?.no ?? null;
  const destination = domainOf(email);
  const names: BreakerName[] = [
    { of: 'provider', key: `p${provider}`, name: { provider, mailbox: null, destination: null } },
    {
      of: 'pair',
      key: `p${provider} m${mailbox ?? ''} ${destination}`,
      name: { provider, mailbox, destination },
    },
  ];
  if (mailbox !== null) {
    names.push({ of: 'mailbox', key: `m${mailbox}`, name: { provider: null, mailbox, destination: null } });
  }
  return names;
}

/** Null: nobody is closed for it. */
function whichOf({ of }: BreakerTeaching, { route }: Claimed, isOwn: boolean): BreakerName['of'] | null {
  if (of === 'credentials') return isOwn ? 'mailbox' : 'provider';
  return of === 'mailbox' && route.mailbox === null ? null : of;
}
