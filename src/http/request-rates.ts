/**
 * Limits on API requests, as the policy's `request_rate` has them: counted in memory, by this process, on real time.
 *
 * What holds: a refused request counts nowhere; an account without such limits costs a look into a map. The limits of an account
 * are read when it first asks, again when a policy, a plan or a tenant was changed here, and once a minute.
 */

import type { DecidedReason } from '../core/explain.ts';
import type { Mode } from '../core/message.ts';
import type { Principal, Store } from '../data/store.ts';
import { compileLimit, type Limit } from '../policy/document.ts';
import { addUnits, emptySeries, prune, type Series } from '../policy/series.ts';
import { emissionMicros, nextTat, nthLeavesAt, rateFreeAt, rateUsed, usedAt, windowSpan } from '../policy/windows.ts';

const KEPT_MS = 60_000;
const MOST_ACCOUNTS = 20_000;
const MOST_COUNTERS = 50_000;

type Known = { limits: readonly Limit[]; until: number };
type Counter = { tat: number; series: Series };

export class RequestRates {
  private readonly store: Pick<Store, 'policyState'>;
  private readonly known = new Map<string, Known>();
  private readonly reading = new Map<string, Promise<Known>>();
  private readonly counters = new Map<string, Counter>();

  constructor(store: Pick<Store, 'policyState'>) {
    this.store = store;
  }

  /** What stood in a policy may stand there no longer. */
  forget(): void {
    this.known.clear();
    this.reading.clear();
  }

  /** Counts a request, or says why it has to wait. Waits itself only where the account's limits are not known. */
  take(principal: Principal, now: number): DecidedReason | null | Promise<DecidedReason | null> {
    const name = `${principal.tenantNo} ${principal.mode}`;
    const known = this.known.get(name);
    if (known !== undefined && known.until > now) return this.count(known.limits, principal, now);
    const read = this.read(name, principal.tenantNo, principal.mode, now);
    // Limits that were known hold until the new ones are there.
    if (known !== undefined) return this.count(known.limits, principal, now);
    return read.then(({ limits }) => this.count(limits, principal, now));
  }

  private read(name: string, tenantNo: number, mode: Mode, now: number): Promise<Known> {
    let reading = this.reading.get(name);
    if (reading === undefined) {
      reading = this.store.policyState({ owner: 'tenant', tenantNo, mode }).then(({ inForce }) => {
        const known = { limits: inForce.document.request_rate.map(compileLimit), until: now + KEPT_MS };
        if (this.reading.get(name) !== reading) return known;
        this.reading.delete(name);
        if (this.known.size >= MOST_ACCOUNTS) this.known.clear();
        this.known.set(name, known);
        return known;
      });
      this.reading.set(name, reading);
      // Whoever waits for it hears of a fault; the next request asks again.
      reading.catch(() => this.reading.delete(name));
    }
    return reading;
  }

  private count(limits: readonly Limit[], principal: Principal, now: number): DecidedReason | null {
    if (limits.length === 0) return null;
    const found = limits.map((limit) => ({ limit, counter: this.counter(limit, principal) }));
    let latest: DecidedReason | null = null;
    for (const { limit, counter } of found) {
      const reason = refusal(limit, counter, principal, now);
      if (reason !== null && (latest === null || reason.clearsAt! > latest.clearsAt!)) latest = reason;
    }
    if (latest === null) for (const { limit, counter } of found) countIn(limit, counter, now);
    return latest;
  }

  private counter(limit: Limit, principal: Principal): Counter {
    const name = `${principal.mode} ${limit.scope} ${scopeId(limit, principal)} ${limit.name} ${limit.windowName}`;
    let counter = this.counters.get(name);
    if (counter === undefined) {
      if (this.counters.size >= MOST_COUNTERS) this.dropOldest();
      counter = { tat: 0, series: emptySeries() };
      this.counters.set(name, counter);
    }
    return counter;
  }

  /** Forgotten requests let some more through: better than memory without end. */
  private dropOldest(): void {
    for (const name of this.counters.keys()) {
      if (this.counters.size <= MOST_COUNTERS / 2) return;
      this.counters.delete(name);
    }
  }
}

/** An app's limit is each tenant's own: one customer's calls take nothing from another's. */
function scopeId(limit: Limit, { tenantId, appId, installationId }: Principal): string {
  if (limit.scope === 'installation') return installationId;
  return limit.scope === 'app' ? `${tenantId} ${appId}` : tenantId;
}

function refusal(limit: Limit, { tat, series }: Counter, principal: Principal, now: number): DecidedReason | null {
  const { window, max, burst } = limit;
  const second = Math.floor(now / 1000);
  let used: number;
  let freesAt: number;
  if (window.kind === 'rate') {
    const interval = emissionMicros(window.perSeconds, max);
    freesAt = rateFreeAt(tat, interval, burst, 1, now) ?? now;
    if (freesAt <= now) return null;
    used = rateUsed(tat, interval, burst, now);
  } else {
    used = usedAt(series, window, second);
    if (used < max) return null;
    freesAt = max === 0 ? now + windowSpan(window) * 1000 : nthLeavesAt(series, window, second, used - max + 1) * 1000;
  }
  const { scope, name, windowName } = limit;
  const id =
    scope === 'installation' ? principal.installationId : scope === 'app' ? principal.appId : principal.tenantId;
  const evidence = {
    limit_name: name,
    unit: 'request',
    window: windowName,
    limit: window.kind === 'rate' ? burst : max,
    used,
    requested: 1,
    frees_at: freesAt,
  };
  return { code: 'request_rate_exceeded', scope: { kind: scope, id }, clearsAt: freesAt, evidence };
}

function countIn({ window, max }: Limit, counter: Counter, now: number): void {
  const second = Math.floor(now / 1000);
  if (window.kind === 'rate') {
    counter.tat = nextTat(counter.tat, emissionMicros(window.perSeconds, max), 1, now);
    return;
  }
  addUnits(counter.series, second, 1);
  prune(counter.series, second, windowSpan(window));
}
