/** The part of the port that gives back what happened to a tenant in one mode, in order, for deciding it again. */
import type { Mode } from '../../core/message.ts';

export type HistoryPage = {
  /**
   * `PastLine[]`, serialized as node:v8 does it: pages go on to a thread that decides them, and whoever hands them over need
   * not read them.
   */
  lines: Uint8Array;
  /** How many lines the page has, and the time of the last, in milliseconds; null where it has none. */
  count: number;
  lastAt: number | null;
  /** Where the next page starts, or null after the last. */
  next: number | null;
};

export interface HistoryReads {
  /** From an event's number on; `null`: from the first that may matter at `since`. Times are milliseconds. */
  history(input: {
    tenantNo: number;
    mode: Mode;
    since: number;
    until: number;
    after: number | null;
  }): Promise<HistoryPage>;
}
