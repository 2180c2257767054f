/**
 * The writer thread: one connection, one group of calls after another, one transaction a group.
 *
 * A call that throws undoes its group; each call of the group is then run in a transaction of its own, so that only the
 * faulty one fails. When the disk is full the reserve is given up, what was under way is still recorded, and nothing new
 * is taken on until the reserve can be made again. When a flush fails the process ends at once: what the disk holds is then
 * unknown, and only a fresh start finds out.
 */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { armFailpoint, failpoint, passFailpoint } from '../../base/failpoint.ts';
import type { AdmitAnswer, AdmitRequest, StaleCanaries } from '../store.ts';
import { flattenAnswer, ReceivedPrincipals, readRequest } from './admit-codec.ts';
import { Checkpoints } from './checkpoints.ts';
import { StoreClock } from './clock.ts';
import { openAfterLeap } from './closed-routes.ts';
import { CommitMarks } from './commit-marks.ts';
import { migrate, openWriter } from './database.ts';
import { dueIn, releaseDeadClaims } from './dispatch.ts';
import { RESERVE_BYTES, Reserve } from './reserve.ts';
import type { Call, CallResult, Fault, GroupReply, GroupRequest, SentCall } from './thread-protocol.ts';
import { DECIDING_CALLS, RECORDING_CALLS, SENDING_CALLS, WRITER_CALLS } from './writer-calls.ts';
import { type WriterOptions, WriterState } from './writer-state.ts';

const MOST_IN_A_GROUP = 256;
/** So many share a group without more ado. */
const FEW = 24;
const SQLITE_IOERR = 10;
const SQLITE_FULL = 13;
const SQLITE_IOERR_WRITE = 778;
const SQLITE_IOERR_SHMSIZE = 4874;
const TRY_AGAIN_MS = 1000;

const FULL = { kind: 'full', message: 'the disk that holds the data is full' };
const PAUSED = { kind: 'paused', message: 'the operator has paused sending for everybody' };
const LEAPT = {
  kind: 'clock',
  message: 'the system clock leapt by more than ten minutes: set it right, or accept it with "postern clock accept"',
};

const { marks: shared, ...options } = workerData as WriterOptions & { marks: SharedArrayBuffer };
const marks = new CommitMarks(shared);
const port = parentPort!;
const clock = new StoreClock(options.clock);
const reserve = new Reserve(options.directory, options.reserveBytes ?? RESERVE_BYTES);
let isFull = reserve.isTight();
if (isFull) reserve.release();
let triedReserveAt = performance.now();
const db = openWriter(options.directory);
const migrated = migrate(db, options.directory, clock.read().now);
if (!migrated.ok) {
  port.postMessage({ failed: migrated.message });
  process.exit(0);
}
const beginning = db.prepare('BEGIN IMMEDIATE');
const commitment = db.prepare('COMMIT');
const state = new WriterState(db, options);
const checkpoints = new Checkpoints(db);
const micros: Record<string, number> = {};
const principals = new ReceivedPrincipals();
/** Whether the group at hand stores an acceptance or a settlement: at others no test stops. */
let isTelling = false;
armFailpoint(options.failpoint ?? null);

state.startGroup(clock.read().now);
transaction(() => releaseDeadClaims(state));
state.afterCommit();

function spend(part: string, since: number): number {
  const now = performance.now();
  micros[part] = (micros[part] ?? 0) + (now - since) * 1000;
  return now;
}

function transaction<T>(work: () => T): T {
  beginning.run();
  try {
    state.begin();
    const result = work();
    let since = performance.now();
    state.endGroup();
    since = spend('write', since);
    if (failpoint.armed !== null && isTelling) passFailpoint('before-commit');
    commitment.run();
    marks.commit();
    spend('commit', since);
    if (failpoint.armed !== null && isTelling) passFailpoint('after-commit');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    state.recover();
    throw error;
  }
}

function isAdmission([name]: Call): boolean {
  return name === 'admit' || name === 'admitAll';
}

/** Calls that read rows run before those whose rows are only gathered. */
function runCalls(calls: readonly Call[], leapt: boolean): CallResult[] {
  const results: CallResult[] = new Array(calls.length);
  state.ledger.prefetch(wanted(calls));
  for (let i = 0; i < calls.length; i += 1) if (!isAdmission(calls[i]!)) results[i] = runCall(calls[i]!, leapt);
  for (let i = 0; i < calls.length; i += 1) if (isAdmission(calls[i]!)) results[i] = runCall(calls[i]!, leapt);
  return results;
}

function runCall([name, input]: Call, leapt: boolean): CallResult {
  if (leapt && DECIDING_CALLS.has(name)) return { fault: LEAPT };
  if (state.platformPause !== null && SENDING_CALLS.has(name)) return { fault: PAUSED };
  if (isFull && !RECORDING_CALLS.has(name)) return { fault: FULL };
  const call = WRITER_CALLS[name as keyof typeof WRITER_CALLS] as (state: WriterState, input: unknown) => unknown;
  const output = call(state, input);
  return {
    ok: name === 'admit' ? flattenAnswer(output as AdmitAnswer | StaleCanaries, input as AdmitRequest) : output,
  };
}

type Wanting = { principal: { tenantNo: number; mode: string }; recipients: { key: string; domain: string }[] };

/** The contacts and domains that admissions will ask for. */
function wanted(calls: readonly Call[]): { space: number; key: string }[] {
  const keys: { space: number; key: string }[] = [];
  for (const [name, input] of calls) {
    if (name !== 'admit' && name !== 'admitAll' && name !== 'check') continue;
    for (const { principal, recipients } of name === 'admitAll' ? (input as Wanting[]) : [input as Wanting]) {
      const space = principal.tenantNo * 2 + (principal.mode === 'test' ? 1 : 0);
      for (const { key, domain } of recipients) keys.push({ space, key }, { space, key: `@${domain}` });
    }
  }
  return keys;
}

function faultOf(error: unknown): { kind: string; message: string } {
  const code = (error as { errcode?: number }).errcode;
  if (code === SQLITE_FULL || code === SQLITE_IOERR_SHMSIZE) return FULL;
  if (code === SQLITE_IOERR_WRITE && writesNothing()) return FULL;
  if (code !== undefined && (code & 0xff) === SQLITE_IOERR) {
    process.stderr.write(
      `${JSON.stringify({ level: 60, msg: 'the data could not be flushed to disk', error: String(error) })}\n`,
    );
    process.exit(74);
  }
  return { kind: 'bug', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** SQLite tells a spent quota as a failed write: a write beside it tells the two apart. */
function writesNothing(): boolean {
  const path = join(options.directory, 'probe');
  try {
    const file = openSync(path, 'w');
    try {
      writeSync(file, new Uint8Array(65_536));
      fsyncSync(file);
    } finally {
      closeSync(file);
      rmSync(path, { force: true });
    }
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EDQUOT' || (error as NodeJS.ErrnoException).code === 'ENOSPC';
  }
}

function becomeFull(): void {
  reserve.release();
  isFull = true;
  triedReserveAt = performance.now();
}

/** While the disk is full the log is emptied after each group, so that the next one finds its room there again. */
function checkpoint(): void {
  try {
    if (isFull) checkpoints.run();
    else checkpoints.afterGroup();
  } catch (error) {
    // A checkpoint that finds no room is done again later: the log has everything.
    faultOf(error);
  }
}

function lookForRoom(): void {
  if (!isFull || performance.now() - triedReserveAt < TRY_AGAIN_MS) return;
  triedReserveAt = performance.now();
  isFull = !reserve.make();
}

/** Admissions travel flat; they are read once, in the order in which they came, however often their group is run. */
function unpack(sent: SentCall): Call {
  return Array.isArray(sent) ? ['admit', readRequest(sent, principals)] : [sent.name, sent.input];
}

/** Milliseconds until the relay should ask again; not at once while nothing new may be taken on. */
function nextDue(trouble: string | null): number | null {
  if (!state.isDueKnown) return TRY_AGAIN_MS;
  const wait = dueIn(state);
  return wait === null || trouble === null ? wait : Math.max(wait, TRY_AGAIN_MS);
}

function runGroup(calls: Call[], leapt: boolean): CallResult[] {
  if (failpoint.armed !== null)
    isTelling = calls.some(([name]) => name === 'admit' || name === 'admitAll' || name === 'settle');
  const since = performance.now();
  try {
    return transaction(() => {
      const results = runCalls(calls, leapt);
      spend('decide', since);
      return results;
    });
  } catch (error) {
    const fault = faultOf(error);
    if (fault === FULL && !isFull) {
      becomeFull();
      return runGroup(calls, leapt);
    }
    if (fault === FULL) return calls.map(() => ({ fault }));
    if (calls.length === 1)
      return [{ fault: SENDING_CALLS.has(calls[0]![0]) ? { ...fault, kind: 'undecided' } : fault }];
    return calls.flatMap((call) => runGroup([call], leapt));
  }
}

function close(): void {
  try {
    if (!isFull) transaction(() => state.ledger.flushAll());
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch (error) {
    // Nothing is lost by it: the journal and the log hold what was not written.
    faultOf(error);
  }
  state.archives.close();
  db.close();
  port.postMessage({ closed: true });
  port.close();
}

function told(all: readonly CallResult[]): Pick<GroupReply, 'results' | 'faults'> {
  const faults: [number, Fault][] = [];
  const results = all.map((result, place) => {
    if ('ok' in result) return result.ok;
    faults.push([place, result.fault]);
    return null;
  });
  return { results, faults };
}

function serve(calls: SentCall[]): void {
  const { now, leapt } = clock.read();
  lookForRoom();
  state.startGroup(now);
  const { results, faults } = told(runGroup(calls.map(unpack), leapt));
  const trouble = leapt ? LEAPT.message : isFull ? FULL.message : null;
  const eventSpaces = [...state.eventSpaces];
  const { hasNotices } = state;
  const commit = marks.last;
  const reply: GroupReply = {
    results,
    faults,
    commit,
    dueIn: nextDue(trouble),
    eventSpaces,
    hasNotices,
    trouble,
    micros,
  };
  state.eventSpaces.clear();
  state.hasNotices = false;
  port.postMessage(reply);
  state.afterCommit();
  checkpoint();
}

type Request = GroupRequest | 'close' | 'acceptClock';

function nextRequest(): Request | undefined {
  return receiveMessageOnPort(port)?.message as Request | undefined;
}

/** All of a few, half of many: the answers of the first half go out while the second is decided. */
function groupSize(waiting: number): number {
  return waiting <= FEW ? waiting : Math.min(MOST_IN_A_GROUP, Math.max(FEW, Math.ceil(waiting / 2)));
}

/** Takes what has come, a group at a time, until nothing waits at the door. */
port.on('message', (first: Request) => {
  const waiting: SentCall[] = [];
  let request: Request | undefined = first;
  for (;;) {
    while (typeof request === 'object') {
      for (const call of request.calls) waiting.push(call);
      request = nextRequest();
    }
    if (waiting.length > 0) {
      serve(waiting.splice(0, groupSize(waiting.length)));
      request ??= nextRequest();
      continue;
    }
    if (request === undefined) return;
    if (request === 'close') {
      close();
      return;
    }
    clock.accept();
    openAfterLeap(state);
    request = nextRequest();
  }
});

port.postMessage({ ready: true });
// Not before: a start need not wait for it.
if (!isFull && !reserve.make()) becomeFull();
flushCompileCache();
