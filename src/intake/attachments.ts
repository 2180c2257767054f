/**
 * Attachments: each carries its bytes in base64, or names an upload made before.
 *
 * Bytes are decoded and checked here and come back beside the submission, which itself holds only their SHA-256; where they
 * are kept is not known here. Programs are refused by name (filename.ts), by declared type, and by their first bytes.
 * Deliberately absent: attachments by path, URL or raw MIME; a file name or a path in the content type; looking inside
 * archives.
 */
import type { Attachment } from '../core/message.ts';
import { type FieldErrors, type Fields, isFields, isGiven, within } from './field-errors.ts';
import { readLabel } from './fields.ts';
import { readFilename } from './filename.ts';

export type AttachedFile = {
  /** SHA-256, lower-case hex. */
  sha256: string;
  bytes: Uint8Array;
};

export type AttachmentOptions = {
  /** SHA-256 of bytes as lower-case hex. */
  sha256: (bytes: Uint8Array) => string;
  /** Uploads by id; only those that the caller owns and that still exist. */
  uploads?: ReadonlyMap<string, Attachment>;
};

export type Attachments = { attachments: Attachment[]; files: AttachedFile[] };

const maxAttachments = 10;
/** Decoded; a request that holds more could not have been read, uploads together could. */
const maxTotalOctets = 25 * 1024 * 1024;

const fileFields: ReadonlySet<string> = new Set(['filename', 'content', 'content_type', 'content_id']);
const uploadFields: ReadonlySet<string> = new Set(['attachment_id', 'filename', 'content_id']);
const exclusive = ['content', 'content_type'];

/** The upload ids that a body names, so that they can be looked up before it is read. */
export function attachmentIds(body: unknown): string[] {
  const list = isFields(body) ? body['attachments'] : undefined;
  if (!Array.isArray(list)) return [];
  const ids: string[] = [];
  for (const entry of list.slice(0, maxAttachments)) {
    if (isFields(entry) && typeof entry['attachment_id'] === 'string') ids.push(entry['attachment_id']);
  }
  return ids;
}

export function readAttachments(value: unknown, options: AttachmentOptions, errors: FieldErrors): Attachments {
  const read: Attachments = { attachments: [], files: [] };
  if (value === undefined || value === null) return read;
  if (!Array.isArray(value)) {
    errors.invalid('attachments', 'It must be a list.');
    return read;
  }
  if (value.length > maxAttachments) {
    errors.invalid('attachments', `A message has at most ${maxAttachments} attachments.`);
    return read;
  }
  const contentIds = new Set<string>();
  let totalOctets = 0;
  for (const [index, entry] of value.entries()) {
    const place = `attachments[${index}]`;
    const attachment = readEntry(entry, place, options, read.files, errors);
    if (attachment === null) continue;
    if (attachment.contentId !== null && contentIds.has(attachment.contentId)) {
      errors.invalid(`${place}.content_id`, 'Another attachment has this content id.');
    } else if (attachment.contentId !== null) {
      contentIds.add(attachment.contentId);
    }
    totalOctets += attachment.size;
    read.attachments.push(attachment);
  }
  if (totalOctets > maxTotalOctets) {
    errors.add('payload_too_large', 'attachments', 'The attachments have more than 25 MB together.');
  }
  return read;
}

function readEntry(
  entry: unknown,
  place: string,
  options: AttachmentOptions,
  files: AttachedFile[],
  errors: FieldErrors,
): Attachment | null {
  if (!isFields(entry)) {
    errors.invalid(place, 'It must be an object.');
    return null;
  }
  const contentId = readContentId(entry['content_id'], `${place}.content_id`, errors);
  if (entry['attachment_id'] !== undefined) return readUploaded(entry, place, contentId, options, errors);
  errors.unknown(entry, fileFields, place);
  const filename = readName(entry['filename'], `${place}.filename`, errors);
  const contentType = readContentType(entry['content_type'], `${place}.content_type`, errors);
  const bytes = readContent(entry, place, errors);
  if (filename === null || contentType === null || bytes === null) return null;
  const sha256 = options.sha256(bytes);
  files.push({ sha256, bytes });
  return { filename, contentType, contentId, sha256, size: bytes.length };
}

/** An upload keeps its type; its name may be given anew. */
function readUploaded(
  entry: Fields,
  place: string,
  contentId: string | null,
  options: AttachmentOptions,
  errors: FieldErrors,
): Attachment | null {
  for (const key in entry) {
    if (exclusive.includes(key)) {
      errors.add('mutually_exclusive', `${place}.${key}`, `An attachment has "attachment_id" or "${key}", not both.`);
    } else if (!uploadFields.has(key)) errors.add('unknown_parameter', within(place, key), 'There is no such field.');
  }
  if (entry['attachment_id'] === null) errors.invalid(`${place}.attachment_id`, 'It must be a string.');
  const id = readLabel(entry['attachment_id'], 255, `${place}.attachment_id`, errors);
  const upload = id === null ? undefined : options.uploads?.get(id);
  if (id !== null && upload === undefined) {
    errors.invalid(`${place}.attachment_id`, 'There is no such upload, or it has expired.');
  }
  const filename = isGiven(entry['filename']) ? readName(entry['filename'], `${place}.filename`, errors) : undefined;
  if (upload === undefined || filename === null) return null;
  return { ...upload, filename: filename ?? upload.filename, contentId: contentId ?? upload.contentId };
}

function readName(value: unknown, param: string, errors: FieldErrors): string | null {
  if (!isGiven(value)) {
    errors.add('missing_parameter', param, 'A file needs a name.');
    return null;
  }
  if (typeof value !== 'string') {
    errors.invalid(param, 'It must be a string.');
    return null;
  }
  const reading = readFilename(value);
  if (reading.ok) return reading.filename;
  errors.add(reading.code, param, reading.message);
  return null;
}

const contentIdForm = /^[!#-'*+\--9=A-Z^-~]+(?:@[!#-'*+\--9=A-Z^-~]+)?$/;

/** A content id with or without angle brackets (RFC 2392 §2, RFC 2045 §7); without them in the submission. */
function readContentId(value: unknown, param: string, errors: FieldErrors): string | null {
  if (!isGiven(value)) return null;
  if (typeof value === 'string' && value.length <= 255) {
    const bare = value.startsWith('<') && value.endsWith('>') ? value.slice(1, -1) : value;
    if (contentIdForm.test(bare)) return bare;
  }
  errors.invalid(param, 'It must be a content id such as "logo" or "logo@example.com", of at most 255 characters.');
  return null;
}

const defaultContentType = 'application/octet-stream';
const maxContentTypeLength = 255;
const mediaType = /^([!#$%&'*+.0-9A-Z^_`a-z{|}~-]+\/[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+)(?: *;|$)/;
/** `attribute=value` (RFC 2045 §5.1); an attribute with "*" (RFC 2231) does not match. */
const parameter =
  / *([!#$%&'+.0-9A-Z^_`a-z{|}~-]+)=(?:[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+|"(?:[ !#-[\]-~]|\\[ -~])*") *(?:;|$)/y;

/** Types that run on opening, whatever the name says. */
const programTypes: ReadonlySet<string> = new Set(
  (
    'application/x-msdownload application/x-msdos-program application/x-dosexec application/x-exe application/exe ' +
    'application/vnd.microsoft.portable-executable application/x-executable application/x-elf application/x-sharedlib ' +
    'application/x-mach-binary application/x-msi application/x-ms-installer application/x-ms-shortcut application/hta ' +
    'application/x-bat application/bat application/x-sh application/x-csh application/x-shellscript text/x-shellscript ' +
    'application/java-archive application/x-java-archive application/x-java-jnlp-file application/javascript ' +
    'application/x-javascript text/javascript application/ecmascript text/ecmascript text/vbscript text/vbs ' +
    'application/vnd.android.package-archive application/x-apple-diskimage application/x-iso9660-image'
  ).split(' '),
);

/** A Content-Type value (RFC 2045 §5.1), as given; "application/octet-stream" where absent. */
export function readContentType(value: unknown, param: string, errors: FieldErrors): string | null {
  if (!isGiven(value)) return defaultContentType;
  if (typeof value !== 'string') {
    errors.invalid(param, 'It must be a string.');
    return null;
  }
  const type = value.length <= maxContentTypeLength ? mediaType.exec(value) : null;
  const media = type?.[1]?.toLowerCase();
  const trouble = type === null ? notAType : parameterTrouble(value, type[0].length);
  if (media === undefined || trouble !== null) {
    errors.invalid(param, trouble ?? notAType);
    return null;
  }
  if (media.startsWith('multipart/') || media === 'message/partial' || media === 'message/external-body') {
    errors.invalid(param, 'A file cannot have a type that describes the structure of a message.');
    return null;
  }
  if (!programTypes.has(media)) return value;
  errors.add('attachment_rejected', param, `Files of the type ${media} are not sent: they may run on opening.`);
  return null;
}

const notAType = 'It must be a media type such as "application/pdf" (RFC 2045), of at most 255 characters.';

/** The file name has its own field, so that no mail program finds a second one here. */
function parameterTrouble(value: string, from: number): string | null {
  if (value.endsWith(';')) return notAType;
  parameter.lastIndex = from;
  while (parameter.lastIndex < value.length) {
    const name = parameter.exec(value)?.[1]?.toLowerCase();
    if (name === undefined) return notAType;
    if (name === 'name') return 'The parameter "name" is not taken; the file name stands in "filename".';
  }
  return null;
}

function readContent(entry: Fields, place: string, errors: FieldErrors): Uint8Array | null {
  const value = entry['content'];
  if (!isGiven(value)) {
    errors.add('missing_parameter', `${place}.content`, 'A file needs "content" in base64, or "attachment_id".');
    return null;
  }
  // Another door than HTTP has decoded it already; JSON holds no such value.
  const bytes = typeof value === 'string' ? decodeBase64(value) : value instanceof Uint8Array ? value : null;
  if (bytes === null) {
    errors.invalid(`${place}.content`, 'It must be base64 (RFC 4648 §4) with padding, without blanks or line ends.');
    return null;
  }
  if (!isProgram(bytes)) return bytes;
  errors.add('attachment_rejected', `${place}.content`, 'The file is a program, whatever its name.');
  return null;
}

/** Strict base64: Node skips what it does not know, so what came out must have the length that went in. */
export function decodeBase64(text: string): Uint8Array | null {
  if (text.length % 4 !== 0 || text.includes('-') || text.includes('_')) return null;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== (text.length / 4) * 3 - padding) return null;
  const tail = bytes.subarray(bytes.length - (bytes.length % 3 || 3)).toString('base64');
  return text.endsWith(tail) ? bytes : null;
}

/** Windows programs (MZ with a PE, NE, LE or LX header), ELF, Mach-O and Java classes. */
export function isProgram(bytes: Uint8Array): boolean {
  if (bytes.length < 8) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  if (magic >>> 16 === 0x4d5a) return hasWindowsHeader(view);
  return binaryMagic.has(magic);
}

const binaryMagic: ReadonlySet<number> = new Set([
  0x7f454c46, 0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe,
]);

function hasWindowsHeader(view: DataView): boolean {
  if (view.byteLength < 0x40) return false;
  const at = view.getUint32(0x3c, true);
  if (at > view.byteLength - 2) return false;
  const header = String.fromCharCode(view.getUint8(at), view.getUint8(at + 1));
  return header === 'PE' || header === 'NE' || header === 'LE' || header === 'LX';
}
