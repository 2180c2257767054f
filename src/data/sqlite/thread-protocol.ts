/** What goes over the wire between the main thread and the store's threads. */
import type { Flat } from './flat.ts';

export type Call = [name: string, input: unknown];

export type Fault = { kind: string; message: string };
export type CallResult = { ok: unknown } | { fault: Fault };

/** An admission is its flat array alone: of all calls it is the one that comes in thousands. */
export type SentCall = Flat | { name: string; input: unknown };
export type GroupRequest = { calls: SentCall[] };

export type GroupReply = {
  /** In the order of the calls; an admission's is flat. */
  results: unknown[];
  /** By place: these have no result. */
  faults: [place: number, fault: Fault][];
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
