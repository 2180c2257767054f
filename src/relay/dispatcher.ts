/**
 * The dispatcher: claims what is due and carries each recipient from its claim to its settlement.
 *
 * What holds:
 * - It waits for the store's word that something is due, and asks for nothing while idle.
 * - At most `mostInFlight` recipients are claimed at a time, no tenant's more than are left for the others, and a few more of
 *   test mode, which never waits behind a slow next hop. Each claim is renewed while its delivery runs, and one that was lost never reaches its dot.
 * - What became of an attempt is stored before anything else is done about it. While the store cannot, nothing more is
 *   claimed and the settlements wait.
 * - After `stop` nothing is claimed; what has not reached its dot goes back untried; dots that are out are waited for.
 *
 * Absent on purpose: deciding (the store looks again before each dot), the way out (ways.ts), and what a reply means
 * (judgement.ts, settlement.ts).
 */
import { setTimeout as pause } from 'node:timers/promises';
import { failpoint, reachFailpoint } from '../base/failpoint.ts';
import { decodeTypeId } from '../base/ids.ts';
import type { Tokens } from '../base/tokens.ts';
import { nextAttemptAt } from '../core/backoff.ts';
import { type Claimed, type ClaimInput, type Settlement, type Space, type Store, StoreFault } from '../data/store.ts';
import type { ReplyRules } from './classify.ts';
import { judge, teachingOf } from './judgement.ts';
import type { Mails } from './mails.ts';
import type { RelayLog } from './relay-log.ts';
import { attemptReport, settlementOf } from './settlement.ts';
import type { Entered, Way, WayEnd, WaysOut } from './ways.ts';

export type DispatcherParts = {
  store: Pick<Store, 'claim' | 'mark' | 'settle' | 'renew' | 'simulateReturn' | 'dueIn' | 'onDue'>;
  mails: Mails;
  ways: WaysOut;
  tokens: Tokens;
  /** Where return paths are at home. */
  returnDomainFor: (claimed: Claimed) => Promise<string>;
  rules: ReplyRules;
  log: RelayLog;
  mostInFlight?: number;
  /** Told of every dot whose answer was stored: the milliseconds from its mark to then, in which a death makes it uncertain. */
  onDot?: (spanMs: number) => void;
};

type Flight = { claimed: Claimed; startedAt: number; isLost: boolean; markedAt: number | null };

type Attempted = { settlement: Settlement } & Pick<WayEnd, 'teaching' | 'family'>;

const TAUGHT_NOTHING = { teaching: null, family: null };
const MOST_IN_FLIGHT = 128;
const MORE_OF_TEST = 16;
const RENEW_EVERY_MS = 20_000;
const TEST_EVERY_MS = 200;
/** After a claim that brought nothing although something is due: its tenants hold their share. */
const REST_MS = 10;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
const FAULT_PAUSE_MS = 5000;

export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #mostInFlight: number;
  readonly #flights = new Map<number, Flight>();
  readonly #running = new Set<Promise<void>>();
  readonly #giveUp = new AbortController();
  #isDue = false;
  #isClaiming = false;
  /** The last claim: what it brings after a stop is released, and waited for as well. */
  #claiming: Promise<void> = Promise.resolve();
  #isStopping = false;
  /** Settlements that the store could not take yet. */
  #unstored = 0;
  #renewal: NodeJS.Timeout | undefined;
  #testTurn: NodeJS.Timeout | undefined;
  #rest: NodeJS.Timeout | undefined;

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#mostInFlight = parts.mostInFlight ?? MOST_IN_FLIGHT;
  }

  start(): void {
    this.#parts.store.onDue(() => this.#wake());
    this.#renewal = setInterval(() => void this.#renew(), RENEW_EVERY_MS).unref();
    // Every answer of the store says what is due; this asks for the first.
    this.#parts.store.dueIn(null).catch(() => this.#wake());
  }

  /** No claim and no mark from now on. Deliveries are ended by closing the transports; `settled` waits for the rest. */
  stop(): void {
    this.#isStopping = true;
    this.#parts.mails.stop();
    clearTimeout(this.#testTurn);
    clearTimeout(this.#rest);
  }

  /** Resolves when every claim is settled, after `withinMs` at the latest. Claims left over then die with the process. */
  async settled(withinMs: number): Promise<void> {
    const timer = setTimeout(() => this.#giveUp.abort(), withinMs);
    const late = new Promise<void>((resolve) => {
      this.#giveUp.signal.addEventListener('abort', () => resolve());
    });
    while ((this.#running.size > 0 || this.#isClaiming) && !this.#giveUp.signal.aborted) {
      await Promise.race([Promise.allSettled([this.#claiming, ...this.#running]), late]);
    }
    clearTimeout(timer);
    // The store may close now: nothing is tried on it any more.
    this.#giveUp.abort();
    clearInterval(this.#renewal);
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  #wake(): void {
    this.#isDue = true;
    this.#claim();
  }

  #claim(): void {
    if (!this.#isClaiming) this.#claiming = this.#claimDue();
  }

  async #claimDue(): Promise<void> {
    this.#isClaiming = true;
    let pauseMs = FIRST_PAUSE_MS;
    while (this.#isDue && !this.#isStopping) {
      const room = this.#room();
      if (room === null) break;
      this.#isDue = false;
      try {
        // Nothing is due at most starts: the point lies before something is taken.
        if (failpoint.armed !== null && (await this.#parts.store.dueIn(null)) === 0)
          await reachFailpoint('before-claim');
        const claims = await this.#parts.store.claim(room);
        if (failpoint.armed !== null && claims.length > 0) await reachFailpoint('after-claim');
        for (const claimed of claims) this.#run(claimed);
        if (claims.length === 0 && this.#flights.size > 0) this.#restAWhile();
        pauseMs = FIRST_PAUSE_MS;
      } catch (fault) {
        this.#parts.log.error({ error: String(fault) }, 'nothing can be claimed now');
        this.#isDue = true;
        pauseMs = await this.#wait(pauseMs);
      }
    }
    this.#isClaiming = false;
  }

  /** How much may be claimed now, and whether of live mode too. */
  #room(): ClaimInput | null {
    if (this.#unstored > 0 || this.#rest !== undefined) return null;
    const free = this.#mostInFlight - this.#flights.size;
    if (free > 0) return { most: free, live: true, held: this.#held() };
    if (free <= -MORE_OF_TEST || this.#testTurn !== undefined) return null;
    this.#testTurn = setTimeout(() => {
      this.#testTurn = undefined;
      this.#wake();
    }, TEST_EVERY_MS).unref();
    return { most: free + MORE_OF_TEST, live: false, held: [] };
  }

  #held(): (Space & { count: number })[] {
    const held = new Map<string, Space & { count: number }>();
    for (const { claimed } of this.#flights.values()) {
      const { tenantNo, mode } = claimed;
      const key = `${tenantNo} ${mode}`;
      const space = held.get(key);
      if (space === undefined) held.set(key, { tenantNo, mode, count: 1 });
      else space.count += 1;
    }
    return [...held.values()];
  }

  #restAWhile(): void {
    this.#rest = setTimeout(() => this.#awake(), REST_MS).unref();
  }

  /** Something may have become free. */
  #awake(): void {
    clearTimeout(this.#rest);
    this.#rest = undefined;
    if (this.#isDue) this.#claim();
  }

  #run(claimed: Claimed): void {
    const flight: Flight = { claimed, startedAt: performance.now(), isLost: false, markedAt: null };
    this.#flights.set(claimed.recipient, flight);
    const running = this.#carry(flight)
      .catch((fault) => this.#tell(flight, fault))
      .then(() => {
        this.#running.delete(running);
        if (this.#flights.get(claimed.recipient) === flight) this.#flights.delete(claimed.recipient);
        this.#awake();
      });
    this.#running.add(running);
  }

  async #carry(flight: Flight): Promise<void> {
    const { claimed } = flight;
    const { recipient, token } = claimed;
    const entering = this.#parts.ways.enter(claimed, this.#now(flight));
    const entered = entering instanceof Promise ? await entering : entering;
    if ('at' in entered) {
      await this.#settle({
        recipient,
        token,
        attempt: null,
        outcome: 'released',
        at: entered.at,
        waits: entered.waits,
      });
      return;
    }
    if ('unusable' in entered) {
      await this.#settle(this.#unusable(flight, entered));
      return;
    }
    const { way } = entered;
    const { settlement, teaching, family } = await this.#attempt(flight, way);
    const why = settlement.attempt?.reply ?? '';
    const leaving = way.leave({ teaching, family, why, now: this.#now(flight) });
    if (leaving instanceof Promise) await leaving;
    if (failpoint.armed !== null && settlement.outcome === 'delivered') await reachFailpoint('after-250');
    const isStored = await this.#settle(settlement);
    if (isStored && flight.markedAt !== null) this.#parts.onDot?.(performance.now() - flight.markedAt);
    if (isStored && settlement.outcome === 'delivered' && way.comesBack !== null) {
      await this.#parts.store.simulateReturn({ recipient, kind: way.comesBack });
    }
  }

  async #attempt(flight: Flight, way: Way): Promise<Attempted> {
    try {
      return await this.#deliver(flight, way);
    } catch (fault) {
      return { settlement: this.#crashed(flight, way, fault), ...TAUGHT_NOTHING };
    }
  }

  async #deliver(flight: Flight, way: Way): Promise<Attempted> {
    const { claimed } = flight;
    const { recipient, token } = claimed;
    const mail = await this.#parts.mails.take(claimed);
    if (mail === 'stopped') {
      return {
        settlement: { recipient, token, attempt: null, outcome: 'released', at: claimed.now },
        ...TAUGHT_NOTHING,
      };
    }
    if ('problem' in mail) {
      const attempt = attemptReport(way, mail.problem, null);
      return { settlement: { recipient, token, attempt, outcome: 'failed' }, ...TAUGHT_NOTHING };
    }
    try {
      const result = await way.carrier.deliver({
        from: await this.#returnPath(claimed),
        to: claimed.email,
        content: mail.bytes,
        beforeDot: () => this.#look(flight),
      });
      const judgement = judge(result, way.kind, this.#parts.rules);
      const isStopping = this.#isStopping;
      const random01 = Math.random();
      const now = this.#now(flight);
      const settlement = settlementOf({ claimed, now, way, result, judgement, isStopping, random01 });
      if (settlement.outcome === 'released') return { settlement, ...TAUGHT_NOTHING };
      return { settlement, teaching: teachingOf(result, judgement), family: result.destination ?? null };
    } finally {
      mail.release();
    }
  }

  /** Nothing was sent: what cannot be opened is a matter of the way. */
  #unusable(flight: Flight, entered: Extract<Entered, { unusable: string }>): Settlement {
    const { recipient, token, attempt: made } = flight.claimed;
    const attempt = attemptReport(entered, entered.unusable, 'protocol_error');
    const again = nextAttemptAt({ attempt: made, retry: 'slow', now: this.#now(flight), random01: Math.random() });
    return { recipient, token, attempt, outcome: 'elsewhere', nextAttemptAt: again, otherwise: 'deferred' };
  }

  async #returnPath(claimed: Claimed): Promise<string> {
    const { tokens, returnDomainFor } = this.#parts;
    const id = decodeTypeId('rcp', claimed.recipientId)!;
    return tokens.makeReturnPath({ id, tenant: claimed.tenantNo }, await returnDomainFor(claimed));
  }

  /** The look before the dot. What the store cannot answer is a no: the dot waits for another attempt. */
  async #look(flight: Flight): Promise<boolean> {
    if (this.#isStopping || flight.isLost) return false;
    const { recipient, token } = flight.claimed;
    try {
      if (!(await this.#parts.store.mark({ recipient, token }))) return false;
    } catch (fault) {
      if (fault instanceof StoreFault) return false;
      throw fault;
    }
    flight.markedAt = performance.now();
    return true;
  }

  /** A test clock may stand still: no real time is added to it. */
  #now({ claimed, startedAt }: Flight): number {
    return claimed.mode === 'live' ? Math.round(claimed.now + performance.now() - startedAt) : claimed.now;
  }

  /** A fault of the store or the machine says nothing of the message; any other may be its own. */
  #crashed(flight: Flight, way: Way, fault: unknown): Settlement {
    const { recipient, token, attempt: made } = flight.claimed;
    this.#tell(flight, fault);
    const now = this.#now(flight);
    if (isPassing(fault) && flight.markedAt === null) {
      return { recipient, token, attempt: null, outcome: 'released', at: now + FAULT_PAUSE_MS };
    }
    const attempt = attemptReport(way, 'the gateway failed over this message', null);
    const again = nextAttemptAt({ attempt: made, retry: 'normal', now, random01: Math.random() });
    return { recipient, token, attempt, outcome: 'crashed', nextAttemptAt: again };
  }

  #tell({ claimed }: Flight, fault: unknown): void {
    const error = fault instanceof Error ? (fault.stack ?? fault.message) : String(fault);
    this.#parts.log.error({ message_id: claimed.messageId, error }, 'an attempt failed here');
  }

  /** Tries until it is stored. False where the claim was lost, or the wait for the store was given up. */
  async #settle(settlement: Settlement): Promise<boolean> {
    let pauseMs = 0;
    try {
      for (;;) {
        try {
          return await this.#parts.store.settle(settlement);
        } catch (fault) {
          const { log } = this.#parts;
          log.error({ outcome: settlement.outcome, error: String(fault) }, 'a settlement cannot be stored now');
          if (!(fault instanceof StoreFault) || this.#giveUp.signal.aborted) return false;
          if (pauseMs === 0) this.#unstored += 1;
          pauseMs = await this.#wait(Math.max(pauseMs, FIRST_PAUSE_MS));
        }
      }
    } finally {
      if (pauseMs > 0) {
        this.#unstored -= 1;
        this.#wake();
      }
    }
  }

  /** Waits, or not if all is given up; answers with the next pause. */
  async #wait(pauseMs: number): Promise<number> {
    await pause(pauseMs, undefined, { signal: this.#giveUp.signal }).catch(() => undefined);
    return Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }

  async #renew(): Promise<void> {
    if (this.#flights.size === 0) return;
    const flights = [...this.#flights.values()];
    const claims = flights.map(({ claimed }) => ({ recipient: claimed.recipient, token: claimed.token }));
    try {
      const lost = new Set(await this.#parts.store.renew({ claims }));
      for (const flight of flights) if (lost.has(flight.claimed.recipient)) flight.isLost = true;
    } catch (fault) {
      this.#parts.log.warn({ error: String(fault) }, 'claims cannot be renewed now');
    }
  }
}

function isPassing(fault: unknown): boolean {
  return fault instanceof StoreFault || (fault instanceof Error && 'syscall' in fault);
}
