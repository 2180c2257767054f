/** The part of the port that reads the event log. */
import type { EventType } from '../../core/events.ts';
import type { Mode } from '../../core/message.ts';

export type EventRow = {
  id: string;
  seq: number;
  type: EventType;
  createdAt: number;
  data: Record<string, unknown>;
};

export type EventsPage = {
  /** In order of `seq`. */
  events: EventRow[];
  /** Up to here, this number included, everything that matches was given. The next read goes on after it. */
  lastSeq: number;
  /** The newest event there was. */
  newestSeq: number;
  /** The oldest event that is kept; one beyond the newest where none is. */
  oldestSeq: number;
  /** The number asked for lies before what retention has removed: events between are lost to the reader. */
  isExpired: boolean;
  oldestAt: number | null;
};

export interface EventsReads {
  /** Events after a number; null: from the oldest. A read looks at a bounded number of them. */
  events(input: {
    tenantNo: number;
    mode: Mode;
    afterSeq: number | null;
    /** Null: all types. */
    types: EventType[] | null;
    limit: number;
  }): Promise<EventsPage>;
}
