/**
 * The writer thread: one connection, one group of calls after another, one transaction a group.
 *
 * A call that throws undoes its group; each call of the group is then run in a transaction of its own, so that only the
 * faulty one fails. When the disk is full nothing is stored, memory is read anew, and every call is told so. When a flush
 * fails the process ends at once: what the disk holds is then unknown, and only a fresh start finds out.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { armFailpoint, failpoint, passFailpoint } from '../../base/failpoint.ts';
import type { AdmitAnswer } from '../store.ts';
import { type Flat, flattenAnswer, readRequest } from './admit-codec.ts';
import { migrate, openWriter } from './database.ts';
import { dueIn, releaseDeadClaims } from './dispatch.ts';
import type { Call, CallResult, GroupReply, GroupRequest } from './thread-protocol.ts';
import { WRITER_CALLS } from './writer-calls.ts';
import { type WriterOptions, WriterState } from './writer-state.ts';

const SQLITE_FULL = 13;
const SQLITE_IOERR = 10;
const SQLITE_IOERR_SHMSIZE = 4874;
const CLOCK_STEP_MS = 600_000;

const options = workerData as WriterOptions;
const port = parentPort!;
const db = openWriter(options.directory);
const migrated = migrate(db, options.directory, Date.now());
if (!migrated.ok) {
  port.postMessage({ failed: migrated.message });
  process.exit(0);
}
const state = new WriterState(db, options);
const micros: Record<string, number> = {};
/** Whether the group at hand stores an acceptance or a settlement: at others no test stops. */
let isTelling = false;
armFailpoint(options.failpoint ?? null);
let clockOffset = Date.now() - performance.now();

transaction(() => releaseDeadClaims(state));
state.afterCommit();

function spend(part: string, since: number): number {
  const now = performance.now();
  micros[part] = (micros[part] ?? 0) + (now - since) * 1000;
  return now;
}

/** The wall clock, unless it leapt against the monotonic one. */
function readClock(): number | null {
  const now = Date.now();
  const leap = now - performance.now() - clockOffset;
  if (Math.abs(leap) > CLOCK_STEP_MS) return null;
  clockOffset += leap;
  return now;
}

function transaction<T>(work: () => T): T {
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    let since = performance.now();
    state.endGroup();
    since = spend('write', since);
    if (failpoint.armed !== null && isTelling) passFailpoint('before-commit');
    db.exec('COMMIT');
    spend('commit', since);
    if (failpoint.armed !== null && isTelling) passFailpoint('after-commit');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    state.recover();
    throw error;
  }
}

/** Calls that read rows run before those whose rows are only gathered. */
function order(calls: readonly Call[]): number[] {
  const numbers = calls.map((_, i) => i);
  return [...numbers.filter((i) => calls[i]![0] !== 'admit'), ...numbers.filter((i) => calls[i]![0] === 'admit')];
}

function runCalls(calls: readonly Call[]): CallResult[] {
  const results: CallResult[] = new Array(calls.length);
  state.ledger.prefetch(wanted(calls));
  for (const i of order(calls)) {
    const [name, input] = calls[i]!;
    const call = WRITER_CALLS[name as keyof typeof WRITER_CALLS] as (state: WriterState, input: unknown) => unknown;
    const output = call(state, input);
    results[i] = { ok: name === 'admit' ? flattenAnswer(output as AdmitAnswer) : output };
  }
  return results;
}

type Wanting = { principal: { tenantNo: number; mode: string }; recipients: { key: string; domain: string }[] };

/** The contacts and domains that admissions will ask for. */
function wanted(calls: readonly Call[]): (readonly [number, string])[] {
  const keys: (readonly [number, string])[] = [];
  for (const [name, input] of calls) {
    if (name !== 'admit' && name !== 'check') continue;
    const { principal, recipients } = input as Wanting;
    const space = principal.tenantNo * 2 + (principal.mode === 'test' ? 1 : 0);
    for (const { key, domain } of recipients) keys.push([space, key], [space, `@${domain}`]);
  }
  return keys;
}

function faultOf(error: unknown): { kind: string; message: string } {
  const code = (error as { errcode?: number }).errcode;
  if (code === SQLITE_FULL || code === SQLITE_IOERR_SHMSIZE) {
    return { kind: 'full', message: 'the disk that holds the data is full' };
  }
  if (code !== undefined && (code & 0xff) === SQLITE_IOERR) {
    process.stderr.write(
      `${JSON.stringify({ level: 60, msg: 'the data could not be flushed to disk', error: String(error) })}\n`,
    );
    process.exit(74);
  }
  return { kind: 'bug', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** Admissions travel flat; they are read once, however often their group is run. */
function unpack(calls: readonly Call[]): Call[] {
  return calls.map(([name, input]) => (name === 'admit' ? [name, readRequest(input as Flat)] : [name, input]));
}

function runGroup(calls: Call[]): CallResult[] {
  const now = readClock();
  if (now === null) {
    const fault = { kind: 'clock', message: 'the system clock leapt by more than ten minutes' };
    return calls.map(() => ({ fault }));
  }
  state.startGroup(now);
  if (failpoint.armed !== null) isTelling = calls.some(([name]) => name === 'admit' || name === 'settle');
  const since = performance.now();
  try {
    return transaction(() => {
      const results = runCalls(calls);
      spend('decide', since);
      return results;
    });
  } catch (error) {
    const fault = faultOf(error);
    if (fault.kind === 'full' || calls.length === 1) return calls.map(() => ({ fault }));
    return calls.flatMap((call) => runGroup([call]));
  }
}

port.on('message', (request: GroupRequest | 'close' | 'acceptClock') => {
  if (request === 'close') {
    transaction(() => state.ledger.flushAll());
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    db.close();
    port.postMessage({ closed: true });
    port.close();
    return;
  }
  if (request === 'acceptClock') {
    clockOffset = Date.now() - performance.now();
    return;
  }
  const results = runGroup(unpack(request.calls));
  const reply: GroupReply = { results, dueIn: dueIn(state), eventSpaces: [...state.eventSpaces], micros };
  state.eventSpaces.clear();
  port.postMessage(reply);
  state.afterCommit();
});

port.postMessage({ ready: true });
