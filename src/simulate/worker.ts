/** One simulation in a thread of its own, so that deciding a million sends again holds up nothing else. */
import { createReadStream } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { compilePolicy, type EffectiveDocument } from '../policy/document.ts';
import { HistoryRun } from './history-run.ts';
import { ResultFile } from './result-file.ts';
import { resultBody, type SimulatedSend, type SummaryBody } from './summary.ts';
import { runTraffic } from './traffic-run.ts';

export type WorkerInput = {
  document: EffectiveDocument;
  inForce: EffectiveDocument;
  onError: 'stop' | 'skip';
  results: string;
  maxResultBytes: number;
  source:
    | { kind: 'traffic'; path: string; bytes: number }
    /** Pages come one by one, each after it was asked for. */
    | { kind: 'history'; tenant: string; since: number };
};

/** What comes from the other side: the next page of history, or that there is none. */
export type PageMessage = { page: Uint8Array } | { end: true };

export type WorkerMessage =
  | { kind: 'progress'; progress: number }
  | { kind: 'wants_page' }
  | { kind: 'ended'; summary: SummaryBody & { results_truncated: boolean }; error: string | null };

const input = workerData as WorkerInput;
const port = parentPort!;
const results = new ResultFile(input.results, input.maxResultBytes);
const policy = compilePolicy(0, input.document);

function tell(message: WorkerMessage): void {
  port.postMessage(message);
}

function keep(send: SimulatedSend): void {
  results.add(resultBody(send));
}

function end(summary: SummaryBody, error: string | null): void {
  results.close();
  tell({ kind: 'ended', summary: { ...summary, results_truncated: results.isFull }, error });
}

async function runFile({ path, bytes }: { path: string; bytes: number }): Promise<void> {
  const result = await runTraffic({
    chunks: createReadStream(path, { highWaterMark: 1024 * 1024 }),
    policy,
    against: compilePolicy(0, input.inForce),
    onError: input.onError,
    onResult: keep,
    onProgress: (done) => tell({ kind: 'progress', progress: bytes === 0 ? 1 : done / bytes }),
  });
  end(result.summary, result.ok ? null : `Line ${result.line}: ${result.message}.`);
}

function runHistory({ tenant, since }: { tenant: string; since: number }): void {
  const run = new HistoryRun({ policy, inForce: compilePolicy(0, input.inForce), tenant, since, onResult: keep });
  port.on('message', (message: PageMessage) => {
    if ('end' in message) {
      end(run.summary.body(run.lines), null);
      port.close();
      return;
    }
    run.take(message.page);
    tell({ kind: 'wants_page' });
  });
  tell({ kind: 'wants_page' });
}

if (input.source.kind === 'traffic') await runFile(input.source);
else runHistory(input.source);
