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

/** JSON leaves out what is undefined, and escapes line ends. */
export function contentText(submission: Submission): string {
  const { text, html, shown } = submission;
  const frame: { [Key in keyof Frame]: Frame[Key] | undefined } = {
    from: submission.from === null ? undefined : addressText(submission.from),
    to: addressTexts(submission.to),
    cc: addressTexts(submission.cc),
    bcc: addressTexts(submission.bcc),
    shown: shown === undefined ? undefined : [shown.to.map(addressText), shown.cc.map(addressText)],
    replyTo: addressTexts(submission.replyTo),
    subject: submission.subject,
    text: text?.length,
    html: html?.length,
    template: submission.template ?? undefined,
    attachments: some(submission.attachments),
    headers: some(submission.headers),
    tags: some(submission.tags),
    metadata: some(submission.metadata),
    kind: submission.kind === 'transactional' ? undefined : submission.kind,
    identity: submission.identity ?? undefined,
    threadId: submission.threadId ?? undefined,
    inReplyTo: submission.inReplyTo ?? undefined,
    references: some(submission.references),
    agent: submission.agent ?? undefined,
    leaseToken: submission.leaseToken ?? undefined,
    purpose: submission.purpose ?? undefined,
    dedupeKey: submission.dedupeKey ?? undefined,
    onDuplicate: submission.onDuplicate === 'replay' ? undefined : submission.onDuplicate,
    sendAt: submission.sendAt ?? undefined,
    onLimit: submission.onLimit === 'reject' ? undefined : submission.onLimit,
    expiresAt: submission.expiresAt ?? undefined,
  };
  return `${JSON.stringify(frame)}${FRAME_END}${text ?? ''}${html ?? ''}`;
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

function some<Element>(list: Element[]): Element[] | undefined {
  return list.length === 0 ? undefined : list;
}

function addressTexts(addresses: readonly Address[]): AddressText[] | undefined {
  return addresses.length === 0 ? undefined : addresses.map(addressText);
}

function addressText({ email, name, key, domain, isMixedScript }: Address): AddressText {
  if (name === null && key === email && domain === domainIn(email) && isMixedScript === undefined) return email;
  return isMixedScript === undefined ? [email, name, key, domain] : [email, name, key, domain, isMixedScript];
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
