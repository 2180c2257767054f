/** Runs in a thread of its own: parses submitted mail. Whatever it is given, it answers; how long it may take, others watch. */
import { parentPort } from 'node:worker_threads';
import PostalMime, { type Address, type Attachment, addressParser, decodeWords, type Email } from 'postal-mime';
import {
  type Mail,
  type MailAddress,
  type MailFile,
  type MailReading,
  MOST_DEPTH,
  MOST_HEADER_BYTES,
  MOST_HEADERS,
  MOST_LINES,
  MOST_PARTS,
} from './mail.ts';

const OPTIONS = {
  maxNestingDepth: MOST_DEPTH,
  maxHeadersSize: MOST_HEADER_BYTES,
  maxRfc822NestingDepth: 0,
  forceRfc822Attachments: true,
};

/**
 * The parser gathers the octets of each part in a Blob, and Node's own is read through another thread: two thirds of the time of a
 * small mail. This one does what the parser asks of it.
 */
globalThis.Blob = class PlainBlob {
  readonly #octets: Uint8Array<ArrayBuffer>;

  constructor(parts: readonly (Uint8Array | ArrayBuffer | string)[]) {
    const pieces = parts.map(octetsOf);
    this.#octets = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0));
    let at = 0;
    for (const piece of pieces) {
      this.#octets.set(piece, at);
      at += piece.length;
    }
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#octets.buffer;
  }
} as unknown as typeof Blob;

function octetsOf(part: Uint8Array | ArrayBuffer | string): Uint8Array {
  if (typeof part === 'string') return Buffer.from(part);
  return part instanceof ArrayBuffer ? new Uint8Array(part) : part;
}

/** One after another, as they came. */
let turn = Promise.resolve();

parentPort!.on('message', ({ id, question }: { id: number; question: Uint8Array }) => {
  turn = turn.then(async () => {
    const answer = await read(question);
    const buffers = answer.ok ? answer.mail.files.map(({ bytes }) => bytes.buffer as ArrayBuffer) : [];
    parentPort!.postMessage({ id, answer }, [...new Set(buffers)]);
  });
});

async function read(octets: Uint8Array): Promise<MailReading> {
  if (!isHeadReadable(octets)) return { ok: false, why: 'a header holds octets that are not UTF-8' };
  if (hasManyLines(octets)) return { ok: false, why: `there are more than ${MOST_LINES} lines` };
  let email: Email;
  try {
    email = await PostalMime.parse(octets, OPTIONS);
  } catch {
    return {
      ok: false,
      why: `parts lie deeper than ${MOST_DEPTH}, or headers have more than ${MOST_HEADER_BYTES} octets`,
    };
  }
  if (email.headers.length > MOST_HEADERS) return { ok: false, why: `there are more than ${MOST_HEADERS} headers` };
  if (email.attachments.length > MOST_PARTS) return { ok: false, why: `there are more than ${MOST_PARTS} parts` };
  return { ok: true, mail: mailOf(email) };
}

/** RFC 6532 §3.1: a header is UTF-8. Octets of another charset would be stored as something that nobody wrote. */
function isHeadReadable(octets: Uint8Array): boolean {
  const end = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).indexOf('\r\n\r\n');
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(end === -1 ? octets : octets.subarray(0, end));
    return true;
  } catch {
    return false;
  }
}

function hasManyLines(octets: Uint8Array): boolean {
  let lines = 0;
  for (let at = octets.indexOf(0x0a); at !== -1 && lines <= MOST_LINES; at = octets.indexOf(0x0a, at + 1)) lines += 1;
  return lines > MOST_LINES;
}

function mailOf(email: Email): Mail {
  const { headers } = email;
  const froms = headers.filter(({ key }) => key === 'from');
  return {
    fromFields: froms.length,
    from: froms.flatMap(({ value }) => flat(addressParser(value))),
    to: flat(email.to),
    cc: flat(email.cc),
    replyTo: flat(email.replyTo),
    subject: email.subject ?? null,
    text: bodyOf(email.text),
    html: bodyOf(email.html),
    messageId: email.messageId ?? null,
    inReplyTo: email.inReplyTo ?? null,
    references: email.references ?? null,
    headers: headers.map(({ originalKey, value }) => [originalKey, decodeWords(value)]),
    files: email.attachments.map(fileOf),
  };
}

/** Line ends are LF, however the body was encoded. */
function bodyOf(text: string | undefined): string | null {
  return text?.replace(/\r\n/g, '\n') ?? null;
}

function flat(addresses: readonly Address[] = []): MailAddress[] {
  return addresses.flatMap((one) =>
    (one.group ?? [one]).map(({ name, address }) => ({ name, address: address ?? '' })),
  );
}

function fileOf({ filename, mimeType, method, contentId, content }: Attachment): MailFile {
  const octets = typeof content === 'string' ? Buffer.from(content) : new Uint8Array(content as ArrayBuffer);
  return {
    filename,
    mimeType,
    method: method ?? null,
    contentId: contentId === undefined ? null : contentId.trim().replace(/^<|>$/g, ''),
    bytes: mimeType === 'message/rfc822' || mimeType === 'text/calendar' ? withLineEnds(octets) : octets,
  };
}

/** The parser reads lines; these formats end theirs with CRLF (RFC 5322 §2.1, RFC 5545 §3.1). */
function withLineEnds(octets: Uint8Array): Uint8Array {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('latin1');
  return new Uint8Array(Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'latin1'));
}
