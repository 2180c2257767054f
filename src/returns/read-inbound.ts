/**
 * A mail that came in, read once: what it is, whom it is about, who wrote it, what it answers. Plain data, so that it can come from a
 * thread.
 *
 * Invariant: never throws, whatever the octets; bounded as `parseMime` is. Everything in it is a claim of whoever sent the mail.
 */
import { addressKey } from '../base/address.ts';
import type { ReadInbound, ReportedRecipient } from '../core/inbound.ts';
import { addressOfField, isSameAddress } from './addresses.ts';
import { isAutoReply } from './auto-reply.ts';
import { classifyMail, type InboundRecipient, type Knowledge } from './classify-return.ts';
import { type DsnRecipient, isDeliveryStatus, parseDsn } from './dsn.ts';
import { outerParts, ownWords, replyPassages } from './free-form.ts';
import { type MimePart, parseMime, textOfHtml } from './mime.ts';

const MOST_TEXT = 64 * 1024;
const MOST_SAID = 1000;
const MOST_SUBJECT = 998;
const MOST_IDS = 50;
const MOST_RECIPIENTS = 200;

export function readInbound(octets: Uint8Array, knowledge: Knowledge): ReadInbound {
  const root = parseMime(octets);
  const { kind, form, recipients } = classifyMail(root, knowledge);
  const words = ownWords(root, knowledge.forms);
  const reports = outerParts(root).filter(isDeliveryStatus);
  const fields = reports.flatMap((part) => parseDsn(part.text));
  const quoted = form === 'free_form' ? (replyPassages(words.text)[0] ?? '') : '';
  const isReport = form !== null;
  return {
    kind,
    form,
    recipients: isReport ? recipients.slice(0, MOST_RECIPIENTS).map((one) => reported(one, fields, quoted)) : [],
    reportingMta: /^reporting-mta:[^;\n]{0,40};[ \t]{0,20}(\S{1,255})/im.exec(reports[0]?.text ?? '')?.[1] ?? null,
    from: writerOf(root),
    subject: storable(root.headers.text('subject').slice(0, MOST_SUBJECT)).replaceAll(/\s{1,998}/g, ' '),
    messageId: idsIn(root.headers.get('message-id'))[0] ?? null,
    answers: [
      ...idsIn(root.headers.get('in-reply-to')).slice(0, MOST_IDS),
      ...idsIn(root.headers.get('references')).reverse().slice(0, MOST_IDS),
    ],
    returns: isReport ? idsIn(words.original.get('message-id')).slice(0, 1) : [],
    isAutomatic: isAutoReply(root) || isPassedOn(root),
    isFromNobody: root.headers.has('return-path') ? /^<\s{0,9}>/.test(root.headers.get('return-path')) : null,
    text: textOf(root),
  };
}

function reported(one: InboundRecipient, fields: readonly DsnRecipient[], quoted: string): ReportedRecipient {
  const { email, class: bounceClass, status, action, hard, suppress } = one;
  const found = fields.find((each) =>
    [each.finalRecipient, each.originalRecipient].some((name) => name !== null && isSameAddress(name, email)),
  );
  const other = [found?.originalRecipient, found?.finalRecipient].find(
    (name) => name !== null && name !== undefined && !isSameAddress(name, email),
  );
  return {
    key: nameOf(email),
    alias: other === undefined ? null : nameOf(other!),
    class: bounceClass,
    status,
    action,
    hard,
    suppress,
    said: storable((found?.diagnostic || quoted).slice(0, MOST_SAID)),
  };
}

function nameOf(email: string): string | null {
  return email.includes('@') ? addressKey(email) : email.toLowerCase();
}

function writerOf({ headers }: MimePart): ReadInbound['from'] {
  const field = headers.text('from');
  const email = addressOfField(field);
  if (email === null) return null;
  const name = /^\s{0,9}"?([^"<>]{1,200})"?\s{0,9}</.exec(field)?.[1]?.trim() ?? null;
  return { email, key: addressKey(email), name: name === null || name === '' ? null : storable(name) };
}

/** Msg-ids (RFC 5322 §3.6.4) in their order. */
function idsIn(field: string): string[] {
  return field.match(/<[^<>\s]{1,512}>/g) ?? [];
}

/** Lists and mass mail: whoever wrote it did not write to us. `X-Auto-Response-Suppress` is set by programs alone. */
function isPassedOn({ headers }: MimePart): boolean {
  const precedence = headers.get('precedence').trim().toLowerCase();
  if (precedence === 'bulk' || precedence === 'junk' || precedence === 'list') return true;
  return ['list-id', 'list-unsubscribe', 'list-post', 'x-auto-response-suppress'].some((name) => headers.has(name));
}

function textOf(root: MimePart): string | null {
  const parts = outerParts(root);
  const plain = parts.find((part) => part.type === 'text/plain' && part.text.trim() !== '');
  if (plain !== undefined) return storable(plain.text.slice(0, MOST_TEXT));
  const html = parts.find((part) => part.type === 'text/html' && part.text.trim() !== '');
  return html === undefined ? null : storable(textOfHtml(html.text).trim().slice(0, MOST_TEXT));
}

/** Without control characters but tabs and line ends, and without halves of a character. */
function storable(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, ' ').toWellFormed();
}
