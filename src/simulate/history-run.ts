/** A tenant's stored past run through another policy, page by page. */
import { deserialize } from 'node:v8';
import type { Policy } from '../policy/document.ts';
import { type DecidedAgain, HistoryFold, isChanged, joined, type PastLine } from '../policy/history.ts';
import { type SimulatedSend, Summary } from './summary.ts';

export class HistoryRun {
  readonly summary = new Summary();
  lines = 0;
  private readonly fold: HistoryFold;
  private readonly tenant: string;
  private readonly since: number;
  private readonly onResult: (send: SimulatedSend) => void;

  /** `since`: what lies before it only counts. */
  constructor(input: {
    policy: Policy;
    inForce: Policy;
    tenant: string;
    since: number;
    onResult: (send: SimulatedSend) => void;
  }) {
    this.fold = new HistoryFold(input.policy, input.inForce);
    this.tenant = input.tenant;
    this.since = input.since;
    this.onResult = input.onResult;
  }

  /** Takes a page as the store gives it. */
  take(page: Uint8Array): void {
    for (const line of deserialize(page) as PastLine[]) {
      if (line.at < this.since) {
        this.fold.warmUp(line);
        continue;
      }
      this.lines += 1;
      const decided = this.fold.fold(line);
      if (decided === null) continue;
      const send = this.compared(decided);
      this.summary.add(send);
      this.onResult(send);
    }
  }

  private compared({ id, at, recipients, risk }: DecidedAgain): SimulatedSend {
    const now = joined(recipients.map((one) => one.now));
    const was = joined(recipients.map((one) => one.was));
    return {
      id,
      at,
      tenant: this.tenant,
      ...now,
      risk,
      was: { verdict: was.verdict, reasons: was.reasons },
      isChanged: recipients.some((one) => isChanged(one.was, one.now)),
      recipients:
        recipients.length === 1
          ? null
          : recipients.map((one) => ({
              email: one.email,
              verdict: one.now.verdict,
              reasons: one.now.reasons,
              was: { verdict: one.was.verdict, reasons: one.was.reasons },
            })),
    };
  }
}
