/**
 * Events of Amazon SES (Amazon SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS" and
 * "Amazon SNS notification contents"): what a configuration set publishes (`eventType`) and the older notices of an identity
 * (`notificationType`), read into one shape.
 *
 * Invariant: never throws; whatever is not of the shape is left out, lists are bounded. A failure says that the address is at fault
 * for good only where SES calls it permanent and the receiver's own words say so. Pure.
 *
 * Deliberately absent: belief. Whom an event is about follows from our own tag or Message-ID in it, which the caller proves.
 */
import { RECIPIENT_TAG } from '../core/email-tags.ts';
import type { BounceClass } from '../core/reasons.ts';
import type { ReadBounce } from './classify-return.ts';
import { readReply, stageIn } from './reply-text.ts';

const SES_KINDS = [
  'send',
  'delivered',
  'bounce',
  'delay',
  'complaint',
  'not_spam',
  'open',
  'click',
  'unsubscribe',
  'other',
] as const;
export type SesKind = (typeof SES_KINDS)[number];

export type SesRecipient = {
  email: string;
  /** Of a bounce or delay. */
  class: BounceClass;
  /** Sending to the address again is useless. */
  hard: boolean;
  suppress: boolean;
  /** RFC 3463, or null. */
  status: string | null;
  /** What the receiver said, or null. */
  reply: string | null;
};

export type SesEvent = {
  kind: SesKind;
  /** SES' own word for it, subtype included: `Bounce/Permanent/NoEmail`. */
  type: string;
  /** When it happened, in milliseconds, or null. */
  at: number | null;
  /** SES' name of the mail, or empty. */
  sesId: string;
  /** Values of our tag: those of one message. */
  tags: string[];
  /** Message-IDs that the mail had when it was given to SES. */
  messageIds: string[];
  /** Whom SES calls it about; of an open or click all whom the mail went to. */
  recipients: SesRecipient[];
  userAgent: string | null;
  link: string | null;
};

type Fields = Readonly<Record<string, unknown>>;

const MOST_RECIPIENTS = 100;
const MOST_HEADERS = 500;

const KINDS: Readonly<Record<string, SesKind>> = {
  Send: 'send',
  Delivery: 'delivered',
  Bounce: 'bounce',
  Reject: 'bounce',
  DeliveryDelay: 'delay',
  Complaint: 'complaint',
  Open: 'open',
  Click: 'click',
  Subscription: 'unsubscribe',
};

/** The member of an event that tells of it. */
const DETAILS: Readonly<Record<string, string>> = { DeliveryDelay: 'deliveryDelay' };

/** What SES means where the receiver's words do not say more. None of these may suppress. */
const SUBTYPES: Readonly<Record<string, BounceClass>> = {
  MailboxFull: 'mailbox_full',
  MessageTooLarge: 'message_too_large',
  ContentRejected: 'content_block',
  AttachmentRejected: 'content_block',
  CustomTimeoutExceeded: 'infrastructure',
  // SES did not try: the address is on a list of SES or of the account there.
  Suppressed: 'policy_block',
  OnAccountSuppressionList: 'policy_block',
  UnsubscribedRecipient: 'policy_block',
  // Of a delay.
  TransientCommunicationFailure: 'infrastructure',
  InternalFailure: 'infrastructure',
  RecipientServerError: 'infrastructure',
  IPFailure: 'reputation_block',
  SpamDetected: 'content_block',
};

/** Null: no event of SES, such as the greeting by which it tries a topic. */
export function parseSesEvent(text: string, readBounce: ReadBounce): SesEvent | null {
  const event = parseObject(text);
  const type = textOf(event?.['eventType'] ?? event?.['notificationType'], 40);
  const mail = asObject(event?.['mail']);
  if (event === null || type === null || mail === null) return null;
  const detail = asObject(event[DETAILS[type] ?? type.toLowerCase()]) ?? {};
  const kind = kindOf(type, detail);
  return {
    kind,
    type: [type, ...subtypes(detail)].join('/'),
    at: timeOf(detail['timestamp'] ?? (kind === 'send' ? mail['timestamp'] : undefined)),
    sesId: textOf(mail['messageId'], 200) ?? '',
    tags: texts(asObject(mail['tags'])?.[RECIPIENT_TAG], 200),
    messageIds: messageIds(mail),
    recipients: recipientsOf(type, kind, detail, mail, readBounce),
    userAgent: textOf(detail['userAgent'], 500),
    link: textOf(detail['link'], 2_000),
  };
}

function kindOf(type: string, detail: Fields): SesKind {
  const kind = Object.hasOwn(KINDS, type) ? KINDS[type]! : 'other';
  if (kind === 'complaint' && detail['complaintFeedbackType'] === 'not-spam') return 'not_spam';
  // Topics of a contact list are the caller's own affair; only to want nothing at all is said to the sender.
  if (kind === 'unsubscribe' && asObject(detail['newTopicPreferences'])?.['unsubscribeAll'] !== true) return 'other';
  return kind;
}

function subtypes(detail: Fields): string[] {
  const names = [
    'bounceType',
    'bounceSubType',
    'complaintSubType',
    'complaintFeedbackType',
    'delayType',
    'reason',
  ] as const;
  return names.flatMap((name) => textOf(detail[name], 60) ?? []);
}

function recipientsOf(
  type: string,
  kind: SesKind,
  detail: Fields,
  mail: Fields,
  readBounce: ReadBounce,
): SesRecipient[] {
  const about = detail['bouncedRecipients'] ?? detail['complainedRecipients'] ?? detail['delayedRecipients'];
  const named = list(about ?? detail['recipients'] ?? mail['destination']);
  return named.flatMap((one) => {
    const fields = asObject(one);
    const email = textOf(fields === null ? one : fields['emailAddress'], 400);
    if (email === null) return [];
    const status = textOf(fields?.['status'], 20);
    const said = textOf(fields?.['diagnosticCode'], 2_000)?.replace(/^smtp;\s{0,5}/i, '') ?? null;
    const reply = said ?? (kind === 'delivered' ? textOf(detail['smtpResponse'], 2_000) : null);
    const isFailure = kind === 'bounce' || kind === 'delay';
    const judged = isFailure ? judge(type, detail, status, said, readBounce) : JUDGED_NOTHING;
    return [{ email, ...judged, status, reply }];
  });
}

type Judged = Pick<SesRecipient, 'class' | 'hard' | 'suppress'>;

const JUDGED_NOTHING: Judged = { class: 'unknown', hard: false, suppress: false };

/** The receiver's words first; what SES makes of them says whether they are for good. */
function judge(
  type: string,
  detail: Fields,
  status: string | null,
  said: string | null,
  readBounce: ReadBounce,
): Judged {
  // SES found a virus in it.
  if (type === 'Reject') return { class: 'content_block', hard: true, suppress: false };
  const subtype = textOf(detail['bounceSubType'] ?? detail['delayType'], 60) ?? '';
  const known = Object.hasOwn(SUBTYPES, subtype) ? SUBTYPES[subtype]! : null;
  const isPermanent = detail['bounceType'] === 'Permanent';
  if (known === 'policy_block') return { class: known, hard: isPermanent, suppress: false };
  if (said !== null || status !== null) {
    const quoted = readReply(said ?? '');
    const enhanced = quoted.enhanced !== null && !quoted.enhanced.endsWith('.0.0') ? quoted.enhanced : status;
    const read = readBounce({ ...quoted, enhanced }, stageIn(said ?? ''));
    if (read.class !== 'unknown') {
      return { class: read.class, hard: isPermanent && read.hard, suppress: isPermanent && read.suppress };
    }
  }
  // No words that say anything, and SES knows for sure.
  if (isPermanent && subtype === 'NoEmail') return { class: 'unknown_user', hard: true, suppress: true };
  return { class: known ?? 'unknown', hard: isPermanent, suppress: false };
}

/** As given in the mail itself: `mail.messageId` is a name of SES' own. */
function messageIds(mail: Fields): string[] {
  const common = textOf(asObject(mail['commonHeaders'])?.['messageId'], 300);
  const headers = Array.isArray(mail['headers']) ? mail['headers'].slice(0, MOST_HEADERS) : [];
  const own = headers.flatMap((one) => {
    const fields = asObject(one);
    const isId = textOf(fields?.['name'], 100)?.toLowerCase() === 'message-id';
    return isId ? (textOf(fields?.['value'], 300) ?? []) : [];
  });
  return [...(common === null ? [] : [common]), ...own].map((id) => id.trim()).slice(0, 5);
}

function parseObject(text: string): Fields | null {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return null;
  }
}

function asObject(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value.slice(0, MOST_RECIPIENTS) : [];
}

function textOf(value: unknown, most: number): string | null {
  return typeof value === 'string' && value !== '' ? value.slice(0, most) : null;
}

function texts(value: unknown, most: number): string[] {
  return list(value).flatMap((one) => textOf(one, most) ?? []);
}

function timeOf(value: unknown): number | null {
  const at = typeof value === 'string' && value.length < 40 ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? null : at;
}
