/**
 * The embedded store: the port on SQLite, with its writer and its reader each in a thread of their own.
 *
 * Group commit: while one group is in the writer, calls gather; when it returns, all that have gathered (up to a bound) go
 * into the next. No timer, and no wait when idle.
 */
import { Worker } from 'node:worker_threads';
import { type AdmitRequest, type Space, type Store, StoreFault, type StoreFigures } from '../store.ts';
import { type Flat, flattenRequest, readAnswer } from './admit-codec.ts';
import { READER_CALLS } from './reader-calls.ts';
import { modeOf, tenantNoOf } from './spaces.ts';
import type { Call, CallResult, GroupReply } from './thread-protocol.ts';
import { WRITER_CALLS } from './writer-calls.ts';
import type { WriterOptions } from './writer-state.ts';

const MOST_IN_A_GROUP = 256;

type Waiting = { call: Call; resolve: (value: unknown) => void; reject: (error: Error) => void };

class SqliteThreads {
  private readonly writer: Worker;
  private readonly reader: Worker;
  private queue: Waiting[] = [];
  private flying: Waiting[] | null = null;
  private readonly reads = new Map<number, Waiting>();
  private nextRead = 1;
  private readonly dueListeners: (() => void)[] = [];
  private readonly eventListeners: ((changed: readonly Space[]) => void)[] = [];
  private dueTimer: NodeJS.Timeout | null = null;
  private closed: (() => void) | null = null;
  private dead: string | null = null;
  readonly stats: StoreFigures = { groups: 0, calls: 0, largestGroup: 0, micros: {} };

  constructor(writer: Worker, reader: Worker) {
    this.writer = writer;
    this.reader = reader;
    writer.on('message', (message: GroupReply | { closed: true }) => {
      if ('closed' in message) this.closed?.();
      else this.landed(message);
    });
    writer.on('error', (error) => this.die(error.message));
    writer.on('exit', (code) => {
      if (this.closed === null) process.exit(code === 0 ? 70 : code);
    });
    reader.on('message', ({ id, result }: { id: number; result: CallResult }) => {
      const waiting = this.reads.get(id);
      this.reads.delete(id);
      if (waiting !== undefined) answer(waiting, result);
    });
    reader.on('error', (error) => this.die(error.message));
  }

  write(name: string, input: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.queue.push({ call: [name, input], resolve, reject });
      if (this.flying === null) this.takeOff();
    });
  }

  read(name: string, input: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.nextRead;
      this.nextRead += 1;
      this.reads.set(id, { call: [name, input], resolve, reject });
      this.reader.postMessage({ id, name, input });
    });
  }

  private takeOff(): void {
    if (this.dead !== null) {
      const fault = { fault: { kind: 'unavailable', message: this.dead } };
      for (const waiting of this.queue.splice(0)) answer(waiting, fault);
      return;
    }
    const group = this.queue.length <= MOST_IN_A_GROUP ? this.queue : this.queue.slice(0, MOST_IN_A_GROUP);
    this.queue = this.queue.length <= MOST_IN_A_GROUP ? [] : this.queue.slice(MOST_IN_A_GROUP);
    this.flying = group;
    this.stats.groups += 1;
    this.stats.calls += group.length;
    this.stats.largestGroup = Math.max(this.stats.largestGroup, group.length);
    this.writer.postMessage({ calls: group.map((waiting) => waiting.call) });
  }

  private landed(reply: GroupReply): void {
    const group = this.flying ?? [];
    this.flying = null;
    this.stats.micros = reply.micros;
    if (this.queue.length > 0) this.takeOff();
    for (let i = 0; i < group.length; i += 1) answer(group[i]!, reply.results[i]!);
    this.watchDue(reply.dueIn);
    if (reply.eventSpaces.length > 0 && this.eventListeners.length > 0) this.announceEvents(reply.eventSpaces);
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

  private die(message: string): void {
    this.dead = message;
    const fault: CallResult = { fault: { kind: 'unavailable', message } };
    for (const waiting of [...(this.flying ?? []), ...this.queue.splice(0), ...this.reads.values()])
      answer(waiting, fault);
    this.flying = null;
    this.reads.clear();
  }

  acceptClock(): void {
    this.writer.postMessage('acceptClock');
  }

  async close(): Promise<void> {
    while (this.flying !== null || this.queue.length > 0) await this.write('dueIn', null);
    if (this.dueTimer !== null) clearTimeout(this.dueTimer);
    this.reader.postMessage('close');
    const closed = new Promise<void>((resolve) => {
      this.closed = resolve;
    });
    this.writer.postMessage('close');
    await closed;
  }
}

function answer(waiting: Waiting, result: CallResult): void {
  if ('ok' in result) waiting.resolve(result.ok);
  else waiting.reject(errorOf(result.fault));
}

function errorOf(fault: { kind: string; message: string }): Error {
  if (fault.kind === 'full' || fault.kind === 'clock' || fault.kind === 'unavailable') {
    return new StoreFault(fault.kind, fault.message);
  }
  return new Error(fault.message);
}

export type OpenResult = { ok: true; store: Store & { acceptClock(): void } } | { ok: false; message: string };

/** Opens (and migrates) the data in a folder. Answers with a sentence when it cannot be used. */
export async function openSqliteStore(options: WriterOptions): Promise<OpenResult> {
  const writer = new Worker(new URL('./writer.ts', import.meta.url), { workerData: options });
  const first = await new Promise<{ ready: true } | { failed: string }>((resolve) => {
    writer.once('message', resolve);
    writer.once('error', (error) => resolve({ failed: error.message }));
  });
  if ('failed' in first) return { ok: false, message: first.failed };
  const reader = new Worker(new URL('./reader.ts', import.meta.url), { workerData: options });
  const threads = new SqliteThreads(writer, reader);
  const calls: Record<string, (input: unknown) => Promise<unknown>> = {};
  for (const name of Object.keys(WRITER_CALLS)) calls[name] = (input) => threads.write(name, input);
  // The hot call travels flat, see admit-codec.ts.
  calls['admit'] = async (input) =>
    readAnswer((await threads.write('admit', flattenRequest(input as AdmitRequest))) as Flat);
  for (const name of Object.keys(READER_CALLS)) calls[name] = (input) => threads.read(name, input);
  const store = {
    ...calls,
    onDue: (listener: () => void) => threads.onDue(listener),
    onEvents: (listener: (changed: readonly Space[]) => void) => threads.onEvents(listener),
    figures: () => threads.stats,
    close: () => threads.close(),
    acceptClock: () => threads.acceptClock(),
    async health(): Promise<string | null> {
      try {
        await threads.write('dueIn', null);
        return null;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
  };
  return { ok: true, store: store as unknown as Store & { acceptClock(): void } };
}
