/** When keys were last used: gathered in memory, and written for all of them at once. */
import type { Store } from '../data/store.ts';
import type { Authenticator } from '../http/authenticate.ts';

const EVERY_MS = 30_000;

export async function recordKeyUse(store: Store, authenticator: Authenticator): Promise<void> {
  const used = authenticator.takeUsed();
  if (used.length > 0) await store.touchKeys({ used });
}

/** Writes at intervals, and once more when it is stopped. A write that fails is lost: the next use makes up for it. */
export function watchKeyUse(store: Store, authenticator: Authenticator): { stop: () => Promise<void> } {
  const record = (): Promise<void> => recordKeyUse(store, authenticator).catch(() => undefined);
  const timer = setInterval(record, EVERY_MS);
  timer.unref();
  return {
    stop() {
      clearInterval(timer);
      return record();
    },
  };
}
