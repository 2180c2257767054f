/**
 * A pool of kept connections to one next hop, or to hosts of which any will do, with one delivery at a time on each.
 *
 * Invariants: never more than `maxConnections` links or attempts to open one; a delivery whose kept connection was dead
 * at the first command is tried once more on a fresh one, which is no attempt failure since nothing had been sent; after
 * `close` no dot is written any more, and those that are out are waited for within the grace time.
 *
 * Deliberately absent: retries, routing and rate shapes (the dispatcher's), which host is taken (`open`'s), and a limit on
 * waiting deliveries (whoever calls holds a claim for each).
 */
import type { Delivery, DeliveryResult, Transport } from '../transports/transport.ts';
import { assertLineEnds, assertPath } from './content.ts';
import type { Link } from './link.ts';
import { recover, type Sent, send } from './send.ts';
import { type NotTaken, notTaken, type Session } from './session.ts';
import type { SmtpTimeouts } from './settings.ts';

export type PoolParts = {
  /** Opens a session; tells of every link the moment it exists, and gives up when `signal` aborts. */
  open: (onLink: (link: Link) => void, signal: AbortSignal) => Promise<Session | NotTaken>;
  maxConnections: number;
  deliveriesPerConnection: number;
  timeouts: SmtpTimeouts;
  /** Told whenever nothing is left in it: no delivery, no connection. */
  onEmpty?: () => void;
};

const CLOSED = 'the transport is closed';

/** A place in the pool: with a kept session, or with leave to open one; or the news that the pool is closed. */
type Place = Session | 'open' | 'closed';

export class SmtpPool implements Transport {
  readonly #parts: PoolParts;
  readonly #closing = new AbortController();
  #places = 0;
  #idle: { session: Session; timer: NodeJS.Timeout }[] = [];
  #waiting: ((place: Place) => void)[] = [];
  #links = new Set<Link>();
  #deliveries = 0;
  #isClosed = false;
  #isGraceOver = false;
  #onQuiet: () => void = () => {};

  constructor(parts: PoolParts) {
    this.#parts = parts;
  }

  /** Nothing is under way and no connection is kept. */
  get isEmpty(): boolean {
    return this.#deliveries === 0 && this.#places === 0;
  }

  /** Nothing is under way; connections may be kept. */
  get isIdle(): boolean {
    return this.#deliveries === 0 && this.#places === this.#idle.length;
  }

  async deliver(delivery: Delivery): Promise<DeliveryResult> {
    assertPath(delivery.from);
    assertPath(delivery.to);
    assertLineEnds(delivery.content);
    this.#deliveries++;
    try {
      const place = await this.#take();
      if (place === 'closed') return notTaken('connect', CLOSED);
      const sent = place === 'open' ? 'stale' : await this.#send(place, delivery);
      return sent === 'stale' ? await this.#sendFresh(delivery) : sent;
    } finally {
      this.#deliveries--;
      this.#tellQuiet();
      this.#tellEmpty();
    }
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    this.#closing.abort();
    for (const waiter of this.#waiting.splice(0)) waiter('closed');
    for (const { session, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      session.link.quit(this.#parts.timeouts.quitMs);
    }
    for (const link of this.#links) if (!link.isDotOut && !link.isBroken) link.fail(CLOSED);
    const timer = setTimeout(() => {
      this.#isGraceOver = true;
      for (const link of this.#links) link.fail('no answer within the grace time');
      this.#tellQuiet();
    }, graceMs);
    await new Promise<void>((resolve) => {
      this.#onQuiet = resolve;
      this.#tellQuiet();
    });
    clearTimeout(timer);
  }

  #tellQuiet(): void {
    const isDone = this.#deliveries === 0 || this.#isGraceOver;
    if (this.#isClosed && isDone && this.#links.size === 0) this.#onQuiet();
  }

  #tellEmpty(): void {
    if (this.isEmpty) this.#parts.onEmpty?.();
  }

  #take(): Place | Promise<Place> {
    if (this.#isClosed) return 'closed';
    const kept = this.#idle.pop();
    if (kept !== undefined) {
      clearTimeout(kept.timer);
      kept.session.link.rest(false);
      return kept.session;
    }
    if (this.#places < this.#parts.maxConnections) {
      this.#places++;
      return 'open';
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives a place on, or back. */
  #leave(): void {
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) {
      waiter('open');
      return;
    }
    this.#places--;
    this.#tellEmpty();
  }

  async #sendFresh(delivery: Delivery): Promise<DeliveryResult> {
    const opened = await this.#open();
    if ('outcome' in opened) {
      this.#leave();
      return opened;
    }
    const sent = await this.#send(opened, delivery);
    if (sent === 'stale') throw new Error('a fresh session called itself stale');
    return sent;
  }

  async #open(): Promise<Session | NotTaken> {
    if (this.#isClosed) return notTaken('connect', CLOSED);
    return this.#parts.open((link) => {
      this.#links.add(link);
      link.onClosed = () => {
        this.#links.delete(link);
        this.#tellQuiet();
      };
      if (this.#isClosed) link.fail(CLOSED);
    }, this.#closing.signal);
  }

  async #send(session: Session, delivery: Delivery): Promise<Sent> {
    let sent: Sent;
    try {
      sent = await send(session, delivery, this.#parts.timeouts);
    } catch (fault) {
      session.link.fail('the delivery failed here');
      this.#leave();
      throw fault;
    }
    if (sent === 'stale') session.link.fail('the kept connection was dead');
    else this.#release(session);
    return sent;
  }

  #release(session: Session): void {
    const { link } = session;
    if (link.trouble === null && link.pending === 0 && !session.isDirty) this.#keep(session);
    else void this.#mend(session);
  }

  /** Runs after the result was given, so that a slow reply to RSET delays nobody but the place. */
  async #mend(session: Session): Promise<void> {
    if (await recover(session, this.#parts.timeouts)) {
      this.#keep(session);
      return;
    }
    session.link.fail('the session could not be used again');
    this.#leave();
  }

  #keep(session: Session): void {
    if (this.#isClosed || session.deliveries >= this.#parts.deliveriesPerConnection) {
      session.link.quit(this.#parts.timeouts.quitMs);
      this.#leave();
      return;
    }
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#rest(session);
    else waiter(session);
  }

  #rest(session: Session): void {
    const { link } = session;
    const drop = (end: () => void): void => {
      const at = this.#idle.findIndex((kept) => kept.session === session);
      if (at === -1) return;
      clearTimeout(this.#idle.splice(at, 1)[0]!.timer);
      end();
      this.#leave();
    };
    const { idleMs, quitMs } = this.#parts.timeouts;
    const timer = setTimeout(() => drop(() => link.quit(quitMs)), idleMs).unref();
    link.onTrouble = () => drop(() => link.fail('ended while idle'));
    link.rest(true);
    this.#idle.push({ session, timer });
  }
}
