/** The part of the port that reads mail which stayed here instead of leaving, and verdicts, for people to look at. */
import type { RecipientState } from '../../core/states.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Page } from './page.ts';
import type { Space } from './space.ts';

/** One message for one recipient as the next hop would have got it. */
export type CaptureRow = {
  id: string;
  /** `msg_…` and `rcp_…`, or null where the message is gone. */
  messageId: string | null;
  recipientId: string | null;
  /** The envelope. */
  from: string;
  to: string;
  /** Milliseconds on the clock of its space. */
  receivedAt: number;
  /** The whole message, CRLF line ends. */
  raw: Uint8Array;
};

export type RecentVerdict = {
  messageId: string;
  recipientId: string;
  email: string;
  subject: string;
  decidedAt: number;
  state: RecipientState;
  verdict: Verdict;
};

export interface CaptureReads {
  /**
   * Captured mail, newest first. `recipient`: the key of an address, or null for all. A page of large mail may be shorter
   * than `limit`, and still have a next one.
   */
  captures(
    input: Space & { recipient: string | null; limit: number; cursor: string | null },
  ): Promise<Page<CaptureRow>>;
  captureById(input: Space & { id: string }): Promise<CaptureRow | null>;
  /** What was decided last, a row a recipient, newest first. */
  recentVerdicts(input: Space & { limit: number; cursor: string | null }): Promise<Page<RecentVerdict>>;
}
