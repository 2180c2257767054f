/**
 * What a mail that came back is, whom it is about, and what it says of each: the one door to the parsers of this folder.
 *
 * Invariant: never throws, whatever the octets; time and memory bounded by those of `parseMime`. An address is to be suppressed only
 * where a report of a failure says that the recipient's own address is at fault for good, or where a person complained.
 *
 * Deliberately absent: proof. A mail can say anything about anyone; what it says counts only for a message that the one who takes it
 * in has matched by other means. What replies mean is given by the caller, since the table is that of delivery.
 */
import type { Bounce, BounceClass } from '../core/bounce.ts';
import type { InboundKind } from '../core/inbound.ts';
import { addressOfField, isSameAddress } from './addresses.ts';
import { complainantOf, type Feedback, isFeedbackReport, parseArf } from './arf.ts';
import { hasAutoReplySubject, isAutoReply } from './auto-reply.ts';
import { type DsnAction, type DsnRecipient, isDeliveryStatus, looksLikeDsn, parseDsn } from './dsn.ts';
import type { FormKind, Forms } from './forms.ts';
import {
  formKind,
  hasNullSender,
  isFromMailSystem,
  lineAbout,
  namedRecipients,
  type OwnWords,
  outerParts,
  ownWords,
  replyPassages,
} from './free-form.ts';
import { isMessage, type MimePart, parseMime } from './mime.ts';
import {
  enhancedIn,
  namesRecipient,
  type QuotedReply,
  type QuotedStage,
  readReply,
  stageIn,
  transcriptReply,
} from './reply-text.ts';
import { parseSesNotice } from './ses-notice.ts';

export type InboundRecipient = {
  /** The address as the report has it, in most cases with a domain. */
  email: string;
  /** Of a bounce or delay; null for all else. */
  class: BounceClass | null;
  /** RFC 3463, as the report or the quoted reply has it, or null. */
  status: string | null;
  /** RFC 3464 §2.3.3, or null where nothing was said about a delivery. */
  action: DsnAction | null;
  /** Sending to the address again is useless. */
  hard: boolean;
  /** The address should be suppressed, if the report proves to be ours. */
  suppress: boolean;
};

export type Inbound = {
  kind: InboundKind;
  /** By which form it was read; null for what is no report. */
  form: 'dsn' | 'arf' | 'free_form' | null;
  /** Those whom it names; a bounce that names nobody has none. */
  recipients: InboundRecipient[];
};

/** What was said, before it is known of whom. */
type Said = Omit<InboundRecipient, 'email'> & { email: string | null };

/** What a reply means: `classify` of the relay with its table. */
export type ReadBounce = (reply: QuotedReply, stage: QuotedStage | null) => Bounce;
export type Knowledge = { readBounce: ReadBounce; forms: Forms };

export function classifyReturn(octets: Uint8Array, knowledge: Knowledge): Inbound {
  return classifyMail(parseMime(octets), knowledge);
}

/** The same of a mail that is parsed already. */
export function classifyMail(root: MimePart, { readBounce, forms }: Knowledge): Inbound {
  const knowledge = { readBounce: remembering(readBounce), forms };
  return asReport(root, knowledge) ?? nestedReport(root, knowledge) ?? asLetter(root);
}

/** Recipients of one mail share most of its words, and each reading goes through the whole table. */
function remembering(readBounce: ReadBounce): ReadBounce {
  const known = new Map<string, Bounce>();
  return (reply, stage) => {
    const key = `${stage} ${reply.code} ${reply.enhanced} ${reply.text}`;
    const bounce = known.get(key) ?? readBounce(reply, stage);
    known.set(key, bounce);
    return bounce;
  };
}

function asReport(root: MimePart, knowledge: Knowledge): Inbound | null {
  const formal = asFeedback(root, knowledge) ?? asDsn(root, knowledge) ?? asSesNotice(root, knowledge);
  if (formal !== null) return formal;
  const free = asFreeForm(root, knowledge);
  if (free === null) return null;
  // A gateway that wraps the report of another says nothing by itself.
  const { text } = ownWords(root, knowledge.forms);
  const isEmpty = free.recipients.every((one) => one.class === 'unknown' || !text.includes(one.email));
  return (isEmpty ? nestedReport(root, knowledge) : null) ?? free;
}

function asSesNotice(root: MimePart, knowledge: Knowledge): Inbound | null {
  const text = root.type === 'text/plain' ? root.text : '';
  const notice = text.trimStart().startsWith('{') ? parseSesNotice(text) : null;
  if (notice === null) return null;
  const { kind, recipients } = notice;
  if (kind === 'complaint' || kind === 'not_spam') {
    return feedback({ kind, type: kind, recipients: recipients.map((one) => one.finalRecipient ?? '') });
  }
  const read = recipients.map((one) => judged(one, one.finalRecipient, '', knowledge));
  return { kind, form: 'dsn', recipients: withAddress(read) };
}

/** A report that was passed on as an attachment, by a gateway or a person. */
function nestedReport(root: MimePart, knowledge: Knowledge): Inbound | null {
  for (const part of outerParts(root)) {
    const inner = isMessage(part.type) ? part.parts[0] : undefined;
    if (inner !== undefined)
      return asFeedback(inner, knowledge) ?? asDsn(inner, knowledge) ?? nestedReport(inner, knowledge);
  }
  return null;
}

function asFeedback(root: MimePart, { forms }: Knowledge): Inbound | null {
  const parts = outerParts(root);
  const returned = parts.find((part) => isMessage(part.type))?.parts[0] ?? null;
  const { original } = ownWords(root, forms);
  const report = parts.find(isFeedbackReport);
  if (report !== undefined) return feedback(parseArf(report.text, original));
  const complainant = returned === null ? null : complainantOf(returned);
  return complainant === null ? null : feedback({ kind: 'complaint', type: 'abuse', recipients: [complainant] });
}

function feedback({ kind, recipients }: Feedback): Inbound {
  const suppress = kind === 'complaint';
  const none = { class: null, status: null, action: null, hard: false };
  return { kind, form: 'arf', recipients: recipients.map((email) => ({ email, ...none, suppress })) };
}

function asDsn(root: MimePart, knowledge: Knowledge): Inbound | null {
  const parts = outerParts(root);
  const reports = parts.filter(isDeliveryStatus);
  const texts =
    reports.length > 0 ? reports : parts.filter((part) => part.type.startsWith('text/') && looksLikeDsn(part.text));
  const read = texts.flatMap((part) => parseDsn(part.text));
  if (read.length === 0) return null;
  const words = ownWords(root, knowledge.forms);
  const named = namedRecipients(root, words, knowledge.forms);
  const recipients = read.map((recipient) => {
    const email = emailOf(recipient, read.length === 1 ? (named[0]?.email ?? null) : null);
    const about =
      read.length === 1
        ? words.text
        : (named.find((one) => email !== null && isSameAddress(one.email, email))?.about ?? '');
    return judged(recipient, email, about, knowledge);
  });
  return { kind: kindOf(recipients), form: 'dsn', recipients: withAddress(recipients) };
}

function emailOf({ finalRecipient, originalRecipient }: DsnRecipient, fallback: string | null): string | null {
  const known = [finalRecipient, originalRecipient, fallback];
  return known.find((address) => address?.includes('@') === true) ?? finalRecipient ?? originalRecipient ?? null;
}

function judged(recipient: DsnRecipient, email: string | null, about: string, knowledge: Knowledge): Said {
  const action = recipient.action ?? (recipient.status?.startsWith('2') ? 'delivered' : 'failed');
  if (action !== 'failed' && action !== 'delayed') {
    return { email, class: null, status: recipient.status, action, hard: false, suppress: false };
  }
  const transcript = transcriptReply(about);
  const passages = [recipient.diagnostic, transcript?.reply ?? '', ...replyPassages(about), about];
  const said = stageIn(recipient.diagnostic) ?? transcript?.stage ?? stageIn(about);
  const stage = said ?? (namesRecipient(recipient.diagnostic) ? 'rcpt' : null);
  return verdict(email, action, passages, stage, recipient.status, knowledge);
}

/** The first passage that says anything decides, since the surest stand first. */
function verdict(
  email: string | null,
  action: 'failed' | 'delayed',
  passages: readonly string[],
  stage: QuotedStage | null,
  reported: string | null,
  { readBounce }: Knowledge,
): Said {
  let bounce: Bounce | null = null;
  let status = reported;
  for (const passage of new Set(passages)) {
    if (passage.trim() === '') continue;
    const reply = readReply(passage);
    // What the remote server said is more exact than what the reporter made of it, but for a code that says nothing.
    const enhanced = reply.enhanced !== null && !reply.enhanced.endsWith('.0.0') ? reply.enhanced : reported;
    bounce = readBounce({ ...reply, enhanced }, stage);
    if (status === null || bounce.class !== 'unknown') status = enhanced ?? reply.enhanced;
    if (bounce.class !== 'unknown') break;
  }
  if (bounce === null || bounce.class === 'unknown')
    bounce = readBounce({ code: null, enhanced: reported, text: '' }, stage);
  const isFinal = action === 'failed' && !reported?.startsWith('4');
  const isDoubted = bounce.suppress && passages.some((passage) => saysFull(passage, readBounce));
  return {
    email,
    class: isDoubted ? 'mailbox_full' : bounce.class,
    status,
    action,
    hard: isFinal && bounce.hard && !isDoubted,
    suppress: isFinal && bounce.suppress && !isDoubted,
  };
}

/** A mailbox that is full somewhere on the page is a mailbox: then nobody is suppressed, whatever the code says. */
function saysFull(passage: string, readBounce: ReadBounce): boolean {
  return (
    passage.trim() !== '' && readBounce({ code: null, enhanced: null, text: passage }, null).class === 'mailbox_full'
  );
}

function withAddress(recipients: readonly Said[]): InboundRecipient[] {
  return recipients.flatMap(({ email, ...said }) => (email === null ? [] : [{ email, ...said }]));
}

function kindOf(recipients: readonly Said[]): InboundKind {
  const has = (action: DsnAction) => recipients.some((recipient) => recipient.action === action);
  if (has('failed')) return 'bounce';
  if (has('delayed')) return 'delay';
  return has('delivered') ? 'delivered' : 'relayed';
}

function asFreeForm(root: MimePart, knowledge: Knowledge): Inbound | null {
  const words = ownWords(root, knowledge.forms);
  const subject = root.headers.text('subject');
  const kind = freeFormKind(root, subject, words, knowledge.forms);
  if (kind === null) return null;
  const named = namedRecipients(root, words, knowledge.forms);
  const recipients = named.map(({ email, about }): Said => {
    if (kind === 'delivered' || kind === 'relayed') {
      return { email, class: null, status: enhancedIn(about), action: kind, hard: false, suppress: false };
    }
    const whole = named.length === 1 || about === '' ? words.text : about;
    const transcript = transcriptReply(about === '' ? whole : about) ?? transcriptReply(whole);
    const own = named.length > 1 ? lineAbout(email, about) : '';
    const passages = [
      own,
      transcript?.reply ?? '',
      ...replyPassages(about),
      about,
      ...replyPassages(whole),
      whole,
      subject,
    ];
    const stage = transcript?.stage ?? stageIn(about) ?? stageIn(whole);
    return verdict(email, kind === 'delay' ? 'delayed' : 'failed', passages, stage, null, knowledge);
  });
  return { kind, form: 'free_form', recipients: withAddress(recipients) };
}

/** The subject speaks before the text, and from someone who is no mail system neither is believed alone. */
function freeFormKind(root: MimePart, subject: string, words: OwnWords, forms: Forms): FormKind | null {
  const said = formKind(subject, words.text, forms);
  const late = said.text === 'delay' || said.subject === 'delay';
  if (root.headers.has('x-failed-recipients')) return late ? 'delay' : 'bounce';
  if (!isFromMailSystem(root, forms)) {
    if (said.text === null || isAnswer(root)) return null;
    if (said.subject !== null) return late ? 'delay' : said.subject;
    const hasEvidence = words.original.size > 0 || replyPassages(words.text).length > 0;
    return hasEvidence && hasNullSender(root) && !isAutoReply(root) ? said.text : null;
  }
  if (said.subject === null) return hasAutoReplySubject(root) || isPlainAutoReply(root, said.text) ? null : said.text;
  return said.subject === 'bounce' && said.text === 'delay' ? 'delay' : said.subject;
}

function isPlainAutoReply(root: MimePart, text: FormKind | null): boolean {
  return text !== 'bounce' && isAutoReply(root);
}

/** Whether it answers another mail: people write about bounces that they got. Those who pass one on show it as it was. */
function isAnswer({ headers }: MimePart): boolean {
  return /^\s{0,9}(?:re|aw|sv|antw)\s{0,2}:/i.test(headers.text('subject'));
}

/** What a person wrote, or a program in their place. */
function asLetter(root: MimePart): Inbound {
  const from = addressOfField(root.headers.text('from'));
  const none = { class: null, status: null, action: null, hard: false, suppress: false };
  return { kind: letterKind(root), form: null, recipients: withAddress([{ email: from, ...none }]) };
}

function letterKind(root: MimePart): InboundKind {
  const { headers } = root;
  const isReceipt = outerParts(root).some((part) => part.type === 'message/disposition-notification');
  if (isReceipt || isAutoReply(root)) return 'auto_reply';
  const subject = headers.text('subject').toLowerCase().trim();
  if (/^unsubscribe\b|^(?:remove|opt[ -]?out)$/.test(subject)) return 'unsubscribe';
  if (headers.has('in-reply-to') || headers.has('references') || /^(?:re|aw|sv|antw)\s{0,2}:/.test(subject))
    return 'reply';
  return 'other';
}
