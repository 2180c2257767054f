/**
 * The thread that flushes the log to the disk, so that the writer is at the next group meanwhile. SQLite puts a commit into the log and
 * does not wait for the disk (synchronous=NORMAL); nobody is answered before it is told here that the commit has been flushed.
 *
 * A flush takes all commits before it along. When one fails the process ends at once: what the disk holds is then unknown, and
 * only a fresh start finds out.
 */
import { fdatasyncSync, openSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { CommitMarks } from './commit-marks.ts';

export type FlusherOptions = { log: string; marks: SharedArrayBuffer };

/** EX_IOERR of sysexits.h. */
const EXIT_IOERR = 74;

const { log: path, marks: shared } = workerData as FlusherOptions;
const marks = new CommitMarks(shared);
// Some systems flush only what is open for writing.
const log = openSync(path, 'r+');
const port = parentPort!;
port.postMessage({ ready: true });
flushCompileCache();

for (let flushed = 0; ; ) {
  const committed = marks.awaitCommit(flushed);
  if (committed === null) break;
  try {
    fdatasyncSync(log);
  } catch (error) {
    const told = { level: 60, msg: 'the data could not be flushed to disk', error: String(error) };
    process.stderr.write(`${JSON.stringify(told)}\n`);
    process.exit(EXIT_IOERR);
  }
  flushed = committed;
  port.postMessage({ flushed });
}
port.close();
