/**
 * Openings and clicks on their way to the store.
 *
 * What holds: nobody waits for them; at most `MOST_WAITING` wait in memory, beyond that they are not counted. Clicks of one recipient are
 * looked at together for a moment, since whoever follows many links within a second is no person.
 */
import type { EngagementInput } from '../data/port/engagement.ts';
import type { Store } from '../data/store.ts';

export type Seen = Omit<EngagementInput, 'channel' | 'at'>;

export type NoteParts = {
  store: Pick<Store, 'noteEngagement'>;
  log: { warn(fields: object, message: string): void };
  /** How long clicks wait for others of the same recipient. */
  togetherMs?: number;
};

const TOGETHER_MS = 1500;
/** Different links within that time. */
const MOST_LINKS = 2;
const MOST_WAITING = 10_000;

type Burst = { seen: Seen[]; timer: NodeJS.Timeout };

export class EngagementNotes {
  readonly #parts: NoteParts;
  readonly #togetherMs: number;
  readonly #bursts = new Map<string, Burst>();
  readonly #writing = new Set<Promise<void>>();
  #waiting = 0;

  constructor(parts: NoteParts) {
    this.#parts = parts;
    this.#togetherMs = parts.togetherMs ?? TOGETHER_MS;
  }

  note(seen: Seen): void {
    if (this.#waiting >= MOST_WAITING) return;
    this.#waiting += 1;
    if (seen.kind === 'opened') {
      this.#write(seen);
      return;
    }
    const key = `${seen.tenantNo} ${seen.recipientId}`;
    const burst = this.#bursts.get(key);
    if (burst !== undefined) {
      burst.seen.push(seen);
      return;
    }
    const timer = setTimeout(() => this.#end(key), this.#togetherMs);
    this.#bursts.set(key, { seen: [seen], timer });
  }

  /** Writes all that wait. */
  async stop(): Promise<void> {
    for (const [key, { timer }] of [...this.#bursts]) {
      clearTimeout(timer);
      this.#end(key);
    }
    await Promise.all(this.#writing);
  }

  #end(key: string): void {
    const { seen } = this.#bursts.get(key)!;
    this.#bursts.delete(key);
    const isBurst = new Set(seen.map(({ url }) => url)).size > MOST_LINKS;
    for (const one of seen) this.#write(isBurst && one.machine === null ? { ...one, machine: 'burst' } : one);
  }

  #write(seen: Seen): void {
    const written = this.#parts.store
      .noteEngagement({ ...seen, at: null, channel: 'link' })
      .then(() => undefined)
      .catch((fault) => this.#parts.log.warn({ error: String(fault) }, 'an opening or a click was not counted'))
      .finally(() => {
        this.#waiting -= 1;
        this.#writing.delete(written);
      });
    this.#writing.add(written);
  }
}
