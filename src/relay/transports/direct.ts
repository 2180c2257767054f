/**
 * The direct transport: mail goes straight to the mail hosts of each recipient's domain.
 *
 * What holds: a pool of connections belongs to a set of mail hosts, not to a domain, so that domains at one host share them;
 * what is kept of domains and pools is bounded; no address is connected to that the guard refuses, wherever an MX record leads;
 * where TLS is required, by settings or by the domain's policy (RFC 8461), nothing is said in plain text. Only what the DNS
 * states ends a recipient: whatever could not be found out is to be tried again.
 *
 * Deliberately absent: DANE (Node does not tell validated answers from others), TLS reports (RFC 8460), a second try at another
 * host once a session was open (the next attempt may take another one).
 */
import type { Dns } from '../../base/dns.ts';
import type { DirectOptions } from '../direct/direct-url.ts';
import { type MailHosts, mailHostsOf } from '../direct/mail-hosts.ts';
import { isNamed, type StsPolicies, type StsPolicy } from '../direct/mta-sts.ts';
import type { Link } from '../smtp/link.ts';
import { SmtpPool } from '../smtp/pool.ts';
import { type NotTaken, notTaken, openSession, type Session } from '../smtp/session.ts';
import { type Dial, type SmtpOptions, type SmtpTimeouts, smtpSettings } from '../smtp/settings.ts';
import type { TlsRequirement } from '../tls-results.ts';
import { type Delivery, type DeliveryResult, STAGES, type Transport } from './transport.ts';

export type DirectParts = {
  dns: Pick<Dns, 'mx' | 'addresses'>;
  /** Behind the guard. */
  dial: Dial;
  /** Null: no policies are asked for. */
  policies: Pick<StsPolicies, 'policyOf'> | null;
  ehloName: string;
  /** Authorities to trust beside the machine's. */
  ca?: string;
  timeouts?: Partial<SmtpTimeouts>;
  onOpened?: (host: string, opened: Session | NotTaken, requiredBy: TlsRequirement) => void;
};

/** Where a domain's mail goes, and how. */
type Way = {
  outcome: 'way';
  groups: readonly (readonly string[])[];
  family: string;
  requiredBy: TlsRequirement;
};
type NoWay = Extract<MailHosts, { outcome: 'none' | 'failed' }> | { outcome: 'forbidden'; why: string };
type Found = Way | NoWay;

/** How long what was found out about a domain is used without asking again. */
const FRESH_MS = 60_000;
const MOST_DOMAINS = 5000;
const MOST_POOLS = 1000;
/** Mail hosts tried for one session. */
const MOST_TRIED = 5;

export function directTransport(options: DirectOptions, parts: DirectParts): Transport {
  return new DirectTransport(options, parts);
}

class DirectTransport implements Transport {
  readonly #options: DirectOptions;
  readonly #parts: DirectParts;
  readonly #ways = new Map<string, { until: number; found: Promise<Found> }>();
  readonly #pools = new Map<string, SmtpPool>();
  readonly #closing = new Set<Promise<void>>();
  readonly #defaults: ReturnType<typeof smtpSettings>;
  #looking = 0;
  #isClosed = false;
  #onLooked: () => void = () => {};

  constructor(options: DirectOptions, parts: DirectParts) {
    this.#options = options;
    this.#parts = parts;
    this.#defaults = smtpSettings({ host: 'localhost', ...directHop(options, parts) });
  }

  async deliver(delivery: Delivery): Promise<DeliveryResult> {
    const domain = delivery.to.slice(delivery.to.lastIndexOf('@') + 1).toLowerCase();
    const way = await this.#wayTo(domain);
    if (this.#isClosed) return notTaken('connect', 'the transport is closed');
    switch (way.outcome) {
      case 'none':
        return { outcome: 'refused', stage: 'lookup', reply: { code: null, enhanced: way.enhanced, text: way.why } };
      case 'failed':
        return notTaken('lookup', way.why);
      case 'forbidden':
        return notTaken('tls', way.why);
      case 'way':
        return { ...(await this.#pool(way).deliver(delivery)), destination: way.family };
    }
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    const pools = [...this.#pools.values()];
    await Promise.all([this.#looked(graceMs), ...this.#closing, ...pools.map((pool) => pool.close(graceMs))]);
  }

  /** Waits until no delivery looks a domain up any more. */
  async #looked(graceMs: number): Promise<void> {
    if (this.#looking === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      this.#onLooked = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #wayTo(domain: string): Promise<Found> {
    this.#looking += 1;
    try {
      const known = this.#ways.get(domain);
      const now = performance.now();
      if (known !== undefined && known.until > now) return await known.found;
      const fresh = { until: now + FRESH_MS, found: this.#find(domain) };
      putLast(this.#ways, domain, fresh, MOST_DOMAINS);
      const found = await fresh.found;
      // What failed is looked up anew by whoever comes next.
      if (found.outcome === 'failed' && this.#ways.get(domain) === fresh) this.#ways.delete(domain);
      return found;
    } finally {
      this.#looking -= 1;
      if (this.#looking === 0) this.#onLooked();
    }
  }

  async #find(domain: string): Promise<Found> {
    const { dns, policies } = this.#parts;
    const [hosts, policy] = await Promise.all([mailHostsOf(domain, dns), policies?.policyOf(domain) ?? null]);
    if (hosts.outcome !== 'hosts') return hosts;
    const { groups, family } = hosts;
    const isRequired = this.#options.tls === 'required';
    if (policy?.mode !== 'enforce') {
      return { outcome: 'way', groups, family, requiredBy: isRequired ? 'settings' : null };
    }
    const named = namedBy(policy, groups);
    if (named.length > 0) return { outcome: 'way', groups: named, family, requiredBy: 'mta-sts' };
    return { outcome: 'forbidden', why: `the MTA-STS policy of ${domain} names none of its mail hosts` };
  }

  #pool(way: Way): SmtpPool {
    const key = `${way.requiredBy ?? ''} ${way.groups.map((group) => group.join(',')).join(';')}`;
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    this.#makeRoom();
    const pool: SmtpPool = new SmtpPool({
      maxConnections: this.#options.maxConnections,
      deliveriesPerConnection: this.#defaults.deliveriesPerConnection,
      timeouts: this.#defaults.timeouts,
      open: (onLink, signal) => this.#open(way, onLink, signal),
      onEmpty: () => {
        if (this.#pools.get(key) === pool && !this.#isClosed) this.#pools.delete(key);
      },
    });
    this.#pools.set(key, pool);
    return pool;
  }

  /** Idle pools are dropped before their time where there are too many; those at work are bounded by their deliveries. */
  #makeRoom(): void {
    if (this.#pools.size < MOST_POOLS) return;
    for (const [key, pool] of this.#pools) {
      if (!pool.isIdle) continue;
      this.#pools.delete(key);
      const closed: Promise<void> = pool.close(0).finally(() => this.#closing.delete(closed));
      this.#closing.add(closed);
      return;
    }
  }

  /** A session with the first host, in order of preference and at random among equals, that takes us. */
  async #open(way: Way, onLink: (link: Link) => void, signal: AbortSignal): Promise<Session | NotTaken> {
    const { requiredBy } = way;
    let best: NotTaken | null = null;
    for (const host of way.groups.flatMap(shuffled).slice(0, MOST_TRIED)) {
      const hop = directHop(this.#options, this.#parts, requiredBy);
      const opened = await openSession(smtpSettings({ host, ...hop }), onLink, signal);
      this.#parts.onOpened?.(host, opened, requiredBy);
      if (!('outcome' in opened)) return opened;
      const named = { ...opened, reply: { ...opened.reply, text: `${host}: ${opened.reply.text}` } };
      // The one that came farthest says most.
      if (best === null || STAGES.indexOf(named.stage) > STAGES.indexOf(best.stage)) best = named;
      if (signal.aborted) break;
    }
    return best ?? notTaken('connect', 'there is no mail host');
  }
}

/** How one mail host is talked to. */
export function directHop(
  { port, tls, isVerified, maxConnections }: DirectOptions,
  { dial, ca, ehloName, timeouts }: DirectParts,
  requiredBy: TlsRequirement = tls === 'required' ? 'settings' : null,
): Omit<SmtpOptions, 'host'> {
  return {
    port,
    requireTls: requiredBy !== null,
    opportunisticTls: tls !== 'never',
    ehloName,
    maxConnections,
    timeouts,
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(requiredBy === 'settings' && !isVerified ? { rejectUnauthorized: false } : {}),
    },
    connect: dial,
  };
}

function namedBy(policy: StsPolicy, groups: Way['groups']): string[][] {
  return groups.map((group) => group.filter((host) => isNamed(policy, host))).filter((group) => group.length > 0);
}

function shuffled(hosts: readonly string[]): string[] {
  const left = [...hosts];
  return hosts.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0]!);
}

function putLast<T>(map: Map<string, T>, key: string, value: T, most: number): void {
  map.delete(key);
  map.set(key, value);
  const first = map.keys().next();
  if (map.size > most && !first.done) map.delete(first.value);
}
