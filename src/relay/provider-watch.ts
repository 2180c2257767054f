/** Tries providers whose last test failed again and again, so that they are back without anybody's doing. */
import type { ManagedProvider } from '../data/port/senders.ts';
import type { Store } from '../data/store.ts';

const LOOK_MS = 60_000;
/** From one try of a provider to the next. */
const AGAIN_MS = 5 * 60_000;
const MOST_TRIED = 10;

export type ProviderWatchParts = {
  store: Pick<Store, 'failingProviders' | 'noteProviderTest'>;
  test: (provider: ManagedProvider) => Promise<{ ok: boolean; detail: string }>;
  log: { error(fields: object, message: string): void };
};

export class ProviderWatch {
  readonly #parts: ProviderWatchParts;
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(parts: ProviderWatchParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.check(Date.now())
        .catch((error: unknown) => this.#parts.log.error({ err: error }, 'providers could not be tried again'))
        .finally(() => this.start());
    }, LOOK_MS).unref();
  }

  /** What the try in hand comes to is not noted any more. */
  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Tries those that were tried last before a while. */
  async check(now: number): Promise<void> {
    const { store, test } = this.#parts;
    const failing = await store.failingProviders({ before: now - AGAIN_MS, most: MOST_TRIED });
    for (const provider of failing) {
      const { ok, detail } = await test(provider);
      if (this.#isStopped) return;
      await store.noteProviderTest({ no: provider.no, version: provider.version, failure: ok ? null : detail });
    }
  }
}
