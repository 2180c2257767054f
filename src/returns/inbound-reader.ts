/**
 * Reads mail that came in, in a thread, so that no hostile one holds up anybody else: one that takes longer than its time, or brings the
 * thread down, counts as unreadable.
 *
 * The script is given, since it puts the readers of this folder together with delivery's table of replies.
 */
import { WatchedThread } from '../base/watched-thread.ts';
import type { ReadInbound } from '../core/inbound.ts';

const WITHIN_MS = 2000;
/** Beyond that a mail is not looked into, only kept. */
const MOST_HEADER_BYTES = 256 * 1024;
/** The reader looks at no more than this, so no more is copied. */
const MOST_READ_BYTES = 2 * 1024 * 1024;

export class InboundReader {
  readonly #thread: WatchedThread<Uint8Array, ReadInbound | null>;

  constructor(script: URL, withinMs = WITHIN_MS) {
    this.#thread = new WatchedThread(script, withinMs);
  }

  /** Never rejects; null: unreadable. The octets stay the caller's. */
  read(octets: Uint8Array): Promise<ReadInbound | null> {
    if (hasHugeHeader(octets)) return Promise.resolve(null);
    return this.#thread.ask(octets.subarray(0, MOST_READ_BYTES));
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}

/** Whether the octets before the first empty line are more than any mail needs. */
function hasHugeHeader(octets: Uint8Array): boolean {
  if (octets.length <= MOST_HEADER_BYTES) return false;
  const head = Buffer.from(octets.buffer, octets.byteOffset, MOST_HEADER_BYTES);
  return head.indexOf('\r\n\r\n') === -1 && head.indexOf('\n\n') === -1 && head.indexOf('\r\r') === -1;
}
