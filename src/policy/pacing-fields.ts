/** An identity's hours and gaps as people write them. */

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

export type WorkingHours = {
  /** IANA name; absent: UTC. */
  timezone?: string;
  days: Weekday[];
  /** `HH:MM` on the clocks there; `to` at or before `from` is that of the next day. */
  from: string;
  to: string;
};

export type Drip = {
  /** Seconds between two first contacts at least. */
  min_gap_seconds: number;
  /** Up to so many more. */
  jitter_seconds?: number;
};

export type IdentityPacing = { workingHours: WorkingHours | null; drip: Drip | null };
