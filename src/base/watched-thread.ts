/**
 * A thread that answers one question after another, for what must not hold up others: a question that takes longer than its time,
 * or that the thread dies of, ends the thread and has no answer; the next one gets a new thread.
 *
 * The script answers `{ id, question }` with `{ id, answer }`.
 */
import { Worker } from 'node:worker_threads';

type Waiting<Question, Answer> = {
  question: Question;
  transfer: ArrayBuffer[];
  resolve: (answer: Answer | null) => void;
};

export class WatchedThread<Question, Answer> {
  readonly #script: URL;
  readonly #withinMs: number;
  readonly #queue: Waiting<Question, Answer>[] = [];
  #worker: Worker | null = null;
  #current: (Waiting<Question, Answer> & { id: number; timer: NodeJS.Timeout }) | null = null;
  #nextId = 1;
  #isClosed = false;

  constructor(script: URL, withinMs: number) {
    this.#script = script;
    this.#withinMs = withinMs;
  }

  /** Never rejects; null where there was no answer. What is in `transfer` belongs to the thread from then on. */
  ask(question: Question, transfer: ArrayBuffer[] = []): Promise<Answer | null> {
    if (this.#isClosed) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#queue.push({ question, transfer, resolve });
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
    const id = this.#nextId;
    this.#nextId += 1;
    const timer = setTimeout(() => this.#giveUp(worker), this.#withinMs);
    this.#current = { ...waiting, id, timer };
    worker.postMessage({ id, question: waiting.question }, waiting.transfer);
  }

  #start(): Worker {
    const worker = new Worker(this.#script);
    worker.unref();
    worker.on('message', ({ id, answer }: { id: number; answer: Answer }) => {
      if (this.#current?.id === id) this.#answer(answer);
      this.#next();
    });
    worker.on('error', () => this.#giveUp(worker));
    this.#worker = worker;
    return worker;
  }

  /** The thread died or hangs: another one takes what waits. */
  #giveUp(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    void worker.terminate();
    this.#answer(null);
    this.#next();
  }

  #answer(answer: Answer | null): void {
    const current = this.#current;
    if (current === null) return;
    clearTimeout(current.timer);
    this.#current = null;
    current.resolve(answer);
  }
}
