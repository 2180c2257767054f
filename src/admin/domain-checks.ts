/**
 * Looks at the records of sender domains: when somebody asks, and on a schedule. Records that are awaited are looked at each
 * minute first and then less and less often, verified ones about every six hours.
 *
 * What holds: at most `AT_ONCE` domains are looked at at a time, `OF_ONE_TENANT` of one tenant, so that whoever has many silent
 * domains delays nobody else; who asks is answered by a look that began after that, one for all who ask meanwhile; a look changes
 * nothing by itself, what it showed is given to the store, which decides. Times here are real ones: the DNS knows no
 * test clock.
 */
import { randomInt } from 'node:crypto';
import { returnDomainOf, settledState } from '../core/sender-records.ts';
import type { CheckedDomain, DomainRef, DomainToCheck, ManagedDomain } from '../data/port/domains.ts';
import type { Store } from '../data/store.ts';
import { type DomainDns, type DomainLook, hostsOf, lookAtDomain } from './domain-look.ts';

export type DomainChecksParts = {
  store: Pick<Store, 'domainToCheck' | 'domainsDue' | 'recordDomainCheck'>;
  dns: DomainDns;
  /** The gateway's own domain. */
  gateway: string;
  log: { warn(fields: object, message: string): void };
  /** Told when what signs for a tenant may be another. */
  onChange: (tenantNo: number) => void;
};

const AT_ONCE = 8;
const OF_ONE_TENANT = 2;
const A_ROUND = 20;
const LONGEST_SLEEP_MS = 30_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const VERIFIED_MS = 6 * HOUR;
const UNANSWERED_MS = 10 * MINUTE;
const HELD_MS = 30 * MINUTE;
/** For as long as records are awaited, the pause between two looks. */
const AWAITED: readonly [untilAge: number, pause: number][] = [
  [15 * MINUTE, MINUTE],
  [2 * HOUR, 5 * MINUTE],
  [24 * HOUR, 30 * MINUTE],
  [7 * 24 * HOUR, VERIFIED_MS],
];

export class DomainChecks {
  readonly #parts: DomainChecksParts;
  /** Looks that wait for their turn, and those that have begun to ask. */
  readonly #coming = new Map<number, Promise<ManagedDomain | null>>();
  readonly #asking = new Map<number, Promise<ManagedDomain | null>>();
  readonly #waiting: { tenantNo: number; go: () => void }[] = [];
  /** Looks under way, by tenant. */
  readonly #busy = new Map<number, number>();
  #free = AT_ONCE;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #bounceHost: string;
  #isHostKnown = false;

  constructor(parts: DomainChecksParts) {
    this.#parts = parts;
    this.#bounceHost = parts.gateway;
  }

  /** The host to publish for return paths, as far as known. */
  get bounceHost(): string {
    return this.#bounceHost;
  }

  /** After a change that no look has made. */
  changed(tenantNo: number): void {
    this.#parts.onChange(tenantNo);
  }

  start(): void {
    void this.#round();
  }

  /** No look begins, and none that is under way is stored. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** The domain as it is after a look at its records; null where it is gone. */
  look({ no, tenantNo }: DomainRef): Promise<ManagedDomain | null> {
    let coming = this.#coming.get(no);
    if (coming === undefined) {
      coming = this.#inTurn(tenantNo, () => this.#begin(no));
      this.#coming.set(no, coming);
    }
    return coming;
  }

  /** One look of a domain at a time: what the later one saw is stored last. */
  async #begin(no: number): Promise<ManagedDomain | null> {
    for (let before = this.#asking.get(no); before !== undefined; before = this.#asking.get(no)) {
      await before.catch(() => null);
    }
    this.#coming.delete(no);
    const asking = this.#lookAt(no).finally(() => this.#asking.delete(no));
    this.#asking.set(no, asking);
    return asking;
  }

  async #round(): Promise<void> {
    let sleepMs = LONGEST_SLEEP_MS;
    try {
      const { due, nextAt } = await this.#parts.store.domainsDue({ now: Date.now(), most: A_ROUND });
      if (!this.#isHostKnown && nextAt !== null) await this.#learnHost();
      await Promise.all(due.map((one) => this.look(one)));
      if (nextAt !== null) sleepMs = Math.min(sleepMs, Math.max(nextAt - Date.now(), 1000));
    } catch (fault) {
      if (!this.#isStopped)
        this.#parts.log.warn({ error: String(fault) }, 'the records of domains cannot be looked at now');
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#round(), sleepMs).unref();
  }

  /** What a domain's records are shown with, before the first look after a start. */
  async #learnHost(): Promise<void> {
    const { dns, gateway } = this.#parts;
    const answer = await dns.mx(returnDomainOf(gateway));
    this.#isHostKnown = answer.outcome !== 'failed';
    this.#bounceHost = hostsOf(answer, gateway)[0]!;
  }

  async #inTurn<T>(tenantNo: number, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((go) => {
      this.#waiting.push({ tenantNo, go });
      this.#letIn();
    });
    try {
      return await work();
    } finally {
      this.#free += 1;
      const left = this.#busyOf(tenantNo) - 1;
      if (left === 0) this.#busy.delete(tenantNo);
      else this.#busy.set(tenantNo, left);
      this.#letIn();
    }
  }

  #letIn(): void {
    while (this.#free > 0) {
      const at = this.#waiting.findIndex(({ tenantNo }) => this.#busyOf(tenantNo) < OF_ONE_TENANT);
      if (at < 0) return;
      const [{ tenantNo, go }] = this.#waiting.splice(at, 1) as [{ tenantNo: number; go: () => void }];
      this.#free -= 1;
      this.#busy.set(tenantNo, this.#busyOf(tenantNo) + 1);
      go();
    }
  }

  #busyOf(tenantNo: number): number {
    return this.#busy.get(tenantNo) ?? 0;
  }

  async #lookAt(no: number): Promise<ManagedDomain | null> {
    const looked = await this.#askFor(no);
    if (looked === null) return null;
    const { domain, findings } = looked;
    let checked = await this.#record(domain, findings, nextLookAt(domain, findings, Date.now()));
    if (checked?.outcome === 'held') {
      // Whoever has it keeps it only as long as its own record stands.
      const holder = await this.#askFor(checked.holder);
      if (holder !== null) {
        await this.#record(holder.domain, holder.findings, nextLookAt(holder.domain, holder.findings, Date.now()));
      }
      checked = await this.#record(domain, findings, jittered(Date.now(), HELD_MS));
    }
    return checked === null || checked.outcome === 'missing' ? null : checked.domain;
  }

  async #askFor(no: number): Promise<({ domain: DomainToCheck } & DomainLook) | null> {
    const domain = this.#isStopped ? null : await this.#parts.store.domainToCheck({ no });
    if (domain === null) return null;
    const look = await lookAtDomain(this.#parts.dns, domain, this.#parts.gateway);
    if (look.bounceHosts.length > 1) this.#bounceHost = look.bounceHosts[0]!;
    return { domain, ...look };
  }

  async #record(
    { no, tenantNo }: DomainToCheck,
    findings: DomainLook['findings'],
    nextCheckAt: number,
  ): Promise<CheckedDomain | null> {
    if (this.#isStopped) return null;
    const checked = await this.#parts.store.recordDomainCheck({ no, findings, nextCheckAt });
    if (checked.outcome === 'done' && checked.changed) this.#parts.onChange(tenantNo);
    return checked;
  }
}

/** When the next look is due, in real milliseconds. */
export function nextLookAt(domain: DomainToCheck, findings: DomainLook['findings'], now: number): number {
  const { state, keys, awaitedSince } = domain;
  const all = Object.values(findings);
  if (all.some((finding) => finding.state === 'unanswered') && state !== 'pending') return jittered(now, UNANSWERED_MS);
  const needed = keys
    .filter((key) => key.state !== 'retiring' && key.algorithm === 'rsa')
    .map((key) => `dkim:${key.selector}`);
  const isComplete = ['ownership', ...needed].every(
    (key) => findings[key] !== undefined && settledState(findings[key]) === 'found',
  );
  if (isComplete) return jittered(now, VERIFIED_MS);
  const isRotating = keys.some((key) => key.state === 'announced');
  if (state !== 'pending' && !isRotating) return jittered(now, HELD_MS);
  const age = now - awaitedSince;
  return jittered(now, AWAITED.find(([untilAge]) => age < untilAge)?.[1] ?? 24 * HOUR);
}

/** A tenth earlier or later, so that what began together does not stay together. */
function jittered(now: number, pauseMs: number): number {
  const tenth = Math.floor(pauseMs / 10);
  return now + pauseMs + randomInt(-tenth, tenth + 1);
}
