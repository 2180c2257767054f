/**
 * The embedded store: the port on SQLite, with its writer, its reader and the flusher of its log each in a thread of their own.
 *
 * Group commit: calls are handed to the writer as they come, one message a turn of the event loop; while it commits one group
 * they gather at its door, and all that have gathered (half, where they are many) go into the next. No timer, and no wait when idle. They
 * gather there and not here, so that the writer never waits for this thread to hear that it is free.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import {
  type AdmitRequest,
  type Space,
  type Store,
  StoreFault,
  type StoreFaultKind,
  type StoreFigures,
} from '../store.ts';
import { flattenRequest, readAnswer, SentPrincipals } from './admit-codec.ts';
import { CommitMarks, isUpTo } from './commit-marks.ts';
import { MAIN_FILE } from './database.ts';
import type { Flat } from './flat.ts';
import type { FlusherOptions } from './flusher.ts';
import { READER_CALLS } from './reader-calls.ts';
import { modeOf, tenantNoOf } from './spaces.ts';
import type { CallResult, Fault, GroupReply, GroupRequest, SentCall } from './thread-protocol.ts';
import { WRITER_CALLS } from './writer-calls.ts';
import type { WriterOptions } from './writer-state.ts';

/**
 * So many calls are handed over before the turn of the event loop ends: else all callers move in step, and each thread waits
 * while the other works through the whole lot.
 */
const HAND_OVER_AT = 12;
/** Calls in one message to the writer; it joins messages to groups itself. */
const MOST_IN_A_MESSAGE = 128;
/** Submissions that may wait for the writer; more are told to come again rather than kept in memory. */
const MOST_WAITING = 16_384;
const OVERLOADED: Fault = { kind: 'unavailable', message: 'more submissions wait than can be kept' };
/** EX_SOFTWARE of sysexits.h. */
const EXIT_SOFTWARE = 70;

/** It holds next to nothing. */
const FLUSHER_MEMORY = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 };

type Waiting = {
  name: string;
  input: unknown;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
};

class SqliteThreads {
  private readonly writer: Worker;
  private readonly reader: Worker;
  private readonly flusher: Worker;
  private readonly marks: CommitMarks;
  /** Replies of groups whose commit is not flushed yet. */
  private committed: GroupReply[] = [];
  /** The last commit that is. */
  private flushed = 0;
  /** Not handed over yet: what this turn of the event loop has brought. */
  private queue: Waiting[] = [];
  /** Handed over, in the order in which answers come. */
  private flying: Waiting[] = [];
  private readonly principals = new SentPrincipals();
  private readonly reads = new Map<number, Waiting>();
  private nextRead = 1;
  private readonly dueListeners: (() => void)[] = [];
  private readonly eventListeners: ((changed: readonly Space[]) => void)[] = [];
  private readonly noticeListeners: (() => void)[] = [];
  private dueTimer: NodeJS.Timeout | null = null;
  /** Set once the threads are meant to end. */
  private closed: (() => void) | null = null;
  private dead: string | null = null;
  /** Why the writer takes on nothing new, or null. */
  trouble: string | null = null;
  readonly stats: StoreFigures = { groups: 0, calls: 0, largestGroup: 0, micros: {} };

  constructor(threads: { writer: Worker; reader: Worker; flusher: Worker; marks: CommitMarks }) {
    const { writer, reader, flusher, marks } = threads;
    this.writer = writer;
    this.reader = reader;
    this.flusher = flusher;
    this.marks = marks;
    writer.on('message', (message: GroupReply | { closed: true }) => {
      if ('closed' in message) this.closed?.();
      else {
        this.committed.push(message);
        this.landFlushed();
      }
    });
    flusher.on('message', ({ flushed }: { flushed: number }) => {
      this.flushed = flushed;
      this.landFlushed();
    });
    // A store without its threads serves nobody: the process ends, and a fresh start finds out what the disk holds.
    for (const thread of [writer, reader, flusher]) {
      thread.on('error', (error) => this.die(error.stack ?? error.message));
      thread.on('exit', (code) => {
        if (this.closed === null) process.exit(code === 0 ? EXIT_SOFTWARE : code);
      });
    }
    reader.on('message', ({ id, result }: { id: number; result: CallResult }) => {
      const waiting = this.reads.get(id);
      this.reads.delete(id);
      if (waiting === undefined) return;
      if ('ok' in result) waiting.resolve(result.ok);
      else refuse(waiting, result.fault);
    });
  }

  write(name: string, input: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { name, input, resolve, reject };
      if (name === 'admit' && this.flying.length + this.queue.length >= MOST_WAITING) {
        refuse(waiting, OVERLOADED);
        return;
      }
      this.queue.push(waiting);
      if (this.queue.length >= HAND_OVER_AT) this.takeOff();
      else if (this.queue.length === 1) setImmediate(() => this.takeOff());
    });
  }

  read(name: string, input: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.dead !== null) {
        reject(new StoreFault('unavailable', this.dead));
        return;
      }
      const id = this.nextRead;
      this.nextRead += 1;
      this.reads.set(id, { name, input, resolve, reject });
      this.reader.postMessage({ id, name, input });
    });
  }

  private takeOff(): void {
    if (this.dead !== null) {
      const fault = { kind: 'unavailable', message: this.dead };
      for (const waiting of this.queue.splice(0)) refuse(waiting, fault);
      return;
    }
    const queue = this.queue;
    this.queue = [];
    for (let from = 0; from < queue.length; from += MOST_IN_A_MESSAGE) {
      const part = queue.slice(from, from + MOST_IN_A_MESSAGE);
      this.flying.push(...part);
      this.writer.postMessage({ calls: part.map((waiting) => this.sentAs(waiting)) } satisfies GroupRequest);
    }
  }

  private sentAs({ name, input }: Waiting): SentCall {
    return name === 'admit' ? flattenRequest(input as AdmitRequest, this.principals) : { name, input };
  }

  private landFlushed(): void {
    while (this.committed.length > 0 && isUpTo(this.committed[0]!.commit, this.flushed)) {
      this.landed(this.committed.shift()!);
    }
  }

  private landed(reply: GroupReply): void {
    const group = this.flying.splice(0, reply.results.length);
    this.stats.groups += 1;
    this.stats.calls += group.length;
    this.stats.largestGroup = Math.max(this.stats.largestGroup, group.length);
    this.stats.micros = reply.micros;
    this.trouble = reply.trouble;
    const faults = reply.faults.length === 0 ? null : new Map(reply.faults);
    for (let i = 0; i < group.length; i += 1) {
      const fault = faults?.get(i);
      if (fault === undefined) answer(group[i]!, reply.results[i]);
      else refuse(group[i]!, fault);
    }
    this.watchDue(reply.dueIn);
    if (reply.eventSpaces.length > 0 && this.eventListeners.length > 0) this.announceEvents(reply.eventSpaces);
    if (reply.hasNotices) for (const tell of this.noticeListeners) tell();
  }

  private watchDue(dueInMs: number | null): void {
    if (this.dueTimer !== null) clearTimeout(this.dueTimer);
    this.dueTimer = null;
    if (dueInMs === null || this.dueListeners.length === 0) return;
    if (dueInMs <= 0) this.announceDue();
    else {
      this.dueTimer = setTimeout(() => this.announceDue(), Math.min(dueInMs, 60_000));
      this.dueTimer.unref();
    }
  }

  private announceDue(): void {
    for (const tell of this.dueListeners) tell();
  }

  private announceEvents(spaces: readonly number[]): void {
    const changed = spaces.map((no) => ({ tenantNo: tenantNoOf(no), mode: modeOf(no) }));
    for (const tell of this.eventListeners) tell(changed);
  }

  onDue(listener: () => void): void {
    this.dueListeners.push(listener);
  }

  onEvents(listener: (changed: readonly Space[]) => void): void {
    this.eventListeners.push(listener);
  }

  onNotices(listener: () => void): void {
    this.noticeListeners.push(listener);
  }

  private die(message: string): void {
    this.dead = message;
    process.stderr.write(`${JSON.stringify({ level: 60, msg: 'a thread of the store ended', error: message })}\n`);
    this.refuseAll(message);
  }

  private refuseAll(message: string): void {
    const fault = { kind: 'unavailable', message };
    for (const waiting of [...this.flying.splice(0), ...this.queue.splice(0), ...this.reads.values()])
      refuse(waiting, fault);
    this.reads.clear();
  }

  acceptClock(): void {
    this.writer.postMessage('acceptClock');
  }

  /** Ends the threads at once, as the end of the process would. For tests. */
  async abandon(): Promise<void> {
    this.closed = () => undefined;
    this.dead = 'the store was abandoned';
    if (this.dueTimer !== null) clearTimeout(this.dueTimer);
    await Promise.all([this.writer.terminate(), this.reader.terminate(), this.flusher.terminate()]);
    this.refuseAll(this.dead);
  }

  async close(): Promise<void> {
    while (this.flying.length > 0 || this.queue.length > 0) await this.write('dueIn', null);
    if (this.dueTimer !== null) clearTimeout(this.dueTimer);
    this.dead = 'the store is closed';
    const readerEnded = once(this.reader, 'exit');
    const closed = new Promise<void>((resolve) => {
      this.closed = resolve;
    });
    this.reader.postMessage('close');
    await readerEnded;
    this.writer.postMessage('close');
    await closed;
    const flusherEnded = once(this.flusher, 'exit');
    this.marks.end();
    await flusherEnded;
  }
}

function answer({ name, input, resolve }: Waiting, result: unknown): void {
  resolve(name === 'admit' ? readAnswer(result as Flat, input as AdmitRequest) : result);
}

function refuse(waiting: Waiting, { kind: name, message }: Fault): void {
  const kind = STORE_FAULTS.find((known) => known === name);
  waiting.reject(kind === undefined ? new Error(message) : new StoreFault(kind, message));
}

const STORE_FAULTS: readonly StoreFaultKind[] = ['full', 'unavailable', 'clock', 'paused', 'undecided'];

export type SqliteStore = Store & {
  /** Believes the system clock after a leap. */
  acceptClock(): void;
  /** Ends the threads at once, as the end of the process would. For tests. */
  abandon(): Promise<void>;
};

export type OpenResult = { ok: true; store: SqliteStore } | { ok: false; message: string };

function started(thread: Worker): Promise<{ ready: true } | { failed: string }> {
  return new Promise((resolve) => {
    thread.once('message', resolve);
    thread.once('error', (error) => resolve({ failed: error.message }));
  });
}

/** Opens (and migrates) the data in a folder. Answers with a sentence when it cannot be used. */
export async function openSqliteStore(options: WriterOptions): Promise<OpenResult> {
  const shared = CommitMarks.shared();
  const writer = new Worker(new URL('./writer.ts', import.meta.url), { workerData: { ...options, marks: shared } });
  const writing = await started(writer);
  if ('failed' in writing) return { ok: false, message: writing.failed };
  const reader = new Worker(new URL('./reader.ts', import.meta.url), { workerData: options });
  const reading = await started(reader);
  if ('failed' in reading) {
    await writer.terminate();
    return { ok: false, message: reading.failed };
  }
  const log = join(options.directory, `${MAIN_FILE}-wal`);
  const workerData: FlusherOptions = { log, marks: shared };
  const flusher = new Worker(new URL('./flusher.ts', import.meta.url), { workerData, resourceLimits: FLUSHER_MEMORY });
  const flushing = await started(flusher);
  if ('failed' in flushing) {
    await Promise.all([writer.terminate(), reader.terminate()]);
    return { ok: false, message: flushing.failed };
  }
  const threads = new SqliteThreads({ writer, reader, flusher, marks: new CommitMarks(shared) });
  const calls: Record<string, (input: unknown) => Promise<unknown>> = {};
  for (const name of Object.keys(WRITER_CALLS)) calls[name] = (input) => threads.write(name, input);
  for (const name of Object.keys(READER_CALLS)) calls[name] = (input) => threads.read(name, input);
  const store = {
    ...calls,
    onDue: (listener: () => void) => threads.onDue(listener),
    onEvents: (listener: (changed: readonly Space[]) => void) => threads.onEvents(listener),
    onNotices: (listener: () => void) => threads.onNotices(listener),
    figures: () => threads.stats,
    close: () => threads.close(),
    acceptClock: () => threads.acceptClock(),
    abandon: () => threads.abandon(),
    async health(): Promise<string | null> {
      try {
        await threads.write('dueIn', null);
        return threads.trouble;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
  };
  return { ok: true, store: store as unknown as SqliteStore };
}
