/**
 * A thread that answers questions in turn, for what must not hold up others: a question that takes longer than its time, or that the
 * thread dies of, ends the thread and has no answer; those behind it are put to a new thread.
 *
 * The script answers `{ id, question }` with `{ id, answer }`, one after another. Questions that `isSmall` says so of are sent before
 * the ones ahead are answered, so that the thread need not wait for ours; one that is not small is the only one under way. A thread that
 * has had one is let go once it is idle: what it took for it, hundreds of megabytes at the worst, it would keep.
 */
import { Worker } from 'node:worker_threads';

type Waiting<Question, Answer> = {
  id: number;
  question: Question;
  isSmall: boolean;
  resolve: (answer: Answer | null) => void;
};

const MOST_UNDER_WAY = 32;
const LET_GO_AFTER_MS = 5000;
/** A busy machine starts a thread late, which is no fault of the question. */
const STARTS_WITHIN_MS = 10_000;

export class WatchedThread<Question, Answer> {
  readonly #script: URL;
  readonly #withinMs: number;
  readonly #isSmall: ((question: Question) => boolean) | null;
  readonly #queue: Waiting<Question, Answer>[] = [];
  /** What the thread has been asked, in order. */
  #underWay: Waiting<Question, Answer>[] = [];
  #worker: Worker | null = null;
  #hasStarted = false;
  /** Whether it has been asked something that is not small. */
  #isGrown = false;
  /** Runs out when the question that is first under way has taken too long. */
  #timer: NodeJS.Timeout | undefined;
  #nextId = 1;
  #isClosed = false;

  /** `isSmall` null: none is told apart; each is the only one under way, and the thread is kept. */
  constructor(script: URL, withinMs: number, isSmall: ((question: Question) => boolean) | null = null) {
    this.#script = script;
    this.#withinMs = withinMs;
    this.#isSmall = isSmall;
  }

  /** Never rejects; null where there was no answer. */
  ask(question: Question): Promise<Answer | null> {
    if (this.#isClosed) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#queue.push({ id: this.#nextId, question, isSmall: this.#isSmall?.(question) ?? false, resolve });
      this.#nextId += 1;
      this.#sendNext();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    this.#worker = null;
    clearTimeout(this.#timer);
    for (const { resolve } of [...this.#underWay.splice(0), ...this.#queue.splice(0)]) resolve(null);
    await worker?.terminate();
  }

  #sendNext(): void {
    while (this.#queue.length > 0 && this.#hasRoomFor(this.#queue[0]!)) {
      const next = this.#queue.shift()!;
      const worker = this.#worker ?? this.#start();
      this.#isGrown ||= this.#isSmall !== null && !next.isSmall;
      this.#underWay.push(next);
      if (this.#underWay.length === 1) this.#watch(worker);
      worker.postMessage({ id: next.id, question: next.question });
    }
  }

  #hasRoomFor({ isSmall }: Waiting<Question, Answer>): boolean {
    if (this.#underWay.length === 0) return true;
    return isSmall && this.#underWay[0]!.isSmall && this.#underWay.length < MOST_UNDER_WAY;
  }

  #watch(worker: Worker): void {
    clearTimeout(this.#timer);
    const withinMs = this.#hasStarted ? this.#withinMs : this.#withinMs + STARTS_WITHIN_MS;
    if (this.#underWay.length > 0) this.#timer = setTimeout(() => this.#giveUp(worker), withinMs);
    else if (this.#isGrown) this.#timer = setTimeout(() => this.#giveUp(worker), LET_GO_AFTER_MS).unref();
  }

  #start(): Worker {
    const worker = new Worker(this.#script);
    this.#isGrown = false;
    this.#hasStarted = false;
    worker.unref();
    worker.once('online', () => {
      if (this.#worker !== worker) return;
      this.#hasStarted = true;
      this.#watch(worker);
    });
    worker.on('message', ({ id, answer }: { id: number; answer: Answer }) => {
      if (this.#worker !== worker) return;
      const [answered] = this.#underWay.splice(
        this.#underWay.findIndex((one) => one.id === id),
        1,
      );
      this.#watch(worker);
      answered?.resolve(answer);
      this.#sendNext();
    });
    worker.on('error', () => this.#giveUp(worker));
    this.#worker = worker;
    return worker;
  }

  /** The thread died, hangs on the first question under way, or is let go: another thread takes those behind it. */
  #giveUp(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    clearTimeout(this.#timer);
    void worker.terminate();
    const first = this.#underWay.shift();
    this.#queue.unshift(...this.#underWay.splice(0));
    first?.resolve(null);
    this.#sendNext();
  }
}
