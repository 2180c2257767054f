/**
 * Reads mail that came in, in a thread, so that no hostile one holds up anybody else: one that takes longer than its time, or brings the
 * thread down, counts as unreadable.
 *
 * The script is given, since it puts the readers of this folder together with delivery's table of replies.
 */
import { Worker } from 'node:worker_threads';
import type { ReadInbound } from '../core/inbound.ts';

const WITHIN_MS = 2000;
/** Beyond that a mail is not looked into, only kept. */
const MOST_HEADER_BYTES = 256 * 1024;

export type ReaderRequest = { id: number; octets: Uint8Array };
export type ReaderAnswer = { id: number; read: ReadInbound | null };

type Waiting = { octets: Uint8Array; resolve: (read: ReadInbound | null) => void };

export class InboundReader {
  readonly #script: URL;
  readonly #withinMs: number;
  #worker: Worker | null = null;
  readonly #queue: Waiting[] = [];
  #current: (Waiting & { id: number; timer: NodeJS.Timeout }) | null = null;
  #lastId = 0;
  #isClosed = false;

  constructor(script: URL, withinMs = WITHIN_MS) {
    this.#script = script;
    this.#withinMs = withinMs;
  }

  /** Never rejects; null: unreadable. The octets stay the caller's. */
  read(octets: Uint8Array): Promise<ReadInbound | null> {
    if (this.#isClosed || hasHugeHeader(octets)) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#queue.push({ octets, resolve });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    this.#worker = null;
    this.#answer(null);
    for (const { resolve } of this.#queue.splice(0)) resolve(null);
    await worker?.terminate();
  }

  #next(): void {
    if (this.#current !== null) return;
    const waiting = this.#queue.shift();
    if (waiting === undefined) return;
    const worker = this.#worker ?? this.#start();
    const id = ++this.#lastId;
    const timer = setTimeout(() => this.#giveUp(worker), this.#withinMs);
    this.#current = { ...waiting, id, timer };
    // The reader looks at no more than this, so no more is copied.
    worker.postMessage({ id, octets: waiting.octets.slice(0, MOST_READ_BYTES) } satisfies ReaderRequest);
  }

  #start(): Worker {
    const worker = new Worker(this.#script);
    worker.unref();
    worker.on('message', ({ id, read }: ReaderAnswer) => {
      if (this.#current?.id === id) this.#answer(read);
      this.#next();
    });
    worker.on('error', () => this.#giveUp(worker));
    this.#worker = worker;
    return worker;
  }

  #giveUp(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    void worker.terminate();
    this.#answer(null);
    this.#next();
  }

  #answer(read: ReadInbound | null): void {
    const current = this.#current;
    if (current === null) return;
    clearTimeout(current.timer);
    this.#current = null;
    current.resolve(read);
  }
}

const MOST_READ_BYTES = 2 * 1024 * 1024;

/** Whether the octets before the first empty line are more than any mail needs. */
function hasHugeHeader(octets: Uint8Array): boolean {
  if (octets.length <= MOST_HEADER_BYTES) return false;
  const head = Buffer.from(octets.buffer, octets.byteOffset, MOST_HEADER_BYTES);
  return head.indexOf('\r\n\r\n') === -1 && head.indexOf('\n\n') === -1 && head.indexOf('\r\r') === -1;
}
