/**
 * Killing a real gateway under load, and telling from outside what became of every message.
 *
 * Three logs are held against each other: what the clients were told (answers with 202), what the next hop took (its log is
 * flushed before each 250), and what the gateway's own rows and events say. Each message goes to a person of its own, so
 * that its number is found in all three. Clients that got no answer try again with the same idempotency key.
 *
 * Deliberately absent: loss of power. A killed process leaves the page cache behind, so nothing here shows what was flushed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { prepareTenants } from '../../bench/rig/tenants.ts';
import { RECIPIENT_STATES } from '../../src/core/states.ts';

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname;
const SINK = new URL('./smtp-sink.ts', import.meta.url).pathname;
const DEADLINE_MS = 60_000;

type Sunk = { id: string; to: string; possibleDuplicate: boolean };

export type Report = {
  accepted: number;
  /** Requests that got no answer and were sent again. */
  retried: number;
  refused: string[];
  kills: number;
  /** Accepted, not taken by the next hop, and without an end that anybody could see. */
  lost: string[];
  /** Keys that made more than one message. */
  doubled: string[];
  /** Taken more than once. */
  duplicates: number;
  /** Taken more than once without being marked, or under another Message-ID. */
  unmarked: string[];
  uncertain: number;
  states: Record<string, number>;
  /** From the start of the process after a kill to its first delivery, in milliseconds: the longest. */
  slowestRecoveryMs: number;
};

export class Chaos {
  readonly directory = mkdtempSync(join(tmpdir(), 'postern-chaos-'));
  readonly #answers = new Map<number, string>();
  readonly #refused: string[] = [];
  #sink: ChildProcess | null = null;
  #gateway: ChildProcess | null = null;
  #sinkPort = 0;
  #url = '';
  #key = '';
  #next = 0;
  #retried = 0;
  #kills = 0;
  #slowestRecoveryMs = 0;
  readonly #connections: number;
  readonly #text: string;

  constructor(options: { connections?: number; text?: string } = {}) {
    this.#connections = options.connections ?? 20;
    this.#text = options.text ?? 'It works.';
  }

  async prepare(): Promise<void> {
    const { keys } = await prepareTenants(this.directory, 1);
    this.#key = keys[0]!;
    this.#sink = spawn(process.execPath, [SINK, '--log', this.#sinkLog], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface(this.#sink.stdout!), 'line');
    this.#sinkPort = JSON.parse(String(line)).listening;
  }

  get accepted(): number {
    return this.#answers.size;
  }

  async acceptedAtLeast(count: number): Promise<void> {
    while (this.accepted < count) await pause(5);
  }

  get #sinkLog(): string {
    return join(this.directory, 'sink.jsonl');
  }

  /** Starts the gateway. `failpoint`: where it ends itself. */
  async start(failpoint: string | null = null): Promise<void> {
    const child = spawn(process.execPath, [CLI, 'serve'], {
      env: {
        PATH: process.env['PATH'],
        POSTERN_PORT: '0',
        POSTERN_SMTP_PORT: 'off',
        POSTERN_INBOUND_PORT: 'off',
        POSTERN_LOG: 'fatal',
        POSTERN_GRACE: '10',
        POSTERN_DATA_DIR: this.directory,
        POSTERN_OUTBOUND: `smtp://127.0.0.1:${this.#sinkPort}?tls=never&connections=${this.#connections}`,
        ...(failpoint === null ? {} : { POSTERN_FAILPOINT: failpoint, POSTERN_TESTING: '1' }),
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#gateway = child;
    const before = this.#sunk().length;
    const startedAt = performance.now();
    const [line] = await Promise.race([once(createInterface(child.stdout!), 'line'), ended(child)]);
    this.#url = JSON.parse(String(line)).http;
    if (this.#kills > 0) void this.#timeRecovery(before, startedAt);
  }

  async #timeRecovery(before: number, startedAt: number): Promise<void> {
    while (this.#sunk().length === before && performance.now() - startedAt < DEADLINE_MS) await pause(20);
    this.#slowestRecoveryMs = Math.max(this.#slowestRecoveryMs, performance.now() - startedAt);
  }

  /** Ends the process as a power switch would, without a word to it. */
  async kill(): Promise<void> {
    const child = this.#gateway!;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    this.#kills += 1;
  }

  /** Resolves when the process has ended itself by its failpoint. */
  async died(): Promise<void> {
    const child = this.#gateway!;
    if (child.exitCode === null && child.signalCode === null)
      await within(once(child, 'exit'), 'no failpoint was reached');
    this.#kills += 1;
  }

  /** SIGTERM; answers with the exit code and how long it took. */
  async stop(): Promise<{ code: number | null; tookMs: number }> {
    const child = this.#gateway!;
    const startedAt = performance.now();
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const [code] = await gone;
    return { code, tookMs: performance.now() - startedAt };
  }

  /** Clients that send new messages until `until` says so. A request without an answer is sent again with its key. */
  async load(clients: number, until: () => boolean): Promise<void> {
    const client = async (): Promise<void> => {
      while (!until()) {
        const number = this.#next++;
        while (!(await this.#send(number))) {
          this.#retried += 1;
          await pause(20);
        }
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
  }

  /** True once it was answered. */
  async #send(number: number): Promise<boolean> {
    try {
      const response = await fetch(`${this.#url}/v1/messages`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${this.#key}`,
          'content-type': 'application/json',
          'idempotency-key': `key-${number}`,
        },
        body: JSON.stringify({ to: `p${number}@example.com`, subject: `Message ${number}`, text: this.#text }),
      });
      const body = (await response.json()) as { id?: string; code?: string };
      if (response.status === 202) this.#answers.set(number, body.id!);
      else if (response.status < 500 && body.code !== 'idempotency_in_progress') this.#refused.push(body.code ?? '');
      else return false;
      return true;
    } catch {
      return false;
    }
  }

  #sunk(): Sunk[] {
    let text = '';
    try {
      text = readFileSync(this.#sinkLog, 'utf8');
    } catch {
      return []; // nothing has arrived yet
    }
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    return whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Sunk]));
  }

  /** Waits until nothing is under way any more, stops the gateway and holds the three logs against each other. */
  async report(): Promise<Report> {
    await this.#settled();
    await this.stop();
    const db = new DatabaseSync(join(this.directory, 'postern.db'), { readOnly: true });
    const rows = db.prepare('SELECT email, state, possible_duplicate FROM recipient').all() as {
      email: string;
      state: number;
      possible_duplicate: number;
    }[];
    const uncertain = db.prepare('SELECT count(*) AS n FROM event WHERE type = 14').get() as { n: number };
    db.close();
    const stored = Map.groupBy(rows, ({ email }) => email);
    const sunk = Map.groupBy(this.#sunk(), ({ to }) => to);
    const lost: string[] = [];
    const doubled: string[] = [];
    const unmarked: string[] = [];
    let duplicates = 0;
    for (const [email, same] of stored) if (same.length > 1) doubled.push(email);
    for (const [to, copies] of sunk) {
      if (copies.length === 1) continue;
      duplicates += copies.length - 1;
      const isMarked = copies.slice(1).every(({ possibleDuplicate, id }) => possibleDuplicate && id === copies[0]!.id);
      if (!isMarked || stored.get(to)?.[0]?.possible_duplicate !== 1) unmarked.push(to);
    }
    const states: Record<string, number> = {};
    for (const number of this.#answers.keys()) {
      const email = `p${number}@example.com`;
      const state = RECIPIENT_STATES[stored.get(email)?.[0]?.state ?? -1] ?? 'not stored';
      states[state] = (states[state] ?? 0) + 1;
      if (!sunk.has(email)) lost.push(`${email} is ${state}`);
    }
    return {
      accepted: this.#answers.size,
      retried: this.#retried,
      refused: this.#refused,
      kills: this.#kills,
      lost,
      doubled,
      duplicates,
      unmarked,
      uncertain: uncertain.n,
      states,
      slowestRecoveryMs: Math.round(this.#slowestRecoveryMs),
    };
  }

  /** Until no recipient is due or claimed. */
  async #settled(): Promise<void> {
    const until = performance.now() + DEADLINE_MS;
    const db = new DatabaseSync(join(this.directory, 'postern.db'), { readOnly: true });
    const open = db.prepare('SELECT count(*) AS n FROM recipient WHERE due IS NOT NULL');
    while ((open.get() as { n: number }).n > 0 && performance.now() < until) await pause(50);
    db.close();
  }

  close(): void {
    this.#gateway?.kill('SIGKILL');
    this.#sink?.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function ended(child: ChildProcess): Promise<never> {
  const [code, signal] = await once(child, 'exit');
  throw new Error(`the gateway ended at its start with ${code ?? signal}`);
}

async function within<T>(promise: Promise<T>, otherwise: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(otherwise)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
