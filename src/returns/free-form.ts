/**
 * Bounces that are written for people: which recipients they name, and what was said of each.
 *
 * Nearly all systems write the same things in some order: a sentence, an address, a reply of a server, the message that comes back. So
 * this looks for these four and not for systems. What differs between systems is words, and those are data (forms.toml).
 *
 * Invariant: linear in the text, which is cut first. Deliberately absent: what a reply means; see classify-return.ts.
 */
import { addressesIn, addressOfField, isSameAddress } from './addresses.ts';
import { type FormKind, type Forms, holds, plainWords } from './forms.ts';
import { isMessage, type MimeHeaders, type MimePart, readHeaders, textOfHtml } from './mime.ts';

/** What a bounce says by itself, apart from the message that it returns. */
export type OwnWords = {
  text: string;
  /** Fields of the message that came back, as far as they came. */
  original: MimeHeaders;
};

const MAX_TEXT = 64 * 1024;
const MAX_LINES = 2_000;
const MAX_RECIPIENTS = 100;

/** The parts in order, without those of a message inside. */
export function outerParts(part: MimePart): MimePart[] {
  if (isMessage(part.type)) return [part];
  return [part, ...part.parts.flatMap(outerParts)];
}

/** The bounce's own text, and the headers of what it returns. */
export function ownWords(root: MimePart, forms: Forms): OwnWords {
  const parts = outerParts(root);
  const plain = parts.filter((part) => part.type.startsWith('text/') && !isAttachedHeader(part));
  const readable = plain.filter((part) => part.type !== 'text/html' && part.text.trim() !== '');
  const texts = readable.length > 0 ? readable.map((part) => part.text) : plain.map((part) => textOfHtml(part.text));
  const whole = texts.join('\n').slice(0, MAX_TEXT);
  const cut = cutOriginal(whole, forms);
  return { text: cut.own, original: originalHeaders(parts) ?? readHeaders(cut.original).headers };
}

function isAttachedHeader(part: MimePart): boolean {
  return part.type === 'text/rfc822-headers' || part.type === 'text/rfc822-header';
}

function originalHeaders(parts: MimePart[]): MimeHeaders | null {
  for (const part of parts) {
    if (isMessage(part.type) && part.parts[0] !== undefined) return part.parts[0].headers;
    if (isAttachedHeader(part)) return readHeaders(part.text.trimStart()).headers;
  }
  return null;
}

/** Fields that begin a returned message; two of them on neighbouring lines are its header. */
const FIELD =
  /^>?\s{0,3}(?:return-path|received|from|to|message-id|subject|date|mime-version|dkim-signature|delivered-to|x-[a-z-]{1,40}|reply-to|user-agent):/i;

function cutOriginal(whole: string, forms: Forms): { own: string; original: string } {
  const lines = whole.split('\n');
  const lastField = lines.findLastIndex((line) => FIELD.test(line));
  for (const [index, line] of lines.entries()) {
    if (index === 0) continue;
    const isMarked = index <= lastField && isOriginalLine(line, forms);
    const opensHeader =
      /^(?:received|return-path|dkim-signature|x-received):/i.test(line) && FIELD.test(lines[index + 1] ?? '');
    if (isMarked || opensHeader || isHeaderBlock(lines, index)) {
      const rest = lines.slice(opensHeader || !isMarked ? index : index + 1, index + 500);
      const from = rest.findIndex((each) => FIELD.test(each));
      return { own: lines.slice(0, index).join('\n'), original: from === -1 ? '' : rest.slice(from).join('\n') };
    }
  }
  return { own: whole, original: '' };
}

/** Three fields in a row, a Message-ID or a Received among them, are the header of a mail and no prose. */
function isHeaderBlock(lines: readonly string[], index: number): boolean {
  const block = lines.slice(index, index + 4);
  return (
    block.length >= 3 &&
    block.slice(0, 3).every((line) => FIELD.test(line)) &&
    block.some((line) => /^(?:message-id|received|mime-version):/i.test(line))
  );
}

function isOriginalLine(line: string, forms: Forms): boolean {
  if (line.length > 200) return false;
  const words = plainWords(line.replace(/^[\s\-=_*#>~+|.:[(]{1,80}/, ''));
  return words !== '' && forms.originalLines.some((opening) => words.startsWith(opening));
}

/** Whether the mail says that a mail system wrote it. */
export function isFromMailSystem({ headers }: MimePart, forms: Forms): boolean {
  const from = headers.text('from').toLowerCase();
  const local = (addressOfField(from) ?? '').split('@')[0] ?? '';
  if (forms.senderLocals.some((opening) => local.startsWith(opening))) return true;
  if (forms.senderNames.some((name) => from.includes(name))) return true;
  return headers.has('x-failed-recipients') || /^<?(?:mailer-daemon|postmaster)\b/i.test(headers.get('return-path'));
}

/** Bounces have no envelope sender (RFC 5321 §4.5.5), and neither have the notes of people who are away (RFC 3834 §3.3). */
export function hasNullSender({ headers }: MimePart): boolean {
  return headers.get('return-path') === '<>' || headers.get('from').includes('<>');
}

/** What the subject, or else the text, says this is; null where it says nothing of a delivery. */
export function formKind(
  subject: string,
  text: string,
  forms: Forms,
): { subject: FormKind | null; text: FormKind | null } {
  const find = (words: string, place: 'subject' | 'text') =>
    forms.rules.find((rule) => rule.in === place && holds(rule, words))?.kind ?? null;
  return { subject: find(plainWords(subject), 'subject'), text: find(plainWords(text), 'text') };
}

/** A recipient, and the lines that are about it. */
export type NamedRecipient = { email: string; about: string };

/** Who the text says got nothing, best evidence first; `others` are addresses that are surely not recipients. */
export function namedRecipients(root: MimePart, words: OwnWords, forms: Forms): NamedRecipient[] {
  const others = notRecipients(root, words);
  const isRecipient = (address: string) => !others.some((other) => isSameAddress(other, address));
  const lines = words.text.split('\n').slice(0, MAX_LINES);
  const failed = root.headers.all('x-failed-recipients').flatMap((field) => addressesIn(field));
  const returned = [...words.original.all('to'), ...words.original.all('cc')].flatMap((field) => addressesIn(field));
  const candidates = [
    () => failed,
    () => lines.flatMap((line) => leadingAddress(line, forms)).filter(isRecipient),
    () => lines.flatMap((line) => commandAddress(line)).filter(isRecipient),
    () => {
      const mentioned = lines
        .filter((line) => !isNoise(line, forms))
        .flatMap((line) => addressesIn(line))
        .filter(isRecipient);
      const known = mentioned.filter((address) => returned.some((other) => isSameAddress(other, address)));
      return known.length > 0 ? known : mentioned.slice(0, 1);
    },
    () => (returned.length === 1 ? returned : []),
    () => receivedFor(words.original).filter(isRecipient),
    () => returned.slice(0, 1),
    () => lines.flatMap((line) => leadingAddress(line, forms)).slice(0, 1),
  ];
  for (const candidate of candidates) {
    const found = unique(candidate());
    if (found.length > 0)
      return found.slice(0, MAX_RECIPIENTS).map((email) => ({ email, about: about(email, found, lines) }));
  }
  return [];
}

function notRecipients(root: MimePart, { original }: OwnWords): string[] {
  const outer = ['from', 'to', 'reply-to', 'delivered-to', 'x-original-to', 'envelope-to', 'x-envelope-to'];
  const inner = ['from', 'return-path', 'sender', 'reply-to'];
  return [
    ...outer.flatMap((name) => root.headers.all(name).flatMap((field) => addressesIn(field))),
    ...inner.flatMap((name) => original.all(name).flatMap((field) => addressesIn(field))),
  ];
}

/** An address at the beginning of a line, or after a word that says whose it is. */
const LEADING =
  /^[\s*>\-•("'[]{0,40}(?:[45]\d\d[ -]\s{0,3}(?:[45]\.\d\.\d{1,3}\s{1,3})?)?(?:(?:final |failed |original |intended |your message )?(?:to|recipient|recipients|recipient address|address|e-?mail|e-?mail address|user|rcpt|target mail address|mailbox|destination|delivered to|delivery to|account|宛先|受信者)(?:\s{0,3}[:：=]\s{0,10}|\s{1,10}))?[<("'[]{0,3}(?:mailto:|rfc822;|smtp:)?([^\s<>()[\]"',;:@\\|{}]{1,64}@[\p{L}\p{N}_][\p{L}\p{N}._-]{0,252})/iu;

function leadingAddress(line: string, forms: Forms): string[] {
  if (!line.includes('@') || isNoise(line, forms)) return [];
  const found = LEADING.exec(line.slice(0, 600))?.[1];
  return found === undefined ? [] : addressesIn(found, 1);
}

function commandAddress(line: string): string[] {
  const command = /rcpt to:?\s{0,5}<?([^\s<>]{1,320})>?/i.exec(line.slice(0, 1_000))?.[1];
  return command === undefined ? [] : addressesIn(command, 1);
}

function isNoise(line: string, forms: Forms): boolean {
  const words = plainWords(line.slice(0, 500));
  return forms.noiseLines.some((noise) =>
    noise.endsWith(':') || noise.endsWith('-') ? words.startsWith(noise) : words.includes(noise),
  );
}

/** "for <a@b>" in the trace of the returned message (RFC 5321 §4.4). */
function receivedFor(original: MimeHeaders): string[] {
  return original
    .all('received')
    .slice(0, 20)
    .flatMap((field) => addressesIn(/\bfor\s{1,5}(<?[^\s<>;]{1,320}>?)/.exec(field)?.[1] ?? ''));
}

/** The lines from the first that names the recipient to the first that opens with another one. */
function about(email: string, all: readonly string[], lines: readonly string[]): string {
  const key = email.toLowerCase();
  const from = lines.findIndex((line) => line.toLowerCase().includes(key));
  if (from === -1) return '';
  const others = all.filter((other) => !isSameAddress(other, email)).map((other) => other.toLowerCase());
  const taken: string[] = [];
  for (const [offset, line] of lines.slice(from).entries()) {
    const lower = line.toLowerCase();
    if (offset > 0 && others.some((other) => lower.includes(other)) && !lower.includes(key)) break;
    taken.push(line);
    if (taken.length >= 200) break;
  }
  return taken.join('\n');
}

function unique(addresses: readonly string[]): string[] {
  const seen = new Map<string, string>();
  for (const address of addresses) if (!seen.has(address.toLowerCase())) seen.set(address.toLowerCase(), address);
  return [...seen.values()];
}

/** The passages of a text that hold a reply code or an enhanced code, each to the end of its paragraph. */
export function replyPassages(text: string): string[] {
  const passages: string[] = [];
  const lines = text.split('\n').slice(0, MAX_LINES);
  let open: string[] | null = null;
  for (const line of lines) {
    const trimmed = line.trim();
    if (trimmed === '') {
      if (open !== null) passages.push(open.join(' '));
      open = null;
    } else if (open !== null && open.length < 12) open.push(trimmed);
    else if (
      open === null &&
      (/(?:^|[\s(:;,'"<#=>-])[45]\d\d(?=[\s,:;#)<-]|$)/.test(trimmed) ||
        /(?<![\d.])[45]\.[0-7]\.\d{1,3}(?![\d.]\d)/.test(trimmed))
    )
      open = [trimmed];
    if (passages.length >= 20) break;
  }
  if (open !== null) passages.push(open.join(' '));
  return passages;
}

/** The line that has the address and a reply code, with the lines that continue it; empty where there is none. */
export function lineAbout(email: string, text: string): string {
  const lines = text.split('\n');
  const key = email.toLowerCase();
  const at = lines.findIndex((line) => line.toLowerCase().includes(key) && opensReply(line));
  if (at === -1) return '';
  const rest = lines.slice(at + 1, at + 8);
  const end = rest.findIndex((line) => !/^[ \t]{1,40}\S/.test(line));
  return [lines[at], ...rest.slice(0, end === -1 ? rest.length : end)].map((line) => line?.trim()).join(' ');
}

function opensReply(line: string): boolean {
  return (
    /(?:^|[\s(:;,'"<#>=-])[45]\d\d(?=[\s,:;#)<-]|$)/.test(line) ||
    /(?<![\d.])[45]\.[0-7]\.\d{1,3}(?![\d.]\d)/.test(line)
  );
}
