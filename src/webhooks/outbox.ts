/**
 * The outbox: carries the event log to its endpoints. The log is the queue; here is only who has to be looked at, and when.
 *
 * What holds: an endpoint without new events costs nothing, and one that waits for its next attempt or is paused is not woken by events;
 * of each endpoint one run is under way at most, and it knows a few events, however far the endpoint is behind; runs of those that
 * answer promptly and of those that do not have room of their own, and who answers late leaves the room of the prompt ones within
 * moments, so that a thousand that hang delay a prompt one by less than a second. What goes wrong here is tried again after a pause
 * and harms no other endpoint.
 */
import type { Secrets } from '../base/secrets.ts';
import type { ExplainOptions } from '../core/explain.ts';
import type { WebhookTarget, WebhookWork } from '../data/port/webhooks.ts';
import type { EventRow, Space, Store } from '../data/store.ts';
import { eventBody } from '../http/event-body.ts';
import type { Addresses } from './address.ts';
import { type Answered, Link, type LinkOptions } from './deliver.ts';
import { Lane } from './lanes.ts';
import { Pace } from './pace.ts';
import { Run, type RunEnd } from './run.ts';
import { signedHeaders } from './sign.ts';

export type OutboxParts = {
  store: Pick<Store, 'onEvents' | 'allWebhooks' | 'webhookWork' | 'progressWebhook'>;
  secrets: Pick<Secrets, 'open'>;
  addresses: Addresses;
  textsIn: (locale: string) => ExplainOptions;
  log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
  /** For tests. */
  link?: LinkOptions;
};

/** Attempts under way at once: to endpoints that answer promptly (few, so that their turns keep nobody waiting), and to the others. */
const QUICK_ROOM = 128;
const SLOW_ROOM = 2048;
/** A run that takes longer makes room for other quick ones. */
const MOVES_AFTER_MS = 100;
/** Events that one run knows. */
const EVENTS_A_RUN = 16;
const MOST_EVENTS_A_RUN = 100;
const LOADED_AT_ONCE = 500;
/** Who wants few of many events is asked for no more often than this. */
const IDLE_REST_MS = 100;
const FAULT_REST_MS = 5000;
const LONGEST_WAIT_MS = 3_600_000;

type Endpoint = {
  id: string;
  space: Space;
  isBusy: boolean;
  /** There may be new events. */
  isRung: boolean;
  /** Something else than events came: it is looked at in any case. */
  isChanged: boolean;
  /** A person has changed it: what is under way knows it as it was. */
  isEdited: boolean;
  /** New events change nothing. */
  isBlocked: boolean;
  isSlow: boolean;
  /** It was asked for a moment ago, and had nothing that is wanted. */
  isResting: boolean;
  concurrency: number;
  skipped: { generation: number; seq: number } | null;
  timer: NodeJS.Timeout | null;
};

export type OutboxFigures = { delivered: number; failed: number; paused: number; underWay: number };

export class Outbox {
  readonly #parts: OutboxParts;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #spaces = new Map<string, Set<Endpoint>>();
  readonly #quick = new Lane(QUICK_ROOM);
  readonly #slow = new Lane(SLOW_ROOM);
  readonly #pace = new Pace();
  readonly #busy = new Set<Promise<void>>();
  readonly #broken = new AbortController();
  readonly #counts = { delivered: 0, failed: 0, paused: 0 };
  #isStopping = false;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { store } = this.#parts;
    store.onEvents((changed) => {
      if (this.#spaces.size === 0) return;
      for (const space of changed) for (const endpoint of this.#spaces.get(nameOf(space)) ?? []) this.#ring(endpoint);
    });
    for (let after = 0; !this.#isStopping; ) {
      const found = await store.allWebhooks({ after, limit: LOADED_AT_ONCE });
      for (const { id, tenantNo, mode } of found) this.watch(id, { tenantNo, mode });
      if (found.length < LOADED_AT_ONCE) return;
      after = found.at(-1)!.no;
    }
  }

  /** An endpoint is new, or was changed by a person. */
  watch(id: string, space: Space): void {
    let endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) {
      endpoint = {
        ...{ id, space, isBusy: false, isRung: false, isChanged: false, isEdited: false },
        ...{ isBlocked: false, isSlow: false, isResting: false, concurrency: 1, skipped: null, timer: null },
      };
      this.#endpoints.set(id, endpoint);
      const others = this.#spaces.get(nameOf(space));
      if (others === undefined) this.#spaces.set(nameOf(space), new Set([endpoint]));
      else others.add(endpoint);
    }
    endpoint.isChanged = true;
    endpoint.isEdited = true;
    this.#begin(endpoint);
  }

  get figures(): OutboxFigures {
    return { ...this.#counts, underWay: this.#quick.taken + this.#slow.taken };
  }

  /** Begins nothing more, waits for what is under way, and breaks off what takes longer: it is delivered after the next start. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    for (const { timer } of this.#endpoints.values()) if (timer !== null) clearTimeout(timer);
    const timer = setTimeout(() => this.#broken.abort(), graceMs);
    await Promise.all(this.#busy);
    clearTimeout(timer);
  }

  #ring(endpoint: Endpoint): void {
    // A move of the test clock comes this way too.
    if (endpoint.space.mode === 'test') endpoint.isChanged = true;
    else if (endpoint.isBlocked) return;
    endpoint.isRung = true;
    if (!endpoint.isResting) this.#begin(endpoint);
  }

  #begin(endpoint: Endpoint): void {
    if (endpoint.isBusy || this.#isStopping) return;
    endpoint.isBusy = true;
    const busy = this.#serve(endpoint).finally(() => this.#busy.delete(busy));
    this.#busy.add(busy);
  }

  async #serve(endpoint: Endpoint): Promise<void> {
    if (endpoint.timer !== null) clearTimeout(endpoint.timer);
    endpoint.timer = null;
    let giveBack = await (endpoint.isSlow ? this.#slow : this.#quick).take(endpoint.concurrency);
    // Nobody knows beforehand who hangs: who does not end soon goes on among the slow ones, whether they have room or not.
    const moving = setTimeout(() => {
      if (endpoint.isSlow) return;
      giveBack();
      giveBack = this.#slow.takeAnyway(endpoint.concurrency);
    }, MOVES_AFTER_MS);
    let end: Ended = { waitMs: null, isMore: false };
    try {
      await this.#pace.turn();
      if (!this.#isStopping) end = await this.#run(endpoint);
    } catch (fault) {
      this.#parts.log.error({ webhook: endpoint.id, error: String(fault) }, 'a webhook cannot be delivered now');
      end = { waitMs: FAULT_REST_MS, isMore: false };
      endpoint.isBlocked = true;
    } finally {
      clearTimeout(moving);
      giveBack();
      endpoint.isBusy = false;
    }
    if (this.#isStopping || !this.#endpoints.has(endpoint.id)) return;
    // What came while the run was under way does not wait for the time of what failed.
    const isAsked = end.isMore || (endpoint.isRung && !endpoint.isBlocked && !endpoint.isResting);
    if (endpoint.isChanged || isAsked) this.#begin(endpoint);
    else if (end.waitMs !== null) {
      const waitMs = Math.min(end.waitMs, LONGEST_WAIT_MS);
      endpoint.timer = setTimeout(() => this.#begin(endpoint), waitMs).unref();
    }
  }

  async #run(endpoint: Endpoint): Promise<Ended> {
    const { store } = this.#parts;
    endpoint.isRung = false;
    endpoint.isChanged = false;
    endpoint.isEdited = false;
    endpoint.isResting = false;
    // One that answers late is given no more than is under way at once.
    const rounds = endpoint.isSlow ? 1 : EVENTS_A_RUN;
    const limit = Math.min(MOST_EVENTS_A_RUN, rounds * endpoint.concurrency);
    const work = await store.webhookWork({ id: endpoint.id, limit, skipped: endpoint.skipped });
    if (work === null) {
      this.#forget(endpoint);
      return { waitMs: null, isMore: false };
    }
    endpoint.concurrency = work.concurrency;
    const secrets = this.#secretsOf(work);
    const connections = Math.min(work.concurrency, Math.max(1, work.events.length));
    let link: Link | null = null;
    const post = (event: EventRow, attempt: number): Promise<Answered | null> => {
      link ??= new Link(new URL(work.url), this.#parts.addresses, { ...this.#parts.link, connections });
      return this.#post(link, work, secrets, event, attempt);
    };
    try {
      const run = new Run(work, {
        store,
        post,
        isCalledOff: () => this.#isStopping || endpoint.isEdited,
        random01: Math.random,
        onAttempt: ({ failure }) => {
          if (failure === null) this.#counts.delivered += 1;
          else this.#counts.failed += 1;
        },
      });
      const end = await run.go();
      return this.#after(endpoint, work, end);
    } finally {
      await (link as Link | null)?.close();
    }
  }

  #after(endpoint: Endpoint, { generation, isFrozen, id }: WebhookWork, end: RunEnd): Ended {
    endpoint.isBlocked = end.isBlocked;
    endpoint.isSlow = end.isSlow || (endpoint.isSlow && end.isIdle);
    endpoint.skipped = { generation, seq: end.skippedTo };
    if (end.isPausing) {
      this.#counts.paused += 1;
      this.#parts.log.warn({ webhook: id }, 'a webhook is paused');
    }
    // On a clock that stands still only its move makes anything due, and that rings.
    const waitMs = end.nextAt === null || isFrozen ? null : Math.max(0, end.nextAt - Date.now());
    endpoint.isResting = end.isIdle && !end.isMore && endpoint.isRung && !end.isBlocked;
    if (endpoint.isResting) return { waitMs: IDLE_REST_MS, isMore: false };
    return end.isMore ? { waitMs: null, isMore: true } : { waitMs, isMore: false };
  }

  async #post(
    link: Link,
    target: WebhookTarget,
    secrets: readonly string[],
    event: EventRow,
    attempt: number,
  ): Promise<Answered | null> {
    await this.#pace.turn();
    const answered = await postEvent(link, target, secrets, event, attempt, this.#parts.textsIn, this.#broken.signal);
    return this.#broken.signal.aborted && answered.failure !== null ? null : answered;
  }

  #secretsOf(target: WebhookTarget): string[] {
    return openSecretsOf(this.#parts.secrets, target);
  }

  #forget(endpoint: Endpoint): void {
    this.#endpoints.delete(endpoint.id);
    const others = this.#spaces.get(nameOf(endpoint.space));
    others?.delete(endpoint);
    if (others?.size === 0) this.#spaces.delete(nameOf(endpoint.space));
  }
}

type Ended = { waitMs: number | null; isMore: boolean };

function nameOf({ tenantNo, mode }: Space): string {
  return `${tenantNo} ${mode}`;
}

/** The secrets that sign, the current one first. Throws where one was sealed under a master secret that is gone. */
export function openSecretsOf(secrets: Pick<Secrets, 'open'>, { id, sealed }: WebhookTarget): string[] {
  return sealed.map((one) => {
    const opened = secrets.open(one, `webhook/${id}`);
    if (opened === null) throw new Error(`the secret of ${id} cannot be opened with the master secrets at hand`);
    return Buffer.from(opened).toString();
  });
}

/** Posts one event, signed now. */
export function postEvent(
  link: Link,
  target: WebhookTarget,
  secrets: readonly string[],
  event: EventRow,
  attempt: number,
  textsIn: (locale: string) => ExplainOptions,
  signal?: AbortSignal,
): Promise<Answered> {
  const { data, ...head } = eventBody(event, textsIn(target.locale ?? 'en'));
  const told = { ...head, tenant: target.tenantId, mode: target.mode, data };
  const body = Buffer.from(JSON.stringify(told));
  const { id: eventId, type } = event;
  const headers = signedHeaders(target.signature, secrets, { eventId, type, attempt, body, now: Date.now() });
  return link.post({ body, headers }, signal);
}
