/** Wakes those who wait for a tenant's next event. One listener at the store, whatever the number of waiters; no polling. */
import type { Space, Store } from '../data/store.ts';

const nameOf = ({ tenantNo, mode }: Space): string => `${tenantNo} ${mode}`;

export class EventBell {
  private readonly waiters = new Map<string, Set<Waiter>>();
  private closed = false;

  constructor(store: Pick<Store, 'onEvents'>) {
    store.onEvents((changed) => {
      if (this.waiters.size === 0) return;
      for (const space of changed) for (const waiter of this.waiters.get(nameOf(space)) ?? []) waiter.ring();
    });
  }

  /** From now on no event goes unnoticed. To be ended with `stop`. */
  listen(space: Space): Waiter {
    const name = nameOf(space);
    const waiter = new Waiter(() => {
      const known = this.waiters.get(name);
      known?.delete(waiter);
      if (known?.size === 0) this.waiters.delete(name);
    });
    if (this.closed) waiter.end();
    const known = this.waiters.get(name);
    if (known === undefined) this.waiters.set(name, new Set([waiter]));
    else known.add(waiter);
    return waiter;
  }

  get count(): number {
    let count = 0;
    for (const waiters of this.waiters.values()) count += waiters.size;
    return count;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** The server stops: nobody waits any longer. */
  close(): void {
    this.closed = true;
    for (const waiters of this.waiters.values()) for (const waiter of waiters) waiter.end();
  }
}

export class Waiter {
  private rung = false;
  private ended = false;
  private wake: (() => void) | null = null;
  private readonly forget: () => void;

  constructor(forget: () => void) {
    this.forget = forget;
  }

  ring(): void {
    this.rung = true;
    this.wake?.();
  }

  get isOver(): boolean {
    return this.ended;
  }

  /** Waiting is over, whatever comes. */
  end(): void {
    this.ended = true;
    this.wake?.();
  }

  /** True once an event came after the last call, or after the listening began; false after `waitMs` or when it was ended. */
  async next(waitMs: number): Promise<boolean> {
    if (!this.rung && !this.ended && waitMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.wake = null;
    }
    const came = this.rung && !this.ended;
    this.rung = false;
    return came;
  }

  stop(): void {
    this.end();
    this.forget();
  }
}
