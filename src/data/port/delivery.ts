/** The part of the port that delivers: claim, mark, settle, keeping claims, and the mail that stays here instead of leaving. */
import type { MessageKind, Mode } from '../../core/message.ts';
import type { Route } from './routing.ts';
import type { Space } from './space.ts';
import type { Waits } from './waits.ts';

/** One due recipient, claimed for a worker. */
export type Claimed = {
  /** Row number of the recipient: opaque outside the store. */
  recipient: number;
  recipientId: string;
  message: number;
  messageId: string;
  tenantNo: number;
  tenantId: string;
  mode: Mode;
  /** Fencing token: a later claim has a greater one. */
  token: number;
  attempt: number;
  /** Milliseconds on the recipient's clock. */
  now: number;
  createdAt: number;
  expiresAt: number;
  kind: MessageKind;
  email: string;
  from: { email: string; name: string | null };
  content: { inline: Uint8Array } | { blob: string } | { gone: true };
  /** Octets of the content, its attachments included. */
  size: number;
  /** An earlier attempt ended between the dot and its answer. */
  possibleDuplicate: boolean;
  /** What the policy has counted: a picture and links in its HTML lead to the gateway then. Absent: nothing. */
  tracking?: { open?: boolean; click?: boolean };
  /** Answers are to come to a signed address as well. */
  tracksReplies: boolean;
  /** The way it takes out. */
  route: Route;
};

export type ClaimInput = {
  most: number;
  /** False: of test spaces alone. */
  live: boolean;
  /** How many each space holds already: none is given more than remain free for the others. Absent: no such bound. */
  held?: (Space & { count: number })[];
};

export type AttemptReport = {
  provider: string;
  mailbox: string | null;
  reply: string;
  class: string | null;
  /** Why this way; absent where there was no choice to make. */
  why?: readonly string[];
};

export type Settlement = {
  recipient: number;
  token: number;
  attempt: AttemptReport | null;
} & (
  | { outcome: 'sent' }
  /** The next hop is the last one Postern can see: delivered at the same instant. */
  | { outcome: 'delivered' }
  | { outcome: 'deferred'; nextAttemptAt: number }
  | { outcome: 'bounced'; hard: boolean; suppress: boolean }
  | { outcome: 'failed' }
  /** The policy says whether it is sent again, at `nextAttemptAt`, or held for a person. */
  | { outcome: 'uncertain'; nextAttemptAt: number }
  /** The worker itself failed over it. After three such ends in a row, deaths of the process included, it is set aside. */
  | { outcome: 'crashed'; nextAttemptAt: number }
  /**
   * Surely not taken, for a fault of the provider or the mailbox itself: another way is tried at once, and this one is avoided for
   * this recipient; where there is none it is deferred to `nextAttemptAt`, or ends as `otherwise` says.
   */
  | { outcome: 'elsewhere'; nextAttemptAt: number; otherwise: 'deferred' | 'bounced' | 'failed' }
  /** Given back untried: the worker stops, or the look before the dot said no for a passing cause. */
  | { outcome: 'released'; at: number; waits?: Waits | null }
);

export type ClaimRef = { recipient: number; token: number };

export interface DeliveryWrites {
  /** Up to `most` due recipients, in turn from every space that has some. */
  claim(input: ClaimInput): Promise<Claimed[]>;
  /** Before the final dot: false when it must not be sent. */
  mark(input: { recipient: number; token: number }): Promise<boolean>;
  /** False when the claim was lost. */
  settle(settlement: Settlement): Promise<boolean>;
  /** Milliseconds until something is due, 0 for now, null when nothing waits. */
  dueIn(input: null): Promise<number | null>;
  /** Puts the end of these claims a minute ahead again. Answers with the recipients whose claim was lost. */
  renew(input: { claims: ClaimRef[] }): Promise<number[]>;
  /** Keeps the mail of a claimed and marked recipient. False, and nothing kept, when the claim was lost. */
  capture(input: ClaimRef & { from: string; to: string; raw: Uint8Array }): Promise<boolean>;
  /** What a simulator address sends back once its mail has arrived (test mode only): false in any other case. */
  simulateReturn(input: { recipient: number; kind: 'complained' | 'replied' }): Promise<boolean>;
}
