/**
 * The text of a submission as it is stored, and from which its fingerprint is made: one line of JSON, then the bodies as
 * they are. Escaping two kilobytes of text cost more than all the rest of reading a request.
 *
 * The line tells the bodies apart by their lengths in UTF-16 units. Fields at their default are left out, so that a new
 * field with a default changes no older text. Invariant: what is read is what was written, and different submissions have
 * different texts. Deliberately absent: a reading of damaged texts; those throw, and whoever may meet one catches it.
 */
import type { Address, Submission } from './message.ts';

/** An address alone where the rest follows from it. */
type AddressText = string | [email: string, name: string | null, key: string, domain: string, isMixedScript?: true];

type Frame = Partial<Omit<Submission, 'from' | 'to' | 'cc' | 'bcc' | 'shown' | 'replyTo' | 'text' | 'html'>> & {
  from?: AddressText;
  to?: AddressText[];
  cc?: AddressText[];
  bcc?: AddressText[];
  shown?: [to: AddressText[], cc: AddressText[]];
  replyTo?: AddressText[];
  text?: number;
  html?: number;
};

const FRAME_END = '\n';

/** JSON escapes line ends. */
export function contentText(submission: Submission): string {
  const { text, html } = submission;
  return `${JSON.stringify(frameOf(submission))}${FRAME_END}${text ?? ''}${html ?? ''}`;
}

/** Member by member: an object with all of them, most undefined, took twice as long to make and to write. Their order is that of the text. */
function frameOf(submission: Submission): Frame {
  const { from, to, cc, bcc, shown, replyTo, text, html, template, attachments, headers, tags, metadata } = submission;
  const { kind, identity, threadId, inReplyTo, references, agent, leaseToken, purpose, dedupeKey } = submission;
  const { onDuplicate, sendAt, onLimit, expiresAt } = submission;
  const frame: Frame = {};
  if (from !== null) frame.from = addressText(from);
  if (to.length > 0) frame.to = addressTexts(to);
  if (cc.length > 0) frame.cc = addressTexts(cc);
  if (bcc.length > 0) frame.bcc = addressTexts(bcc);
  if (shown !== undefined) frame.shown = [addressTexts(shown.to), addressTexts(shown.cc)];
  if (replyTo.length > 0) frame.replyTo = addressTexts(replyTo);
  frame.subject = submission.subject;
  if (text !== null) frame.text = text.length;
  if (html !== null) frame.html = html.length;
  if (template !== null) frame.template = template;
  if (attachments.length > 0) frame.attachments = attachments;
  if (headers.length > 0) frame.headers = headers;
  if (tags.length > 0) frame.tags = tags;
  if (metadata.length > 0) frame.metadata = metadata;
  if (kind !== 'transactional') frame.kind = kind;
  if (identity !== null) frame.identity = identity;
  if (threadId !== null) frame.threadId = threadId;
  if (inReplyTo !== null) frame.inReplyTo = inReplyTo;
  if (references.length > 0) frame.references = references;
  if (agent !== null) frame.agent = agent;
  if (leaseToken !== null) frame.leaseToken = leaseToken;
  if (purpose !== null) frame.purpose = purpose;
  if (dedupeKey !== null) frame.dedupeKey = dedupeKey;
  if (onDuplicate !== 'replay') frame.onDuplicate = onDuplicate;
  if (sendAt !== null) frame.sendAt = sendAt;
  if (onLimit !== 'reject') frame.onLimit = onLimit;
  if (expiresAt !== null) frame.expiresAt = expiresAt;
  return frame;
}

/** Throws on anything that `contentText` has not written. */
export function readContentText(stored: string): Submission {
  const end = stored.indexOf(FRAME_END);
  const frame = JSON.parse(stored.slice(0, end)) as Frame;
  const textEnd = end + 1 + (frame.text ?? 0);
  const htmlEnd = textEnd + (frame.html ?? 0);
  if (end < 0 || htmlEnd !== stored.length) throw new Error('a stored text is not as long as it says');
  return {
    from: frame.from === undefined ? null : readAddress(frame.from),
    to: readAddresses(frame.to),
    cc: readAddresses(frame.cc),
    bcc: readAddresses(frame.bcc),
    ...(frame.shown === undefined
      ? {}
      : { shown: { to: readAddresses(frame.shown[0]), cc: readAddresses(frame.shown[1]) } }),
    replyTo: readAddresses(frame.replyTo),
    subject: frame.subject ?? '',
    text: frame.text === undefined ? null : stored.slice(end + 1, textEnd),
    html: frame.html === undefined ? null : stored.slice(textEnd, htmlEnd),
    template: frame.template ?? null,
    attachments: frame.attachments ?? [],
    headers: frame.headers ?? [],
    tags: frame.tags ?? [],
    metadata: frame.metadata ?? [],
    kind: frame.kind ?? 'transactional',
    identity: frame.identity ?? null,
    threadId: frame.threadId ?? null,
    inReplyTo: frame.inReplyTo ?? null,
    references: frame.references ?? [],
    agent: frame.agent ?? null,
    leaseToken: frame.leaseToken ?? null,
    purpose: frame.purpose ?? null,
    dedupeKey: frame.dedupeKey ?? null,
    onDuplicate: frame.onDuplicate ?? 'replay',
    sendAt: frame.sendAt ?? null,
    onLimit: frame.onLimit ?? 'reject',
    expiresAt: frame.expiresAt ?? null,
  };
}

function addressTexts(addresses: readonly Address[]): AddressText[] {
  const texts: AddressText[] = [];
  for (const address of addresses) texts.push(addressText(address));
  return texts;
}

function addressText({ email, name, key, domain, isMixedScript }: Address): AddressText {
  if (name === null && key === email && isDomainIn(email, domain) && isMixedScript === undefined) return email;
  return isMixedScript === undefined ? [email, name, key, domain] : [email, name, key, domain, isMixedScript];
}

/** Whether it is what stands behind the last "@", without cutting that out. */
function isDomainIn(email: string, domain: string): boolean {
  return email.lastIndexOf('@') === email.length - domain.length - 1 && email.endsWith(domain);
}

function readAddresses(texts: readonly AddressText[] = []): Address[] {
  return texts.map(readAddress);
}

function readAddress(text: AddressText): Address {
  if (typeof text === 'string') return { email: text, name: null, key: text, domain: domainIn(text) };
  const [email, name, key, domain, isMixedScript] = text;
  return { email, name, key, domain, ...(isMixedScript === undefined ? {} : { isMixedScript }) };
}

function domainIn(email: string): string {
  return email.slice(email.lastIndexOf('@') + 1);
}
