/** What a recipient waits for that is no slot of its own. */

/** The pace that a destination, a mailbox or a provider takes mail at now. */
export type PaceCause = 'destination_pace' | 'mailbox_pace' | 'provider_pace';

export type Waits = {
  for: PaceCause;
  /** Milliseconds on the recipient's clock. */
  until: number;
};
