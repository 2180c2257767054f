/**
 * What any store must do, whatever it is built on. An implementation runs the whole suite unchanged; it differs only in how
 * it is opened, crashed and opened again.
 */
import { after, afterEach, before, beforeEach, describe } from 'node:test';
import type { Space, Store } from '../../src/data/store.ts';
import { admissionContract } from './store-admission.ts';
import { durabilityContract } from './store-durability.ts';
import { keyContract } from './store-keys.ts';
import { limitContract } from './store-limits.ts';
import { queueContract } from './store-queue.ts';
import { togetherContract } from './store-together.ts';

/** A store under test. Time is the test's: it moves only by `clock`. */
export type Opened = {
  /** The store as last opened. */
  readonly store: Store;
  clock: { readonly now: number; advance(ms: number): void };
  /** Sequence number, type and time of every event of a space, in order. */
  events(space: Space): { seq: number; type: string; at: number }[];
  /** Ends it as the end of its process would. */
  crash(): Promise<void>;
  /** Opens it again on the same data, in order if it still runs. */
  reopen(): Promise<void>;
  close(): Promise<void>;
};

export type Open = () => Promise<Opened>;

export function storeContract(name: string, open: Open): void {
  for (const [part, contract] of [
    ['admission', admissionContract],
    ['keys', keyContract],
    ['limits', limitContract],
    ['several together', togetherContract],
  ] as const) {
    describe(`${name}: ${part}`, () => {
      let opened: Opened;
      before(async () => {
        opened = await open();
      });
      after(() => opened.close());
      contract(() => opened);
    });
  }
  // A claim takes whatever is due: each of these has a store to itself.
  for (const [part, contract] of [
    ['the queue', queueContract],
    ['durability', durabilityContract],
  ] as const) {
    describe(`${name}: ${part}`, () => {
      let opened: Opened;
      beforeEach(async () => {
        opened = await open();
      });
      afterEach(() => opened.close());
      contract(() => opened);
    });
  }
}
