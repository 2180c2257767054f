/**
 * Limits on API requests: those of the policy's `request_rate`, and those that a route has of its own. Counted in memory, by this
 * process, on real time.
 *
 * What holds: a refused request counts nowhere; an account without such limits costs a look into a map. The limits of an account
 * are read when it first asks, again when a policy, a plan or a tenant was changed here, and once a minute. Memory is bounded,
 * however many addresses there are.
 */

import type { DecidedReason } from '../core/explain.ts';
import type { Mode } from '../core/message.ts';
import type { Principal, Store } from '../data/store.ts';
import type { LimitDocument, RequestScope } from '../policy/document.ts';
import type { LimitState } from '../policy/headroom.ts';
import { addUnits, emptySeries, prune, type Series } from '../policy/series.ts';
import type { Scope } from '../policy/verdict.ts';
import {
  emissionMicros,
  nextTat,
  nthLeavesAt,
  parseWindow,
  rateFreeAt,
  rateResetsAt,
  rateUsed,
  resetsAt,
  usedAt,
  type Window,
  windowSpan,
} from '../policy/windows.ts';

const KEPT_MS = 60_000;
const MOST_ACCOUNTS = 20_000;
const MOST_COUNTERS = 50_000;

/** Who makes a request. */
export type Asker = {
  principal: Principal;
  keyId: string;
  /** What it comes from, as limits count it; null: nowhere that tells clients apart, so that no limit of addresses holds. */
  network: string | null;
};

export type RequestLimit = {
  name: string;
  scope: RequestScope;
  window: Window;
  /** As written: `rolling_60s`, `rate`. */
  windowName: string;
  max: number;
  burst: number;
};

export type RequestLimitState = Omit<LimitState, 'unit' | 'fullLimit'> & { unit: 'request' };

/** What became of a request, and how the limits stand that it has. */
export type Counted = { refusal: DecidedReason | null; limits: readonly RequestLimitState[] };

type Known = { limits: readonly RequestLimit[]; until: number };
type Counter = { tat: number; series: Series; until: number };
type Found = { limit: RequestLimit; scope: Scope; counter: Counter };

const UNLIMITED: Counted = { refusal: null, limits: [] };
const NONE: readonly RequestLimit[] = [];

export function compileRequestLimit(document: LimitDocument<RequestScope>): RequestLimit {
  const { name, scope, max, burst = max } = document;
  const window = parseWindow(document.window, document.per);
  if (window === null) throw new Error(`limit ${name} was stored with an unreadable window`);
  return { name, scope, window, windowName: document.window, max, burst };
}

export class RequestRates {
  private readonly store: Pick<Store, 'policyState'>;
  private readonly known = new Map<number, Known>();
  private readonly reading = new Map<number, Promise<Known>>();
  /** Addresses have their own: there may be any number of them, and they must push nobody else's out. */
  private readonly counters = new Counters();
  private readonly ofAddresses = new Counters();

  constructor(store: Pick<Store, 'policyState'>) {
    this.store = store;
  }

  /** How many counts are held. */
  get size(): number {
    return this.counters.size + this.ofAddresses.size;
  }

  /** What stood in a policy may stand there no longer. */
  forget(): void {
    this.known.clear();
    this.reading.clear();
  }

  /** Whether an account is known to have no limits: then `take` would count nothing. */
  hasNone(principal: Principal, now: number): boolean {
    const known = this.known.get(accountOf(principal));
    return known !== undefined && known.limits.length === 0 && known.until > now;
  }

  /** Counts a request, or says why it has to wait. Waits itself only where the account's limits are not known. */
  take(asker: Asker, now: number, own: readonly RequestLimit[] = NONE): Counted | Promise<Counted> {
    const { tenantNo, mode } = asker.principal;
    const account = accountOf(asker.principal);
    const known = this.known.get(account);
    if (known !== undefined && known.until > now) return this.count(known.limits, own, asker, now);
    const read = this.read(account, tenantNo, mode, now);
    // Limits that were known hold until the new ones are there.
    if (known !== undefined) return this.count(known.limits, own, asker, now);
    return read.then(({ limits }) => this.count(limits, own, asker, now));
  }

  private read(account: number, tenantNo: number, mode: Mode, now: number): Promise<Known> {
    let reading = this.reading.get(account);
    if (reading === undefined) {
      reading = this.store.policyState({ owner: 'tenant', tenantNo, mode }).then(({ inForce }) => {
        const known = { limits: inForce.document.request_rate.map(compileRequestLimit), until: now + KEPT_MS };
        if (this.reading.get(account) !== reading) return known;
        this.reading.delete(account);
        if (this.known.size >= MOST_ACCOUNTS) this.known.clear();
        this.known.set(account, known);
        return known;
      });
      this.reading.set(account, reading);
      // Whoever waits for it hears of a fault; the next request asks again.
      reading.catch(() => this.reading.delete(account));
    }
    return reading;
  }

  private count(limits: readonly RequestLimit[], own: readonly RequestLimit[], asker: Asker, now: number): Counted {
    if (limits.length === 0 && own.length === 0) return UNLIMITED;
    const found: Found[] = [];
    this.findAll(limits, 'policy', asker, now, found);
    this.findAll(own, 'route', asker, now, found);
    let latest: DecidedReason | null = null;
    for (const one of found) {
      const reason = refusalOf(one, now);
      if (reason !== null && (latest === null || reason.clearsAt! > latest.clearsAt!)) latest = reason;
    }
    if (latest === null) for (const one of found) countIn(one, now);
    return { refusal: latest, limits: found.map((one) => stateOf(one, now)) };
  }

  private findAll(limits: readonly RequestLimit[], whose: string, asker: Asker, now: number, found: Found[]): void {
    for (const limit of limits) {
      const { name, windowName } = limit;
      const scope = scopeOf(limit, asker);
      if (scope === null) continue;
      const { mode, tenantId } = asker.principal;
      const counters = scope.kind === 'address' ? this.ofAddresses : this.counters;
      const counter = counters.get(`${whose} ${mode} ${tenantId} ${scope.kind} ${scope.id} ${name} ${windowName}`, now);
      found.push({ limit, scope, counter });
    }
  }
}

/** A tenant in one mode. */
function accountOf({ tenantNo, mode }: Principal): number {
  return 2 * tenantNo + (mode === 'test' ? 1 : 0);
}

class Counters {
  private readonly all = new Map<string, Counter>();

  get size(): number {
    return this.all.size;
  }

  get(name: string, now: number): Counter {
    let counter = this.all.get(name);
    if (counter === undefined) {
      if (this.all.size >= MOST_COUNTERS) this.makeRoom(now);
      counter = { tat: 0, series: emptySeries(), until: 0 };
      this.all.set(name, counter);
    }
    return counter;
  }

  /** Those that say nothing any more go, then the oldest. Forgotten requests let some more through: better than memory without end. */
  private makeRoom(now: number): void {
    for (const [name, { until }] of this.all) if (until <= now) this.all.delete(name);
    for (const name of this.all.keys()) {
      if (this.all.size <= MOST_COUNTERS / 2) return;
      this.all.delete(name);
    }
  }
}

/** Whose requests a limit counts together, each tenant's for itself; null: it does not hold here. */
function scopeOf({ scope: kind }: RequestLimit, { principal, keyId, network }: Asker): Scope | null {
  if (kind === 'address') return network === null ? null : { kind, id: network };
  const { tenantId, appId, installationId } = principal;
  const ids = { tenant: tenantId, app: appId, installation: installationId, key: keyId };
  return { kind, id: ids[kind] };
}

function refusalOf({ limit, scope, counter }: Found, now: number): DecidedReason | null {
  const { window, max, burst, name, windowName } = limit;
  const { series } = counter;
  const second = Math.floor(now / 1000);
  let used: number;
  let freesAt: number;
  if (window.kind === 'rate') {
    const interval = emissionMicros(window.perSeconds, max);
    const tat = tatOf(counter, interval * burst, now);
    freesAt = rateFreeAt(tat, interval, burst, 1, now) ?? now;
    if (freesAt <= now) return null;
    used = rateUsed(tat, interval, burst, now);
  } else {
    used = usedAt(series, window, second);
    if (used < max) return null;
    freesAt = max === 0 ? now + windowSpan(window) * 1000 : nthLeavesAt(series, window, second, used - max + 1) * 1000;
  }
  const evidence = {
    limit_name: name,
    unit: 'request',
    window: windowName,
    limit: window.kind === 'rate' ? burst : max,
    used,
    requested: 1,
    frees_at: freesAt,
  };
  return { code: 'request_rate_exceeded', scope, clearsAt: freesAt, evidence };
}

/** Where the clock was set back nobody waits for longer than a whole burst takes. */
function tatOf(counter: Counter, burstMicros: number, now: number): number {
  counter.tat = Math.min(counter.tat, now * 1000 + burstMicros);
  return counter.tat;
}

function countIn({ limit: { window, max, burst }, counter }: Found, now: number): void {
  if (window.kind === 'rate') {
    const interval = emissionMicros(window.perSeconds, max);
    counter.tat = nextTat(tatOf(counter, interval * burst, now), interval, 1, now);
    counter.until = Math.ceil(counter.tat / 1000);
    return;
  }
  const second = Math.floor(now / 1000);
  addUnits(counter.series, second, 1);
  prune(counter.series, second, windowSpan(window));
  counter.until = now + windowSpan(window) * 1000;
}

function stateOf({ limit, scope, counter }: Found, now: number): RequestLimitState {
  const { name, window, windowName, max, burst } = limit;
  const { series } = counter;
  const common = { name, scope, unit: 'request', window: windowName } as const;
  if (window.kind === 'rate') {
    const interval = emissionMicros(window.perSeconds, max);
    const tat = tatOf(counter, interval * burst, now);
    const used = rateUsed(tat, interval, burst, now);
    const windowSeconds = Math.ceil((burst * window.perSeconds) / max);
    const frees = rateResetsAt(tat, interval, burst, now);
    return { ...common, limit: burst, used, remaining: burst - used, resetsAt: frees, windowSeconds, rate: true };
  }
  const second = Math.floor(now / 1000);
  const used = usedAt(series, window, second);
  const frees = resetsAt(series, window, second);
  const remaining = Math.max(0, max - used);
  const resets = frees === null ? null : frees * 1000;
  return { ...common, limit: max, used, remaining, resetsAt: resets, windowSeconds: windowSpan(window), rate: false };
}
