/**
 * Circuit breakers: a way out that fails again and again is closed for a time, and the next mail after that tries it alone.
 *
 * What holds: a way opens when so many attempts in a row failed through its own fault (one is enough where it says outright that
 * more are useless, as a wrong password does); it is then closed for a stated time, longer each time it fails again; when that is
 * over one delivery goes as a probe, and all others still wait; whatever is taken closes the matter.
 *
 * Pure: time is an argument, in milliseconds of any clock that only goes forward. Deliberately absent: what counts as a failure
 * (settlement.ts), and telling anybody.
 */

export type BreakerPace = { failures: number; firstMs: number; factor: number; longestMs: number };

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** By what failed. Told in docs/delivery.md. */
export const BREAKER_PACES = {
  /** No connection, no session, a 421: a restart takes seconds, and mail waits or goes another way meanwhile. */
  unreachable: { failures: 3, firstMs: 5 * SECOND, factor: 2, longestMs: 10 * MINUTE },
  /** Its throttle or quota. */
  throttled: { failures: 5, firstMs: 30 * SECOND, factor: 2, longestMs: 60 * MINUTE },
  /** It refuses what we are to it: a password is changed by people. */
  refused: { failures: 1, firstMs: 5 * MINUTE, factor: 2, longestMs: 120 * MINUTE },
  /** What lies behind it takes nothing from this mailbox. */
  beyond: { failures: 5, firstMs: 5 * MINUTE, factor: 2, longestMs: 240 * MINUTE },
} as const satisfies Record<string, BreakerPace>;

export type BreakerCause = keyof typeof BREAKER_PACES;

/** `closed`: for so long, in milliseconds; `count`: the how-manieth time in a row. */
export type Break = { forMs: number; count: number };

type Breaker = {
  failures: number;
  /** Null: mail may go. */
  closedUntil: number | null;
  count: number;
  probe: number | null;
  /** When it was last closed or opened again. */
  changedAt: number;
};

/** A probe whose end nobody told is given up. */
const PROBE_MS = 900_000;
/** Whoever waits for a probe's end asks again after this. */
const ASK_AGAIN_MS = 5 * SECOND;
/** After so long without a failure the next one starts at the first wait. */
const FORGIVEN_MS = 30 * MINUTE;
/** Beyond so many, those that nothing came to for a day are forgotten. */
const MOST = 10_000;
const FORGOTTEN_MS = 1440 * MINUTE;

export class Breakers {
  readonly #breakers = new Map<string, Breaker>();

  /** `go`, or `probe` for the one that tries it, or how long it is closed. `id` is the recipient's number. */
  look(name: string, id: number, now: number): 'go' | 'probe' | { forMs: number } {
    const breaker = this.#breakers.get(name);
    if (breaker === undefined || breaker.closedUntil === null) return 'go';
    if (breaker.closedUntil > now) return { forMs: breaker.closedUntil - now };
    const isOut = breaker.probe !== null && breaker.probe !== id && now - breaker.changedAt < PROBE_MS;
    if (isOut) return { forMs: ASK_AGAIN_MS };
    breaker.probe = id;
    breaker.changedAt = now;
    return 'probe';
  }

  /** Whether mail may not go now, asked without taking part. */
  isClosed(name: string): boolean {
    return (this.#breakers.get(name)?.closedUntil ?? null) !== null;
  }

  /** An attempt failed through the way's own fault. Not null: it is closed from now on, or longer. */
  failed(name: string, id: number, cause: BreakerCause, now: number): Break | null {
    const { failures, firstMs, factor, longestMs } = BREAKER_PACES[cause];
    const breaker = this.#breakers.get(name) ?? this.#newBreaker(name, now);
    const isProbe = breaker.closedUntil !== null && breaker.probe === id;
    // What set out before it was closed tells nothing new.
    if (breaker.closedUntil !== null && !isProbe) return null;
    breaker.failures += 1;
    if (!isProbe && breaker.failures < failures) return null;
    if (!isProbe && now - breaker.changedAt > FORGIVEN_MS) breaker.count = 0;
    const forMs = Math.min(firstMs * factor ** Math.min(breaker.count, 30), longestMs);
    breaker.count += 1;
    breaker.closedUntil = now + forMs;
    breaker.probe = null;
    breaker.changedAt = now;
    return { forMs, count: breaker.count };
  }

  #newBreaker(name: string, now: number): Breaker {
    if (this.#breakers.size >= MOST) {
      for (const [other, { changedAt }] of this.#breakers)
        if (now - changedAt > FORGOTTEN_MS) this.#breakers.delete(other);
    }
    const breaker: Breaker = { failures: 0, closedUntil: null, count: 0, probe: null, changedAt: now };
    this.#breakers.set(name, breaker);
    return breaker;
  }

  /** Something was taken. True: the way was closed, and is open again. */
  succeeded(name: string, now: number): boolean {
    const breaker = this.#breakers.get(name);
    if (breaker === undefined) return false;
    breaker.failures = 0;
    if (breaker.closedUntil === null) {
      if (now - breaker.changedAt > FORGIVEN_MS) this.#breakers.delete(name);
      return false;
    }
    breaker.closedUntil = null;
    breaker.probe = null;
    breaker.changedAt = now;
    return true;
  }

  /** Whoever waits for those that are asked for has been mended, as somebody says: the next mail is the probe. */
  mend(isMeant: (name: string) => boolean, now: number): void {
    for (const [name, breaker] of this.#breakers) {
      if (breaker.closedUntil !== null && breaker.closedUntil > now && isMeant(name)) breaker.closedUntil = now;
    }
  }

  /** A delivery ended that says nothing of the way: as a probe it does not count, and the next may be one. */
  ended(name: string, id: number): void {
    const breaker = this.#breakers.get(name);
    if (breaker?.probe === id) breaker.probe = null;
  }

  /** How many ways are closed now. */
  get closed(): number {
    let count = 0;
    for (const { closedUntil } of this.#breakers.values()) if (closedUntil !== null) count += 1;
    return count;
  }
}
