/** A traffic file run through a policy, line by line, and through another one beside it where there is something to compare. */

import { eachLine, type NumberedLine } from '../base/lines.ts';
import { formatTime } from '../core/time.ts';
import type { Policy } from '../policy/document.ts';
import { contentOf, newReplay, type Replay, type ReplayResult, type TrafficLine } from '../policy/replay.ts';
import { type SimulatedSend, Summary, type SummaryBody } from './summary.ts';
import { MAX_LINE_BYTES, readTrafficLine } from './traffic-line.ts';

export type TrafficRun = {
  chunks: AsyncIterable<Uint8Array>;
  policy: Policy;
  /** What the verdicts are compared with, or null. */
  against: Policy | null;
  onError: 'stop' | 'skip';
  /** Called with each send in order. */
  onResult: (send: SimulatedSend) => void;
  /** Called now and then with the octets read and the sends decided so far. */
  onProgress: (bytes: number, sends: number) => void;
};

export type RunResult =
  | { ok: true; summary: SummaryBody }
  /** A line could not be read, and the run was to stop there. `summary`: of what lies before it. */
  | { ok: false; line: number; message: string; summary: SummaryBody };

export async function runTraffic(run: TrafficRun): Promise<RunResult> {
  const fold = new TrafficFold(run);
  let bytes = 0;
  const isWhole = await eachLine(
    run.chunks,
    MAX_LINE_BYTES,
    (line) => fold.take(line),
    (more) => {
      bytes += more;
      run.onProgress(bytes, fold.sends);
    },
  );
  const summary = fold.summary.body(fold.lines);
  return isWhole || fold.fault === null ? { ok: true, summary } : { ok: false, ...fold.fault, summary };
}

class TrafficFold {
  readonly summary = new Summary();
  lines = 0;
  sends = 0;
  fault: { line: number; message: string } | null = null;
  private readonly run: TrafficRun;
  private readonly replay: Replay;
  private readonly against: Replay | null;
  private lastAt = Number.NEGATIVE_INFINITY;

  constructor(run: TrafficRun) {
    const { policy, against } = run;
    this.run = run;
    this.replay = newReplay(() => policy);
    this.against = against === null ? null : newReplay(() => against);
  }

  /** False where the run is to stop. */
  take({ number, bytes }: NumberedLine): boolean {
    const reading = readTrafficLine(bytes);
    if (reading === null) return true;
    this.lines += 1;
    if (!reading.ok) return this.refuse(number, reading.message);
    const { line } = reading;
    if (line.at < this.lastAt) {
      const message = `its time lies before ${formatTime(this.lastAt)}, that of a line above: lines stand in order of time`;
      return this.refuse(number, message);
    }
    this.lastAt = line.at;
    this.fold(line);
    return true;
  }

  private refuse(line: number, message: string): boolean {
    if (this.run.onError === 'skip') {
      this.summary.skip({ line, message });
      return true;
    }
    this.fault = { line, message };
    return false;
  }

  private fold(line: TrafficLine): void {
    // Computed once for both.
    if (this.against !== null && line.kind === 'send') line.content = contentOf(line);
    const now = this.replay.fold(line);
    const was = this.against?.fold(line) ?? null;
    if (now === null) return;
    this.sends += 1;
    const send = compared(now, was);
    this.summary.add(send);
    this.run.onResult(send);
  }
}

function compared(now: ReplayResult, was: ReplayResult | null): SimulatedSend {
  const { id, at, tenant, verdict, reasons, warnings, risk } = now;
  const isChanged = was !== null && (was.verdict !== verdict || was.reasons.join() !== reasons.join());
  const before = was === null ? null : { verdict: was.verdict, reasons: was.reasons };
  return { id, at, tenant, verdict, reasons, warnings, risk, was: before, isChanged, recipients: null };
}
