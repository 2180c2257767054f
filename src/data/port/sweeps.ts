/** The part of the port that does housekeeping: what has had its time is compressed, put away or removed. */

/** In the order in which they help each other: what is archived needs no compressing any more. */
export const SWEEPS = [
  /** Approvals that nobody decided in time: what they held is rejected. */
  'holds',
  /** Closed messages go to the archive of the week, a week after they closed; their content is removed. */
  'archive',
  /** Content of messages older than a minute is compressed where that saves room. */
  'compress',
  /** Events older than their tenant's retention. */
  'events',
  /** Idempotency and dedupe keys past their time. */
  'keys',
  /** Uploads that no message took. */
  'uploads',
  /** Messages whose tenant's plan keeps them for a shorter time than they stay here. */
  'messages',
  /** Mail that stayed in the sink for a week. */
  'captures',
  /** Mail that came in, and conversations whose last message is gone, after their tenant's retention. */
  'inbound',
  /** Hourly tallies and the audit log, after 400 days; leases 90 days after their end. */
  'records',
  /** Archives past the retention of their messages. */
  'archives',
  /** Leases whose time has come. */
  'leases',
  /** Counters that are only in memory and the journal get their rows. */
  'ledger',
  /** Quarantines: what falls due by time, mail that they hold or let go. */
  'quarantines',
  /** Mailboxes that were left out for their health come back once their bad signs have aged. */
  'mailboxes',
  /** Conversations in which nobody has answered in time. */
  'silences',
] as const;
export type Sweep = (typeof SWEEPS)[number];

export type Swept = {
  /** Rows changed or removed. */
  count: number;
  /** Whether there is more to do at once. */
  more: boolean;
  /** Blobs that nothing holds any more. */
  unused: string[];
};

export interface SweepsWrites {
  /** One slice, short enough that no submission waits for it longer than for another group. */
  sweep(input: { kind: Sweep }): Promise<Swept>;
}
