/** What goes over the wire between the main thread and the store's threads. */

export type Call = [name: string, input: unknown];

export type CallResult = { ok: unknown } | { fault: { kind: string; message: string } };

export type GroupRequest = { calls: Call[] };

export type GroupReply = {
  results: CallResult[];
  /** To be told to nobody before this commit is flushed. */
  commit: number;
  /** Milliseconds until something is due, or null. */
  dueIn: number | null;
  /** Spaces that have new events. */
  eventSpaces: number[];
  /** Whether a notice was queued. */
  hasNotices: boolean;
  /** Why nothing new is taken on, or null. */
  trouble: string | null;
  micros: Record<string, number>;
};
