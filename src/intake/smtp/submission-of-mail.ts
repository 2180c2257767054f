/**
 * A submitted mail and its envelope as the body of a submission: what it says is kept, how it was written down is not.
 *
 * The envelope says who gets it; the header says what To and Cc show, and as what a recipient counts. Headers that Postern writes
 * itself are left out, `X-Postern-*` are read, and the client's Message-ID goes on as X-Original-Message-ID, since an answer must
 * name one that this gateway has signed. Deliberately absent: judging; the reader of submissions does that.
 */
import { readMailbox } from '../../base/address.ts';
import type { Issue } from '../../core/explain.ts';
import type { Address } from '../../core/message.ts';
import { FieldErrors, type Fields } from '../field-errors.ts';
import { isOwnedHeader, MailHeaders } from '../headers.ts';
import { messageIdsIn, ORIGINAL_ID } from '../message-ids.ts';
import type { Mail, MailAddress, MailFile } from './mail.ts';
import { isPosternHeader, readPosternHeaders } from './postern-headers.ts';

export type Envelope = {
  /** Empty: the null path. */
  mailFrom: string;
  recipients: readonly Address[];
  /** The handle that the client has logged in with, or null. */
  identity: string | null;
};

export type MailSubmission =
  | { ok: true; body: Fields; shown: { to: Address[]; cc: Address[] } | null; idempotencyKey: string | null }
  | { ok: false; errors: Issue[] }
  /** Not exactly one From. */
  | { ok: false; sender: string };

const NO_SUBJECT = '(no subject)';

export function submissionOfMail(mail: Mail, envelope: Envelope): MailSubmission {
  if (mail.fromFields > 1 || mail.from.length > 1) return { ok: false, sender: 'a mail has one From with one address' };
  const errors = new FieldErrors();
  const own = readPosternHeaders(mail.headers, errors);
  if (own.identity !== null && envelope.identity !== null && own.identity !== envelope.identity) {
    errors.invalid('headers.X-Postern-Identity', 'It names another identity than the one that has logged in.');
  }
  if (errors.list.length > 0) return { ok: false, errors: errors.list };
  const { to, cc, bcc, shown } = audienceOf(mail, envelope.recipients);
  const body = {
    from: senderOf(mail, envelope),
    to,
    cc,
    bcc,
    reply_to: mail.replyTo.filter(({ address }) => address !== '').map(mailbox),
    subject: subjectOf(mail),
    text: mail.text ?? (mail.html === null ? '' : null),
    html: mail.html,
    kind: own.kind,
    attachments: attachmentsOf(mail),
    headers: new MailHeaders(headersOf(mail)),
    tags: own.tags,
    metadata: own.metadata,
    identity: own.identity ?? envelope.identity,
    in_reply_to: messageIdsIn(mail.inReplyTo)[0] ?? null,
    references: messageIdsIn(mail.references),
    agent: own.agent,
    dedupe_key: own.dedupe_key,
    send_at: own.send_at,
  };
  return { ok: true, body, shown, idempotencyKey: own.idempotency_key };
}

/** Without From it is from whom the envelope names (RFC 6409 §8.1), or the identity's own. */
function senderOf({ from: [sender] }: Mail, { mailFrom, identity }: Envelope): object | string | null {
  if (sender !== undefined) return mailbox(sender);
  return identity !== null || mailFrom === '' ? null : mailFrom;
}

function mailbox({ name, address }: MailAddress): object {
  return { email: address, ...(name === '' ? {} : { name }) };
}

/** Blanks at the ends and folds are the header's, not the text's. */
function subjectOf({ subject }: Mail): string {
  const text = (subject ?? '').replace(/\t/g, ' ').trim();
  return text === '' ? NO_SUBJECT : text;
}

type Audience = { to: object[]; cc: object[]; bcc: object[]; shown: { to: Address[]; cc: Address[] } | null };

function audienceOf(mail: Mail, recipients: readonly Address[]): Audience {
  const shown = { to: readable(mail.to), cc: readable(mail.cc) };
  const named = new Map<string, { kind: 'to' | 'cc'; name: string | null }>();
  for (const kind of ['to', 'cc'] as const) {
    for (const { key, name } of shown[kind]) if (!named.has(key)) named.set(key, { kind, name });
  }
  const audience: Audience = { to: [], cc: [], bcc: [], shown: null };
  for (const { key, email } of recipients) {
    const { kind, name } = named.get(key) ?? { kind: 'bcc', name: null };
    audience[kind].push({ email, name });
    named.delete(key);
  }
  // Whom it shows and who gets it as To and Cc are the same, unless somebody is left.
  if (named.size > 0) audience.shown = shown;
  return audience;
}

/** What is no address is not shown: nobody gets it by that. */
function readable(addresses: readonly MailAddress[]): Address[] {
  const found = new Map<string, Address>();
  for (const { name, address } of addresses) {
    const whole = readMailbox({ email: address, name });
    const reading = whole.ok ? whole : readMailbox(address);
    if (reading.ok && !found.has(reading.address.key)) found.set(reading.address.key, reading.address);
  }
  return [...found.values()];
}

function headersOf(mail: Mail): [string, string][] {
  const kept = mail.headers.filter(([name]) => !isOwnedHeader(name) && !isPosternHeader(name));
  const id = messageIdsIn(mail.messageId)[0];
  const hasOriginal = kept.some(([name]) => name.toLowerCase() === ORIGINAL_ID.toLowerCase());
  return id === undefined || hasOriginal ? kept : [...kept, [ORIGINAL_ID, id]];
}

const NAMES: readonly (readonly [type: string, name: string])[] = [
  ['text/calendar', 'invite.ics'],
  ['message/rfc822', 'message.eml'],
  ['image/png', 'image.png'],
  ['image/jpeg', 'image.jpg'],
  ['image/gif', 'image.gif'],
  ['text/plain', 'attachment.txt'],
];

function attachmentsOf({ files, html }: Mail): object[] {
  const used = new Set<string>();
  return files.map((file) => {
    const { contentId, mimeType, bytes } = file;
    const isShown = contentId !== null && !used.has(contentId) && isNamedIn(html, contentId);
    if (isShown) used.add(contentId);
    return {
      filename: file.filename ?? NAMES.find(([type]) => type === mimeType)?.[1] ?? 'attachment',
      content: bytes,
      content_type: typeOf(file),
      ...(isShown ? { content_id: contentId } : {}),
    };
  });
}

/** A part that the HTML does not show is a file, whatever id it has. */
function isNamedIn(html: string | null, contentId: string): boolean {
  return html !== null && (html.includes(`cid:${contentId}`) || html.includes(`cid:${encodeURIComponent(contentId)}`));
}

const MEDIA_TYPE = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/;

function typeOf({ mimeType, method, bytes }: MailFile): string {
  if (!MEDIA_TYPE.test(mimeType) || mimeType.startsWith('multipart/')) return 'application/octet-stream';
  if (mimeType === 'text/calendar') {
    const called = method === null || !/^[A-Z-]{1,40}$/.test(method) ? '' : `; method=${method}`;
    return `text/calendar; charset=utf-8${called}`;
  }
  return mimeType.startsWith('text/') && isUtf8(bytes) ? `${mimeType}; charset=utf-8` : mimeType;
}

/** More than ASCII, and UTF-8. */
function isUtf8(bytes: Uint8Array): boolean {
  if (bytes.every((octet) => octet < 0x80)) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
