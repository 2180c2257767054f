/** The reader thread: lists, searches and single rows, on a connection that cannot write. */
import { flushCompileCache } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import { openArchives } from './archives.ts';
import { openReader } from './database.ts';
import { READER_CALLS } from './reader-calls.ts';
import type { CallResult } from './thread-protocol.ts';
import type { WriterOptions } from './writer-state.ts';

const options = workerData as WriterOptions;
const port = parentPort!;
const db = openReader(options.directory);
const archives = openArchives(db, options.directory, false);

port.on('message', (request: { id: number; name: string; input: unknown } | 'close') => {
  if (request === 'close') {
    archives.close();
    db.close();
    port.close();
    return;
  }
  let result: CallResult;
  try {
    const call = READER_CALLS[request.name as keyof typeof READER_CALLS] as (db: unknown, input: unknown) => unknown;
    result = { ok: call(db, request.input) };
  } catch (error) {
    result = {
      fault: { kind: 'bug', message: error instanceof Error ? (error.stack ?? error.message) : String(error) },
    };
  }
  port.postMessage({ id: request.id, result });
});

port.postMessage({ ready: true });
flushCompileCache();
