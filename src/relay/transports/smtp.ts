/**
 * The SMTP transport: a pool of kept connections to one next hop, one delivery at a time on each.
 *
 * Invariants: never more than `maxConnections` links or attempts to open one; a delivery whose kept connection was dead
 * at the first command is tried once more on a fresh one, which is no attempt failure since nothing had been sent; after
 * `close` no dot is written any more, and those that are out are waited for within the grace time.
 *
 * Deliberately absent: retries, routing and rate shapes (the dispatcher's), and a limit on waiting deliveries (whoever
 * calls holds a claim for each).
 */
import { assertLineEnds, assertPath } from '../smtp/content.ts';
import type { Link } from '../smtp/link.ts';
import { recover, type Sent, send } from '../smtp/send.ts';
import { type NotTaken, notTaken, openSession, type Session } from '../smtp/session.ts';
import { type SmtpOptions, type SmtpSettings, smtpSettings } from '../smtp/settings.ts';
import type { Delivery, DeliveryResult, Transport } from './transport.ts';

const CLOSED = 'the transport is closed';

/** A place in the pool: with a kept session, or with leave to open one; or the news that the pool is closed. */
type Place = Session | 'open' | 'closed';

/** A transport to one next hop. Throws on options that could never work; opens nothing yet. */
export function smtpTransport(options: SmtpOptions): Transport {
  return new SmtpTransport(smtpSettings(options));
}

class SmtpTransport implements Transport {
  #settings: SmtpSettings;
  #places = 0;
  #idle: { session: Session; timer: NodeJS.Timeout }[] = [];
  #waiting: ((place: Place) => void)[] = [];
  #links = new Set<Link>();
  #deliveries = 0;
  #isClosed = false;
  #isGraceOver = false;
  #onQuiet: () => void = () => {};

  constructor(settings: SmtpSettings) {
    this.#settings = settings;
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
    }
  }

  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    for (const waiter of this.#waiting.splice(0)) waiter('closed');
    for (const { session, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      session.link.quit(this.#settings.timeouts.quitMs);
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

  #take(): Place | Promise<Place> {
    if (this.#isClosed) return 'closed';
    const kept = this.#idle.pop();
    if (kept !== undefined) {
      clearTimeout(kept.timer);
      kept.session.link.rest(false);
      return kept.session;
    }
    if (this.#places < this.#settings.maxConnections) {
      this.#places++;
      return 'open';
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives a place on, or back. */
  #leave(): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#places--;
    else waiter('open');
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
    return openSession(this.#settings, (link) => {
      this.#links.add(link);
      link.onClosed = () => {
        this.#links.delete(link);
        this.#tellQuiet();
      };
      if (this.#isClosed) link.fail(CLOSED);
    });
  }

  async #send(session: Session, delivery: Delivery): Promise<Sent> {
    let sent: Sent;
    try {
      sent = await send(session, delivery, this.#settings.timeouts);
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
    if (await recover(session, this.#settings.timeouts)) {
      this.#keep(session);
      return;
    }
    session.link.fail('the session could not be used again');
    this.#leave();
  }

  #keep(session: Session): void {
    if (this.#isClosed || session.deliveries >= this.#settings.deliveriesPerConnection) {
      session.link.quit(this.#settings.timeouts.quitMs);
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
    const { idleMs, quitMs } = this.#settings.timeouts;
    const timer = setTimeout(() => drop(() => link.quit(quitMs)), idleMs).unref();
    link.onTrouble = () => drop(() => link.fail('ended while idle'));
    link.rest(true);
    this.#idle.push({ session, timer });
  }
}
