/**
 * The housekeeper: asks the store for one slice of housekeeping after another, resting between them longer than they took, so
 * that submissions hardly notice; under load it waits. Blobs go once nothing holds them; one part of their folder after another
 * is also looked through for those that a crash left behind.
 */
import type { Blobs } from '../data/blobs.ts';
import { PARTS } from '../data/blobs.ts';
import { SWEEPS, type Sweep } from '../data/port/sweeps.ts';
import { type Store, StoreFault } from '../data/store.ts';

const SECOND = 1000;
/** What the store sweeps, and what is done beside it. */
type Kind = Sweep | 'blobs' | 'likeness';
const KINDS: readonly Kind[] = [...SWEEPS, 'blobs', 'likeness'];
/** From the end of a sweep to the start of the next one of its kind. */
const EVERY_MS: Record<Kind, number> = {
  holds: 5 * SECOND,
  archive: 10 * SECOND,
  compress: 10 * SECOND,
  events: 60 * SECOND,
  keys: 600 * SECOND,
  uploads: 60 * SECOND,
  messages: 600 * SECOND,
  captures: 600 * SECOND,
  inbound: 600 * SECOND,
  records: 3600 * SECOND,
  archives: 3600 * SECOND,
  leases: SECOND,
  ledger: 5 * SECOND,
  quarantines: SECOND,
  mailboxes: 5 * SECOND,
  silences: SECOND,
  blobs: 60 * SECOND,
  likeness: 60 * SECOND,
};
/** Accounts whose scores are touched in one group. */
const MOST_TOUCHED = 100;
/** Names asked for at once. */
const MOST_ASKED = 200;
const LEAST_REST_MS = 25;
/** A slice is followed by a rest of so many times its own length. */
const REST_FACTOR = 4;
/** More calls a second than this, and housekeeping waits for a quieter moment; */
const BUSY_CALLS_A_SECOND = 500;
/** but never longer than this. */
const LONGEST_WAIT_MS = 600 * SECOND;

export type Log = { error(fields: object, message: string): void };

export class Sweeper {
  private readonly store: Store;
  private readonly blobs: Blobs;
  private readonly log: Log;
  private readonly next = new Map<Kind, number>();
  private part = 0;
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private isStopped = false;
  private seen = { calls: 0, at: performance.now() };
  private lastSlice = performance.now();

  constructor(store: Store, blobs: Blobs, log: Log) {
    this.store = store;
    this.blobs = blobs;
    this.log = log;
  }

  start(): void {
    this.wait(SECOND);
  }

  /** Waits for the slice in hand and starts no other. */
  async stop(): Promise<void> {
    this.isStopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.running;
  }

  private wait(ms: number): void {
    if (this.isStopped) return;
    this.timer = setTimeout(() => {
      this.running = this.step();
    }, ms);
    this.timer.unref();
  }

  /** One slice of the first kind that is due. */
  private async step(): Promise<void> {
    const now = performance.now();
    if (this.isBusy(now) && now - this.lastSlice < LONGEST_WAIT_MS) {
      this.wait(SECOND);
      return;
    }
    this.lastSlice = now;
    const due = KINDS.find((kind) => (this.next.get(kind) ?? 0) <= now);
    if (due === undefined) {
      this.wait(SECOND);
      return;
    }
    const every = EVERY_MS[due];
    try {
      const more = await this.work(due);
      if (!more) this.next.set(due, performance.now() + every);
    } catch (error) {
      this.next.set(due, performance.now() + every);
      // A full disk or a leap of the clock is told elsewhere, and the next round comes.
      if (!(error instanceof StoreFault)) this.log.error({ err: error, sweep: due }, 'a sweep failed');
    }
    this.wait(Math.max(LEAST_REST_MS, (performance.now() - now) * REST_FACTOR));
  }

  private isBusy(now: number): boolean {
    const { calls } = this.store.figures();
    const seconds = (now - this.seen.at) / SECOND;
    const isBusy = (calls - this.seen.calls) / Math.max(seconds, 0.01) > BUSY_CALLS_A_SECOND;
    this.seen = { calls, at: now };
    return isBusy;
  }

  private async slice(kind: Sweep): Promise<{ count: number; more: boolean }> {
    const { count, more, unused } = await this.store.sweep({ kind });
    await this.removeUnused(unused);
    return { count, more };
  }

  /** True where there is more to do at once. */
  private async work(kind: Kind): Promise<boolean> {
    if (kind === 'blobs') return this.lookThroughBlobs();
    if (kind === 'likeness') return this.findLikeness();
    return (await this.slice(kind)).more;
  }

  /** New accounts that send the same wording as others are found beside the road, and their scores told. */
  async findLikeness(): Promise<boolean> {
    const found = await this.store.alikeAccounts({ now: Date.now() });
    for (let i = 0; i < found.length; i += MOST_TOUCHED) {
      await this.store.noteLikeness({ found: found.slice(i, i + MOST_TOUCHED) });
    }
    return false;
  }

  /** One part of the blobs: those that nothing holds are what a crash left between a row's end and its file's. */
  private async lookThroughBlobs(): Promise<boolean> {
    const names = await this.blobs.settled(this.part);
    this.part = (this.part + 1) % PARTS;
    for (let i = 0; i < names.length; i += MOST_ASKED) await this.removeUnused(names.slice(i, i + MOST_ASKED));
    return false;
  }

  private removeUnused(names: readonly string[]): Promise<void> {
    return this.blobs.removeUnused(names, (sha256s) => this.store.unusedBlobs({ sha256s }));
  }
}
