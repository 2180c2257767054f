/**
 * What a mail that came in changes, once it is proven which message or recipient it is about. Pure.
 *
 * Invariant: a report counts only for an address that the proven message went to, and a notification of a delivery only from the null
 * sender (RFC 3464 §2, RFC 5321 §4.5.5). What counts for nobody is kept, with the reason why.
 *
 * Deliberately absent: the proof itself (tokens), reading the mail (returns), and what follows from an effect (returns of the store).
 */
import type { BounceClass } from './bounce.ts';
import type { ProvenKind } from './returns.ts';

export const INBOUND_KINDS = [
  'bounce',
  'delay',
  'delivered',
  'relayed',
  'complaint',
  'not_spam',
  'auth_report',
  'auto_reply',
  'unsubscribe',
  'reply',
  'other',
] as const;
export type InboundKind = (typeof INBOUND_KINDS)[number];

/** What a report says of one recipient. */
export type ReportedRecipient = {
  /** Key of the address; of a bare local part (a report may leave out the domain), that in lower case; null: none can be made of it. */
  key: string | null;
  /** The other address that the report has for the same one: whom the sender named, where mail was passed on. */
  alias: string | null;
  class: BounceClass | null;
  status: string | null;
  action: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded' | null;
  hard: boolean;
  suppress: boolean;
  /** The words of the remote server, or an empty string. */
  said: string;
};

/** A mail as its reader understood it. */
export type ReadInbound = {
  kind: InboundKind;
  form: 'dsn' | 'arf' | 'free_form' | null;
  recipients: ReportedRecipient[];
  reportingMta: string | null;
  from: { email: string; key: string | null; name: string | null } | null;
  subject: string;
  /** Its own msg-id with angle brackets, or null. */
  messageId: string | null;
  /** Msg-ids of what it answers: In-Reply-To, then References from the last one on. */
  answers: string[];
  /** Msg-ids of the message that it returns. */
  returns: string[];
  /** A program wrote it in a person's place (RFC 3834), or passed it on to many. */
  isAutomatic: boolean;
  /** Whether its Return-Path is the null sender; null where it has none. */
  isFromNobody: boolean | null;
  /** What a person reads, cut. */
  text: string | null;
};

/** By what a mail proved itself: an address that only the recipient's copy had, or a msg-id of ours. */
export type ProofKind = 'return_path' | 'reply_address' | 'unsubscribe_address' | 'message_id';

export type InboundEffect = {
  /** Which of the recipients given. */
  recipient: number;
  kind: ProvenKind;
  class: BounceClass;
  hard: boolean | null;
  suppress: boolean | null;
  status: string | null;
  said: string | null;
};

/** Why a mail changed nothing. */
export const KEPT_FOR = [
  'unreadable',
  'sender_not_null',
  'names_another',
  'from_another',
  'automatic',
  'without_effect',
  'wrong_address',
  'too_late',
  'known',
  'not_left',
] as const;
export type KeptFor = (typeof KEPT_FOR)[number];

export type InboundJudgement = { effects: InboundEffect[]; why: KeptFor | null };

/** Reports of a delivery come while servers keep a message; RFC 5321 §4.5.4.1 has them give up after four to five days. */
export const REPORTS_WITHIN_MS = 45 * 86_400_000;

/**
 * `recipients`: the one that the proof names, or all of the message. `isNullSender`: of the envelope; null where there was none.
 */
export function judgeInbound(
  proof: ProofKind,
  isNullSender: boolean | null,
  mail: ReadInbound,
  recipients: readonly { key: string }[],
): InboundJudgement {
  if (proof === 'unsubscribe_address') {
    const isPersons = isNullSender !== true && !mail.isAutomatic && mail.form === null && mail.kind !== 'auto_reply';
    return isPersons ? effectOn(0, 'unsubscribe') : kept('automatic');
  }
  if (mail.form !== null || REPORTS.has(mail.kind)) {
    if (proof === 'reply_address') return kept('wrong_address');
    return mail.form === 'arf' ? judgeFeedback(mail, recipients) : judgeDelivery(isNullSender, mail, recipients);
  }
  return judgeLetter(proof, isNullSender, mail, recipients);
}

const REPORTS: ReadonlySet<InboundKind> = new Set([
  'bounce',
  'delay',
  'delivered',
  'relayed',
  'complaint',
  'not_spam',
  'auth_report',
]);

const kept = (why: KeptFor): InboundJudgement => ({ effects: [], why });

function effectOn(recipient: number, kind: ProvenKind): InboundJudgement {
  const nothing = { class: 'unknown', hard: null, suppress: null, status: null, said: null } as const;
  return { effects: [{ recipient, kind, ...nothing }], why: null };
}

/** Complaints alone count: not-spam and failed authentication say nothing of the address (RFC 6430, RFC 6591). */
function judgeFeedback(mail: ReadInbound, recipients: readonly { key: string }[]): InboundJudgement {
  if (mail.kind !== 'complaint') return kept('without_effect');
  const named = mail.recipients.filter(({ key }) => key !== null && !isRedacted(key));
  // Many feedback loops black out the address; then the proof alone says who.
  if (named.length === 0) return recipients.length === 1 ? effectOn(0, 'complaint') : kept('names_another');
  const found = recipients.findIndex(({ key }) => named.some((one) => one.key === key));
  return found === -1 ? kept('names_another') : effectOn(found, 'complaint');
}

function isRedacted(key: string): boolean {
  return /^(?:redacted|hidden|undisclosed|anonymous|x{3,64}|\*{1,64})/.test(key);
}

function judgeDelivery(
  isNullSender: boolean | null,
  mail: ReadInbound,
  recipients: readonly { key: string }[],
): InboundJudgement {
  if (isNullSender === false) return kept('sender_not_null');
  // A report that names nobody is about the one that the proof names.
  if (mail.recipients.length === 0) {
    if (mail.kind !== 'bounce' || recipients.length !== 1) return kept('without_effect');
    const nothing = { status: null, said: mail.text } as const;
    return {
      effects: [{ recipient: 0, kind: 'bounce', class: 'unknown', hard: false, suppress: false, ...nothing }],
      why: null,
    };
  }
  const effects: InboundEffect[] = [];
  let isNamed = false;
  for (const [recipient, { key }] of recipients.entries()) {
    const said = mail.recipients.find((one) => isSame(one.key, key) || isSame(one.alias, key));
    isNamed ||= said !== undefined;
    const kind = said === undefined ? null : kindOf(said.action);
    if (said === undefined || kind === null) continue;
    const { hard, suppress, status } = said;
    effects.push({ recipient, kind, class: said.class ?? 'unknown', hard, suppress, status, said: said.said || null });
  }
  if (effects.length > 0) return { effects, why: null };
  return kept(isNamed ? 'without_effect' : 'names_another');
}

/** A name without a domain is one of the reporter's own users. */
function isSame(named: string | null, key: string): boolean {
  if (named === null) return false;
  return named.includes('@') ? named === key : named === key.slice(0, key.lastIndexOf('@'));
}

/** What was passed on, or expanded to a list, says nothing of whether it arrived (RFC 3464 §2.3.3). */
function kindOf(action: ReportedRecipient['action']): ProvenKind | null {
  if (action === 'failed') return 'bounce';
  if (action === 'delayed') return 'delayed';
  return action === 'delivered' ? 'delivered' : null;
}

function judgeLetter(
  proof: ProofKind,
  isNullSender: boolean | null,
  mail: ReadInbound,
  recipients: readonly { key: string }[],
): InboundJudgement {
  const isProgram = isNullSender === true || mail.isAutomatic || mail.kind === 'auto_reply';
  const writer = writerOf(mail, recipients);
  if (isProgram) {
    // Notes of people who are away come to the return path (RFC 3834 §4), whatever address they are written from.
    const about = proof === 'return_path' ? 0 : writer;
    if (about === null) return kept('from_another');
    return isNullSender === true && mail.kind === 'other' && !mail.isAutomatic
      ? kept('without_effect')
      : effectOn(about, 'auto_reply');
  }
  if (writer === null) return kept('from_another');
  return effectOn(writer, mail.kind === 'unsubscribe' ? 'unsubscribe' : 'reply');
}

/**
 * Who wrote: the recipient with this address, else the only one in its domain, since people answer from aliases and shared mailboxes
 * of their own house. Anybody else had the mail passed on, and is nobody that it went to.
 */
function writerOf({ from }: ReadInbound, recipients: readonly { key: string }[]): number | null {
  if (from === null || from.key === null) return null;
  const exact = recipients.findIndex(({ key }) => key === from.key);
  if (exact !== -1) return exact;
  const domain = domainOf(from.key);
  const near = recipients.flatMap(({ key }, i) => (domainOf(key) === domain ? [i] : []));
  return near.length === 1 ? near[0]! : null;
}

function domainOf(key: string): string {
  return key.slice(key.lastIndexOf('@') + 1);
}
