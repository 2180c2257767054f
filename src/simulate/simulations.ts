/**
 * Simulations of a gateway: one runs at a time, the others wait in the order in which they came. Their files lie in a folder
 * of the data: the traffic until it was read, the results for a week.
 *
 * A simulation that a stop interrupts has failed: nothing of it is needed to try again.
 */
import { createWriteStream, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Worker } from 'node:worker_threads';
import { newId } from '../base/ids.ts';
import type { Mode } from '../core/message.ts';
import type { SimulationRow } from '../data/port/simulations.ts';
import type { Store } from '../data/store.ts';
import { compilePolicy, type PolicyDocument } from '../policy/document.ts';
import type { PageMessage, WorkerInput, WorkerMessage } from './worker.ts';

const DAY_MS = 86_400_000;
const KEEP_RESULTS_MS = 7 * DAY_MS;
const TIDY_EVERY_MS = 3_600_000;
const MAX_RESULT_BYTES = 512 * 1024 * 1024;
/** What a run may hold; past it the thread ends and the simulation has failed. */
const MAX_HEAP_MB = 448;
/** What lies before the time that is looked at counts as far back as a month's limits look. */
const WARM_UP_MS = 31 * DAY_MS;

export type Log = { error(fields: object, message: string): void };

export type NewSimulation = {
  tenantNo: number;
  mode: Mode;
  draft: PolicyDocument;
  onError: 'stop' | 'skip';
  author: string;
  source:
    | { kind: 'history'; since: number | null; until: number | null }
    | { kind: 'traffic'; id: string; bytes: number };
};

export class Simulations {
  private readonly store: Store;
  private readonly folder: string;
  private readonly log: Log;
  private readonly waiting: string[] = [];
  private running: { id: string; progress: number; worker: Worker; ended: Promise<void> } | null = null;
  private timer: NodeJS.Timeout | null = null;
  private isStopped = false;
  private isBusy = false;
  /** Uploads that are coming in, or have come and are no simulation yet. */
  private readonly arriving = new Set<string>();

  constructor(store: Store, directory: string, log: Log) {
    this.store = store;
    this.folder = join(directory, 'simulations');
    this.log = log;
  }

  async start(): Promise<void> {
    mkdirSync(this.folder, { recursive: true });
    await this.store.failUnfinished({ error: 'The gateway stopped before it ended.' });
    await this.tidy();
    this.timer = setInterval(() => this.tidy().catch((error) => this.complain(error)), TIDY_EVERY_MS);
    this.timer.unref();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    if (this.timer !== null) clearInterval(this.timer);
    const { running } = this;
    await running?.worker.terminate();
    await running?.ended;
  }

  /** Keeps an upload; its id becomes the simulation's. `maxBytes`: null comes back where it is larger. */
  async keepTraffic(body: Readable | string, maxBytes: number): Promise<{ id: string; bytes: number } | null> {
    const id = newId('sim');
    this.arriving.add(id);
    let bytes = 0;
    const counted = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        if (bytes > maxBytes) return;
        yield chunk;
      }
    };
    const source = typeof body === 'string' ? Readable.from([Buffer.from(body)]) : body;
    try {
      await pipeline(source, counted, createWriteStream(this.trafficPath(id), { mode: 0o600 }));
    } catch (error) {
      this.forgetFiles(id);
      throw error;
    }
    if (bytes <= maxBytes) return { id, bytes };
    this.forgetFiles(id);
    return null;
  }

  /** Null: too many of the tenant's wait already. */
  async submit(input: NewSimulation): Promise<SimulationRow | null> {
    const { source, ...rest } = input;
    const id = source.kind === 'traffic' ? source.id : newId('sim');
    const row = await this.store.createSimulation({ ...rest, id, source });
    if (row === null) {
      this.forgetFiles(id);
      return null;
    }
    this.waiting.push(id);
    this.arriving.delete(id);
    this.next();
    return row;
  }

  /** 0 to 1. */
  progressOf({ id, status }: SimulationRow): number {
    if (status === 'done') return 1;
    return this.running?.id === id ? this.running.progress : 0;
  }

  resultsPath(id: string): string {
    return join(this.folder, `${id}.results.jsonl`);
  }

  private trafficPath(id: string): string {
    return join(this.folder, `${id}.traffic.jsonl`);
  }

  /** Ends it where it runs. False: there is none. */
  async remove(place: { tenantNo: number; mode: Mode; id: string }): Promise<boolean> {
    const { id } = place;
    if (!(await this.store.deleteSimulation(place))) return false;
    const at = this.waiting.indexOf(id);
    if (at >= 0) this.waiting.splice(at, 1);
    if (this.running?.id === id) {
      const { worker, ended } = this.running;
      await worker.terminate();
      await ended;
    }
    this.forgetFiles(id);
    return true;
  }

  private next(): void {
    if (this.isBusy || this.isStopped) return;
    const id = this.waiting.shift();
    if (id === undefined) return;
    this.isBusy = true;
    this.run(id)
      .catch((error) => this.complain(error))
      .finally(() => {
        this.isBusy = false;
        this.next();
      });
  }

  private async run(id: string): Promise<void> {
    const row = await this.store.startSimulation({ id });
    if (row === null) return;
    const { promise: ended, resolve: hasEnded } = Promise.withResolvers<void>();
    const worker = this.workerFor(row);
    this.running = { id, progress: 0, worker, ended };
    try {
      const outcome = await this.watch(row, worker);
      // A stop leaves it as it is: the next start says that it failed.
      if (!this.isStopped) await this.store.finishSimulation({ id, ...outcome });
    } finally {
      rmSync(this.trafficPath(id), { force: true });
      this.running = null;
      hasEnded();
    }
  }

  private workerFor({ id, document, inForce, onError, source, tenantId }: SimulationRow): Worker {
    const input: WorkerInput = {
      document,
      inForce,
      onError,
      results: this.resultsPath(id),
      maxResultBytes: MAX_RESULT_BYTES,
      source:
        source.kind === 'traffic'
          ? { kind: 'traffic', path: this.trafficPath(id), bytes: source.bytes }
          : { kind: 'history', tenant: tenantId, since: source.since },
    };
    const resourceLimits = { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: 16 };
    return new Worker(new URL('./worker.ts', import.meta.url), { workerData: input, resourceLimits });
  }

  /** Serves the worker until it ends. */
  private watch(row: SimulationRow, worker: Worker): Promise<Outcome> {
    const pages = new Pages(this.store, row);
    return new Promise((resolve) => {
      const fail = (error: string): void => resolve({ status: 'failed', summary: null, error });
      worker.on('message', (message: WorkerMessage) => {
        if (message.kind === 'progress') this.progress(message.progress);
        else if (message.kind === 'ended') {
          const { summary, error } = message;
          resolve({ status: error === null ? 'done' : 'failed', summary, error });
        } else {
          pages.next().then(
            (next) => {
              this.progress(pages.progress);
              worker.postMessage(next, 'page' in next ? [next.page.buffer as ArrayBuffer] : []);
            },
            (error) => {
              fail('The stored history could not be read.');
              this.complain(error);
              worker.terminate();
            },
          );
        }
      });
      worker.on('error', (error: NodeJS.ErrnoException) => {
        const isFull = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
        fail(isFull ? `It needed more memory than the ${MAX_HEAP_MB} MB a simulation may hold.` : 'It met a fault.');
        if (!isFull) this.complain(error);
      });
      worker.on('exit', () => fail('It was ended.'));
    });
  }

  private progress(progress: number): void {
    if (this.running !== null) this.running.progress = Math.min(1, Math.max(this.running.progress, progress));
  }

  /** Forgets what has had its time, and files that belong to nothing. */
  private async tidy(): Promise<void> {
    const kept = new Set(await this.store.forgetSimulations({ before: Date.now() - KEEP_RESULTS_MS }));
    for (const name of readdirSync(this.folder)) {
      const id = name.split('.', 1)[0]!;
      const isLeftOver = name.endsWith('.traffic.jsonl') && this.running?.id !== id && !this.waiting.includes(id);
      if (this.arriving.has(id) || (kept.has(id) && !isLeftOver)) continue;
      rmSync(join(this.folder, name), { force: true });
    }
  }

  private forgetFiles(id: string): void {
    this.arriving.delete(id);
    for (const path of [this.trafficPath(id), this.resultsPath(id)]) rmSync(path, { force: true });
  }

  private complain(error: unknown): void {
    if (!this.isStopped) this.log.error({ err: error }, 'a simulation met a fault');
  }
}

type Outcome = { status: 'done' | 'failed'; summary: Record<string, unknown> | null; error: string | null };

/** The pages of a tenant's history, from far enough before the time that is looked at. */
class Pages {
  progress = 0;
  private readonly store: Store;
  private readonly row: SimulationRow;
  private after: number | null = null;
  private start: number | null = null;
  private isOver = false;

  constructor(store: Store, row: SimulationRow) {
    this.store = store;
    this.row = row;
  }

  async next(): Promise<PageMessage> {
    const { source, tenantNo, mode, document } = this.row;
    if (this.isOver || source.kind !== 'history') return { end: true };
    const horizons = compilePolicy(0, document).tracks.map(({ horizonSeconds }) => horizonSeconds * 1000);
    const since = Math.max(0, source.since - Math.max(WARM_UP_MS, ...horizons));
    const { until } = source;
    const page = await this.store.history({ tenantNo, mode, since, until, after: this.after });
    this.after = page.next;
    this.isOver = page.next === null;
    this.start ??= page.lastAt;
    if (page.lastAt !== null && this.start !== null) {
      this.progress = (page.lastAt - this.start) / Math.max(1, until - this.start);
    }
    return { page: page.lines };
  }
}
