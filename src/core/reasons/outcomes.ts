/**
 * What can become of a recipient after acceptance, and why a server refused one. These are told in events and on the
 * recipient; they have no HTTP status.
 */

import type { Fault } from './entry.ts';

export type OutcomeEntry = {
  code: string;
  title: string;
  /** Whether it closes the recipient: nothing but a late bounce or what people do can follow. */
  closes: boolean;
  explanation: string;
};

export const OUTCOMES = {
  sent: {
    code: 'sent',
    title: 'Sent',
    closes: false,
    explanation: 'The next hop took the message. Where that is a provider, its report of delivery or bounce follows.',
  },
  delivered: {
    code: 'delivered',
    title: 'Delivered',
    closes: true,
    explanation:
      "The recipient's server took the message. Which folder it went to is not known. A late bounce may still follow; it is marked `after_delivered`.",
  },
  deferred: {
    code: 'deferred',
    title: 'Deferred',
    closes: false,
    explanation:
      'The server said "not now", or could not be reached. Postern tries again by itself; the event says when and why. Do not send the message again.',
  },
  bounced: {
    code: 'bounced',
    title: 'Bounced',
    closes: true,
    explanation:
      'A server refused this recipient for good, at once or by a bounce report that proves which message it is about. It is `hard` when the address itself is at fault, else `soft`. The class says why.',
  },
  complained: {
    code: 'complained',
    title: 'Complained',
    closes: false,
    explanation:
      'The recipient reported the message as spam. The address is suppressed and nobody lifts that. Find out why the message was not wanted.',
  },
  replied: {
    code: 'replied',
    title: 'Replied',
    closes: false,
    explanation: 'A person answered. Cooldown and streak of the contact start anew.',
  },
  auto_replied: {
    code: 'auto_replied',
    title: 'Automatic reply',
    closes: false,
    explanation: 'A machine answered, for example an out-of-office notice. It does not count as a reply.',
  },
  unsubscribed: {
    code: 'unsubscribed',
    title: 'Unsubscribed',
    closes: false,
    explanation: 'The recipient unsubscribed. Only the recipient can undo that.',
  },
  opened: {
    code: 'opened',
    title: 'Opened',
    closes: false,
    explanation:
      'The tracking image was fetched. Many mail programs fetch images by themselves, so this does not prove that a person looked. It happens only where the policy turns tracking on.',
  },
  clicked: {
    code: 'clicked',
    title: 'Clicked',
    closes: false,
    explanation:
      'A tracked link was followed. Security software follows links too. It happens only where the policy turns tracking on.',
  },
  failed: {
    code: 'failed',
    title: 'Failed',
    closes: true,
    explanation:
      'Postern gave up, and no server has judged the recipient: for example no provider could be reached until the end. The address is not suppressed.',
  },
  expired: {
    code: 'expired',
    title: 'Expired',
    closes: true,
    explanation: 'The message did not leave, or was deferred, until `expires_at`. It is not tried again.',
  },
  cancelled: {
    code: 'cancelled',
    title: 'Cancelled',
    closes: true,
    explanation: 'The message was cancelled before it left, or its hold was rejected.',
  },
  uncertain: {
    code: 'uncertain',
    title: 'Uncertain',
    closes: false,
    explanation:
      'The whole message was on its way and no complete answer came, so nobody knows whether the server took it. The policy decides: `resend` with the same Message-ID, or `hold`. Postern never fails over to another provider from here.',
  },
} as const satisfies Record<string, OutcomeEntry>;

export type OutcomeCode = keyof typeof OUTCOMES;

export type BounceClassEntry = {
  code: string;
  title: string;
  fault: Fault;
  explanation: string;
};

/** Only classes with the fault `recipient` may lead to a suppression. */
export const BOUNCE_CLASSES = {
  unknown_user: {
    code: 'unknown_user',
    title: 'Unknown user',
    fault: 'recipient',
    explanation: 'There is no such mailbox at this domain, or it has been closed.',
  },
  domain_not_found: {
    code: 'domain_not_found',
    title: 'Domain not found',
    fault: 'recipient',
    explanation: 'The domain does not exist or takes no mail.',
  },
  mailbox_full: {
    code: 'mailbox_full',
    title: 'Mailbox full',
    fault: 'recipient',
    explanation: 'The mailbox exists but has no room. It may be abandoned, or be emptied tomorrow.',
  },
  mailbox_disabled: {
    code: 'mailbox_disabled',
    title: 'Mailbox disabled',
    fault: 'recipient',
    explanation: 'The mailbox exists but has been switched off or not been used for long.',
  },
  policy_block: {
    code: 'policy_block',
    title: 'Refused by policy',
    fault: 'receiver',
    explanation: 'A rule of the receiver refuses the message, such as a list of allowed senders.',
  },
  reputation_block: {
    code: 'reputation_block',
    title: 'Refused for reputation',
    fault: 'operator',
    explanation: 'The receiver distrusts the sending address or domain, or it is on a block list.',
  },
  rate_limited: {
    code: 'rate_limited',
    title: 'Rate limited',
    fault: 'operator',
    explanation: 'The receiver got too many messages or connections in a short time.',
  },
  greylisted: {
    code: 'greylisted',
    title: 'Greylisted',
    fault: 'receiver',
    explanation: 'The receiver asks everybody it does not know to come again later. Postern does so by itself.',
  },
  content_block: {
    code: 'content_block',
    title: 'Refused for content',
    fault: 'caller',
    explanation: 'The receiver takes the content for spam, a virus or otherwise unwanted.',
  },
  message_too_large: {
    code: 'message_too_large',
    title: 'Message too large',
    fault: 'caller',
    explanation: 'The message is larger than the receiver takes.',
  },
  auth_failure: {
    code: 'auth_failure',
    title: 'Authentication failed',
    fault: 'tenant',
    explanation: 'SPF, DKIM or DMARC did not pass, or the provider refused the log-in.',
  },
  tls_failure: {
    code: 'tls_failure',
    title: 'Encryption failed',
    fault: 'operator',
    explanation: 'No encrypted connection could be made where one was required, by this side or by the other.',
  },
  infrastructure: {
    code: 'infrastructure',
    title: 'Technical failure',
    fault: 'receiver',
    explanation: 'A server or the network on the way failed: no connection, no DNS answer, an internal error.',
  },
  protocol_error: {
    code: 'protocol_error',
    title: 'Protocol error',
    fault: 'gateway',
    explanation: 'The two servers did not understand each other: a command or the form of the message was refused.',
  },
  unknown: {
    code: 'unknown',
    title: 'Not classified',
    fault: 'receiver',
    explanation: 'The reply does not say enough. It never leads to a suppression.',
  },
} as const satisfies Record<string, BounceClassEntry>;

export type BounceClass = keyof typeof BOUNCE_CLASSES;
