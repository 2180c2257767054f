/** What a recipient waits for that is no slot of its own, and no next attempt. */

/** The pace that a destination, a mailbox or a provider takes mail at now. */
export type PaceCause = 'destination_pace' | 'mailbox_pace' | 'provider_pace';

/**
 * A way out that is closed for a time, or whose own fault it was that an attempt failed; places in mailboxes; a mailbox or a provider
 * that can be used again; a sender's hours or gaps.
 */
export type RouteCause =
  | 'route'
  | 'repair'
  | 'mailbox'
  | 'warmup'
  | 'health'
  | 'paused'
  | 'provider'
  | 'working_hours'
  | 'drip';

export type Waits = {
  for: PaceCause | RouteCause;
  /** Milliseconds on the recipient's clock: when it is looked at again at the latest. */
  until: number;
  limit_name?: string;
  /** In words, where there are some. */
  note?: string;
  /** The ways out, and what each waits for. */
  candidates?: Record<string, string | number | null>[];
};
