/**
 * One run of an endpoint: the next events beyond its cursor are attempted in order, and what became of them is stored.
 *
 * What holds: with a concurrency of one, no event is attempted before the one with the number before it was taken; with more, none
 * before an earlier one of the same message was. The place in the log is stored with the attempts that moved it, one write at a time
 * behind the attempts: a failure at once, what was delivered within moments and when the run ends; what a kill loses of it is
 * delivered again. A run ends when nothing can be attempted now, and knows no more
 * events than it began with, so that its memory is bounded.
 *
 * On a test clock that stands still a retry counts from the time that the attempt was due, so that an hour of it passes at once.
 */
import type { WebhookAttempt, WebhookProgress, WebhookTry, WebhookWork } from '../data/port/webhooks.ts';
import type { EventRow, Store } from '../data/store.ts';
import type { Answered } from './deliver.ts';
import { afterFailure, nextProbe } from './schedule.ts';

export type RunParts = {
  store: Pick<Store, 'progressWebhook'>;
  /** Attempts one event; null: it was broken off here, and says nothing. */
  post: (event: EventRow, attempt: number) => Promise<Answered | null>;
  /** Nothing more is to be begun: all of it stops, or a person has changed the endpoint. */
  isCalledOff: () => boolean;
  random01: () => number;
  onAttempt?: (answered: Answered) => void;
};

export type RunEnd = {
  /** When there is something to attempt, on the clock of the space; null: not by time. */
  nextAt: number | null;
  /** New events change nothing before then. */
  isBlocked: boolean;
  /** There is more in the log. */
  isMore: boolean;
  /** Nothing was attempted. */
  isIdle: boolean;
  /** It answered late: it shall not hold up those that do not. */
  isSlow: boolean;
  isPausing: boolean;
  /** Everything up to here that is wanted was given, whether stored or not. */
  skippedTo: number;
};

/** An endpoint that takes longer than this is a slow one. */
const SLOW_MS = 2000;
/** So long what was delivered may wait to be stored with what is delivered next. */
const STORED_WITHIN_MS = 100;
/** A cursor that moved over events of other types alone is stored when it has moved so far. */
const STORED_EVERY = 5000;
/** Events delivered beyond one that waits; then they all wait for it. */
const MOST_AHEAD = 300;

export class Run {
  readonly #work: WebhookWork;
  readonly #parts: RunParts;
  readonly #startedAt = performance.now();
  readonly #tries: Map<number, WebhookTry>;
  readonly #finished = new Set<number>();
  readonly #flying = new Map<number, Promise<void>>();
  #attempts: WebhookAttempt[] = [];
  #pause: WebhookProgress['pause'] = null;
  #resumes = false;
  #probeAt: number | null;
  #lost: WebhookProgress['lost'];
  #storing: Promise<void> | null = null;
  #storedAt = performance.now();
  #isDirty = false;
  /** The endpoint was changed meanwhile, or what was broken off must be asked for again. */
  #isOver = false;
  #fault: unknown = null;
  /** What is left waits for room among the slow ones. */
  #isLate = false;
  #attempted = 0;

  constructor(work: WebhookWork, parts: RunParts) {
    this.#work = work;
    this.#parts = parts;
    this.#tries = new Map(work.tries.map((one) => [one.seq, one]));
    this.#probeAt = work.probeAt;
    this.#lost = work.lost;
  }

  async go(): Promise<RunEnd> {
    const { pausedReason, lost } = this.#work;
    if (lost !== null) this.#store();
    if (pausedReason === null) await this.#deliverAll();
    else if (this.#probeAt !== null && this.#probeAt <= this.#now()) await this.#probe();
    else if (lost === null) return this.#end();
    const isFar = this.#attempted === 0 && this.#cursor() - this.#work.cursor >= STORED_EVERY;
    if (isFar || this.#isDirty) this.#store();
    await this.#storing;
    if (this.#fault !== null) throw this.#fault;
    return this.#end();
  }

  async #deliverAll(): Promise<void> {
    for (;;) {
      for (let event = this.#next(); event !== null; event = this.#next()) this.#start(event);
      if (this.#flying.size === 0) return;
      await Promise.race(this.#flying.values());
    }
  }

  /** What may be attempted now, or null. */
  #next(): EventRow | null {
    if (this.#isOver || this.#isLate || this.#pause !== null || this.#parts.isCalledOff()) return null;
    const { events, concurrency } = this.#work;
    const now = this.#now();
    const open = events.filter(({ seq }) => !this.#finished.has(seq));
    const held = open.filter(({ seq }) => this.#flying.has(seq) || this.#waits(seq, now));
    if (held.length >= concurrency) return null;
    const messages = new Set<unknown>();
    for (const event of open) {
      const message = event.data['message_id'];
      const isHeld = this.#flying.has(event.seq) || this.#waits(event.seq, now);
      if (!isHeld && !messages.has(message)) return event;
      // What is about no message is held up by nothing.
      if (typeof message === 'string') messages.add(message);
    }
    return null;
  }

  #waits(seq: number, now: number): boolean {
    const tried = this.#tries.get(seq);
    return tried !== undefined && tried.nextAt > now;
  }

  #start(event: EventRow): void {
    this.#attempted += 1;
    const flight = this.#attempt(event)
      .catch((fault: unknown) => {
        this.#isOver = true;
        this.#fault = fault;
      })
      .finally(() => this.#flying.delete(event.seq));
    this.#flying.set(event.seq, flight);
  }

  async #attempt(event: EventRow): Promise<void> {
    const tried = this.#tries.get(event.seq);
    const attempt = (tried?.failed ?? 0) + 1;
    const at = Date.now();
    const answered = await this.#post(event, attempt);
    if (answered === null) return;
    const base = { event, attempt, at, answered };
    if (answered.failure === null) {
      this.#tries.delete(event.seq);
      this.#finished.add(event.seq);
      this.#log({ ...base, kind: 'event', nextAttemptAt: null });
      this.#storeSoon();
    } else {
      const failedAt = this.#failedAt(event, tried);
      const random01 = this.#work.isFrozen ? 0 : this.#parts.random01();
      const then = afterFailure(answered.failure, attempt, failedAt, random01);
      const nextAt = then.outcome === 'again' ? then.nextAt : failedAt;
      this.#tries.set(event.seq, { seq: event.seq, failed: attempt, nextAt });
      if (then.outcome === 'pause') {
        const { reason, probeAt } = then;
        this.#probeAt = probeAt;
        this.#pause ??= { reason, probeAt, at: failedAt, error: answered.error ?? '', seq: event.seq };
      }
      this.#log({ ...base, kind: 'event', nextAttemptAt: then.outcome === 'again' ? nextAt : then.probeAt });
      this.#store();
    }
  }

  /** On the clock of the space. Where it stands still, the attempt was made when it was due. */
  #failedAt(event: EventRow, tried: WebhookTry | undefined): number {
    const { isFrozen, now, readyAt } = this.#work;
    if (!isFrozen) return this.#now();
    return Math.min(now, tried?.nextAt ?? Math.max(event.createdAt, readyAt));
  }

  async #post(event: EventRow, attempt: number): Promise<Answered | null> {
    const answered = await this.#parts.post(event, attempt);
    if (answered === null) {
      this.#isOver = true;
      return null;
    }
    if (answered.durationMs > SLOW_MS) this.#isLate = true;
    this.#parts.onAttempt?.(answered);
    return answered;
  }

  /** The first event that was not delivered says whether the endpoint is back. */
  async #probe(): Promise<void> {
    const event = this.#work.events[0];
    const { lastSeq, newestSeq, pausedAt, isFrozen } = this.#work;
    if (event === undefined) {
      // Nothing is left to ask it with.
      if (lastSeq >= newestSeq) this.#resumes = true;
      this.#store();
      return;
    }
    this.#attempted += 1;
    const attempt = (this.#tries.get(event.seq)?.failed ?? 0) + 1;
    const at = Date.now();
    const answered = await this.#post(event, attempt);
    if (answered === null) return;
    if (answered.failure === null) {
      this.#finished.add(event.seq);
      this.#tries.clear();
      this.#resumes = true;
    } else {
      const now = this.#now();
      this.#probeAt = nextProbe(answered.failure, pausedAt ?? now, now);
      this.#tries.set(event.seq, { seq: event.seq, failed: attempt, nextAt: isFrozen ? this.#work.now : now });
      if (answered.failure === 'gone') {
        this.#pause = { reason: 'gone', probeAt: null, at: now, error: answered.error ?? '', seq: event.seq };
      }
    }
    const nextAttemptAt = answered.failure === null ? null : this.#probeAt;
    this.#log({ event, attempt, at, answered, kind: 'probe', nextAttemptAt });
    this.#store();
  }

  #log(made: {
    event: EventRow;
    attempt: number;
    at: number;
    answered: Answered;
    kind: WebhookAttempt['kind'];
    nextAttemptAt: number | null;
  }): void {
    const { event, attempt, at, answered, kind, nextAttemptAt } = made;
    this.#attempts.push(attemptOf(event, answered, { kind, attempt, at, nextAttemptAt }));
  }

  #now(): number {
    const { now, isFrozen } = this.#work;
    return isFrozen ? now : now + (performance.now() - this.#startedAt);
  }

  /** Everything up to here is delivered, or is not wanted. */
  #cursor(): number {
    const { events, lastSeq } = this.#work;
    const first = events.find(({ seq }) => !this.#finished.has(seq));
    return first === undefined ? lastSeq : first.seq - 1;
  }

  #storeSoon(): void {
    this.#isDirty = true;
    if (performance.now() - this.#storedAt >= STORED_WITHIN_MS) this.#store();
  }

  /** Stores what there is to store, behind whatever is being stored already. */
  #store(): void {
    this.#isDirty = true;
    this.#storing ??= this.#storeAll();
  }

  async #storeAll(): Promise<void> {
    try {
      while (this.#isDirty) {
        this.#isDirty = false;
        this.#storedAt = performance.now();
        const progress = this.#progress();
        const isStored = await this.#parts.store.progressWebhook(progress);
        if (!isStored || progress.pause !== null || progress.resumes) this.#isOver = true;
      }
    } catch (fault) {
      this.#isOver = true;
      this.#fault = fault;
    }
    // In the same turn as the last look at what there is to store: nothing comes between.
    this.#storing = null;
  }

  #progress(): WebhookProgress {
    const cursor = this.#cursor();
    const attempts = this.#attempts;
    const lost = this.#lost;
    this.#attempts = [];
    this.#lost = null;
    const done = [...this.#work.done, ...this.#finished].filter((seq) => seq > cursor);
    const tries = [...this.#tries.values()].filter(({ seq }) => seq > cursor);
    const { no, generation } = this.#work;
    const probeAt = this.#work.pausedReason === null || this.#resumes ? null : this.#probeAt;
    return {
      ...{ no, generation, cursor, done, tries, attempts, lost, probeAt },
      pause: this.#pause,
      resumes: this.#resumes,
    };
  }

  #end(): RunEnd {
    const { pausedReason, lastSeq, newestSeq, concurrency, events } = this.#work;
    const rest = { isIdle: this.#attempted === 0, isSlow: this.#isLate, skippedTo: this.#cursor() };
    const isPausing = this.#pause !== null;
    if (pausedReason !== null && !this.#resumes) {
      return { ...rest, nextAt: this.#probeAt, isBlocked: true, isMore: false, isPausing };
    }
    if (isPausing) return { ...rest, nextAt: this.#pause!.probeAt, isBlocked: true, isMore: false, isPausing };
    if (this.#isOver) return { ...rest, nextAt: null, isBlocked: false, isMore: true, isPausing };
    const now = this.#now();
    const open = events.filter(({ seq }) => !this.#finished.has(seq));
    const failed = open.filter(({ seq }) => this.#tries.has(seq));
    const nextAt = failed.length === 0 ? null : Math.min(...failed.map(({ seq }) => this.#tries.get(seq)!.nextAt));
    // Its time may have come since the last look at what can be attempted.
    const isDue = nextAt !== null && nextAt <= now;
    const cursor = rest.skippedTo;
    const ahead = [...this.#work.done, ...this.#finished].filter((seq) => seq > cursor).length;
    // Whatever a run may know waits for what failed.
    const isFull = this.#attempted === 0 && open.length > 0 && lastSeq < newestSeq;
    const isBlocked = !isDue && (failed.length >= concurrency || ahead > MOST_AHEAD || isFull);
    const isMore = !isBlocked && (isDue || lastSeq < newestSeq || (this.#isLate && open.length > failed.length));
    return { ...rest, nextAt, isBlocked, isMore, isPausing };
  }
}

export function attemptOf(
  { id, seq, type }: EventRow,
  { failure, status, error, excerpt, durationMs }: Answered,
  more: Pick<WebhookAttempt, 'kind' | 'attempt' | 'at' | 'nextAttemptAt'>,
): WebhookAttempt {
  return { eventId: id, seq, type, isDelivered: failure === null, status, error, excerpt, durationMs, ...more };
}
