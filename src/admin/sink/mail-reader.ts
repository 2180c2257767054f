/**
 * Reads captured mail in a thread, so that no hostile message holds up a request of somebody else: one that takes longer
 * than its time ends the thread, and counts as unreadable.
 */
import { Worker } from 'node:worker_threads';
import { type ReadMail, UNREADABLE } from './mail.ts';

const WITHIN_MS = 5000;

type Waiting = { raw: Uint8Array; resolve: (mail: ReadMail) => void };

export class MailReader {
  private worker: Worker | null = null;
  private readonly queue: Waiting[] = [];
  private current: (Waiting & { id: number; timer: NodeJS.Timeout }) | null = null;
  private nextId = 1;

  /** Never rejects. */
  read(raw: Uint8Array): Promise<ReadMail> {
    return new Promise((resolve) => {
      this.queue.push({ raw, resolve });
      this.next();
    });
  }

  async close(): Promise<void> {
    const { worker } = this;
    this.worker = null;
    this.answer(UNREADABLE);
    for (const { resolve } of this.queue.splice(0)) resolve(UNREADABLE);
    await worker?.terminate();
  }

  private next(): void {
    if (this.current !== null) return;
    const waiting = this.queue.shift();
    if (waiting === undefined) return;
    const worker = this.worker ?? this.start();
    const id = this.nextId;
    this.nextId += 1;
    const timer = setTimeout(() => this.giveUp(worker), WITHIN_MS);
    this.current = { ...waiting, id, timer };
    worker.postMessage({ id, raw: waiting.raw });
  }

  private start(): Worker {
    const worker = new Worker(new URL('./mail-thread.ts', import.meta.url));
    worker.unref();
    worker.on('message', ({ id, mail }: { id: number; mail: ReadMail }) => {
      if (this.current?.id === id) this.answer(mail);
      this.next();
    });
    worker.on('error', () => this.giveUp(worker));
    this.worker = worker;
    return worker;
  }

  /** The thread died or hangs: another one takes what waits. */
  private giveUp(worker: Worker): void {
    if (this.worker !== worker) return;
    this.worker = null;
    void worker.terminate();
    this.answer(UNREADABLE);
    this.next();
  }

  private answer(mail: ReadMail): void {
    const { current } = this;
    if (current === null) return;
    clearTimeout(current.timer);
    this.current = null;
    current.resolve(mail);
  }
}
