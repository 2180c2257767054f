/**
 * The port of everything that carries mail out. A transport answers with a value for every remote outcome; it throws
 * only for its own faults. One recipient per delivery: the return path is signed per recipient.
 */

/** One recipient's mail, ready for the wire. */
export type Delivery = {
  /** Envelope sender (RFC 5321 reverse-path), without angle brackets; empty for the null sender. */
  from: string;
  /** Envelope recipient (forward-path), without angle brackets. */
  to: string;
  /** The whole message, CRLF line ends, no bare CR or LF, not dot-stuffed, ends in CRLF. */
  content: Uint8Array;
  /**
   * Called once, when everything but the final dot is on its way: checks that the claim still holds and marks durably
   * that the dot is about to be sent. False: the dot must not be sent.
   */
  beforeDot: () => Promise<boolean>;
};

/** The reply that decided an outcome. */
export type RemoteReply = {
  /** Three-digit reply code, or null where the peer said nothing. */
  code: number | null;
  /** Enhanced status code (RFC 3463), for example "5.1.1", or null. */
  enhanced: string | null;
  /** The text, lines joined by a blank, control characters removed, at most 2,000 characters. */
  text: string;
};

export type DeliveryResult = Outcome & {
  /** The family of mail hosts that was talked to, or would have been, where the transport looks for them: "google.com". */
  destination?: string;
};

type Outcome =
  /**
   * The next hop took it: a positive reply to the final dot. `isReported`: it is a provider that tells of the delivery later,
   * so that the recipient is `sent` until then.
   */
  | { outcome: 'taken'; reply: RemoteReply; isReported?: boolean }
  /** A definite temporary "no" from the next hop (4yz): the recipient may be tried again. */
  | { outcome: 'deferred'; stage: Stage; reply: RemoteReply }
  /** A definite permanent "no" from the next hop (5yz), or, at the stage `lookup`, from the domain's own records. */
  | { outcome: 'refused'; stage: Stage; reply: RemoteReply }
  /** It surely did not leave us: no connection, TLS or AUTH failed, or the link broke before the dot. */
  | { outcome: 'not_taken'; stage: Stage; reply: RemoteReply }
  /** The look before the dot said no (claim lost, cancelled, suppressed): nothing was sent. */
  | { outcome: 'stopped' }
  /** The dot was sent and no whole answer came: nobody knows. `waitMs`: an answer may still come by another way until then. */
  | { outcome: 'uncertain'; reply: RemoteReply; waitMs?: number };

/** Where an outcome was decided, in the order of a delivery. `lookup`: before a session, by what the DNS says of the domain. */
export const STAGES = [
  'lookup',
  'connect',
  'banner',
  'ehlo',
  'tls',
  'auth',
  'mail',
  'rcpt',
  'data',
  'body',
  'dot',
] as const;

export type Stage = (typeof STAGES)[number];

/** What carries one delivery. */
export interface Carrier {
  deliver(delivery: Delivery): Promise<DeliveryResult>;
}

export interface Transport extends Carrier {
  /** Waits for answers to dots that are out for at most `graceMs`, then closes every connection. */
  close(graceMs: number): Promise<void>;
}
