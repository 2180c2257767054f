/** SendGrid's mail as submissions, one for each personalization. What it does not know is left out. */
import type { Issue } from '../../../core/explain.ts';
import { formatTime } from '../../../core/time.ts';
import { decodeBase64 } from '../../attachments.ts';
import { type Fields, isFields } from '../../field-errors.ts';
import { attachedFile } from '../attached.ts';
import { placeHeaders } from '../placed-headers.ts';
import { dataOf, substitute } from './substitute.ts';

export type SendgridRead = { ok: true; bodies: Fields[]; isSandboxed: boolean } | { ok: false; errors: Issue[] };

type Body = Record<string, unknown>;

const MOST_PERSONALIZATIONS = 1000;
/** Characters of text and HTML over all personalizations, each of which is a message with a content of its own. */
const MOST_TEXT = 128 * 1024 * 1024;

type Invalid = (param: string, message: string) => void;

export function readSendgrid(value: unknown): SendgridRead {
  const errors: Issue[] = [];
  const invalid: Invalid = (param, message) => {
    errors.push({ code: 'invalid_parameter', param, message });
  };
  if (!isFields(value)) {
    invalid('', 'A mail must be a JSON object.');
    return { ok: false, errors };
  }
  const list = value['personalizations'];
  if (!Array.isArray(list) || list.length === 0 || list.length > MOST_PERSONALIZATIONS || !list.every(isFields)) {
    invalid('personalizations', `It must be a list of 1 to ${MOST_PERSONALIZATIONS} objects.`);
    return { ok: false, errors };
  }
  const shared = sharedOf(value, invalid);
  const bodies: Fields[] = [];
  let text = 0;
  for (const [i, one] of (list as Fields[]).entries()) {
    const body = bodyOf(one, value, shared, i, invalid);
    text += lengthOf(body['text']) + lengthOf(body['html']);
    bodies.push(body);
    if (text <= MOST_TEXT) continue;
    invalid('personalizations', 'These are more than 128 MB of text and HTML together: send fewer at a time.');
    break;
  }
  const settings = value['mail_settings'];
  const sandbox = isFields(settings) ? settings['sandbox_mode'] : undefined;
  const isSandboxed = isFields(sandbox) && sandbox['enable'] === true;
  return errors.length === 0 ? { ok: true, bodies, isSandboxed } : { ok: false, errors };
}

const lengthOf = (text: unknown): number => (typeof text === 'string' ? text.length : 0);

/** What all personalizations have in common. */
function sharedOf(value: Fields, invalid: Invalid): Body {
  const body: Body = {};
  const { from, reply_to, reply_to_list, content, attachments, template_id, asm } = value;
  if (from !== undefined) body['from'] = address(from);
  if (Array.isArray(reply_to_list)) body['reply_to'] = reply_to_list.map(address);
  else if (reply_to !== undefined && reply_to !== null) body['reply_to'] = address(reply_to);
  if (typeof template_id === 'string' && template_id !== '') body['template'] = { id: templateName(template_id) };
  const files = filesOf(attachments);
  if (Array.isArray(content)) addContent(body, content, files, invalid);
  else if (content !== undefined) invalid('content', 'It must be a list of objects with "type" and "value".');
  if (files.length > 0) body['attachments'] = files.map((file) => file(body['html']));
  else if (attachments !== undefined && !Array.isArray(attachments)) body['attachments'] = attachments;
  const tags = tagsOf(value);
  if (tags !== undefined) body['tags'] = tags;
  // A group of unsubscribes: people can leave it.
  if (isFields(asm)) body['kind'] = 'marketing';
  return body;
}

/** Categories, and the batch by which what is scheduled can be cancelled. */
function tagsOf({ categories, batch_id }: Fields): unknown {
  const list = typeof categories === 'string' ? [categories] : categories;
  if (typeof batch_id !== 'string' || batch_id === '') return list ?? undefined;
  return Array.isArray(list) ? [...list, batch_id] : [batch_id];
}

/** A file as it is attached to a mail with this HTML. */
type File = (html: unknown) => unknown;

function filesOf(attachments: unknown): File[] {
  return Array.isArray(attachments) ? attachments.map(fileOf) : [];
}

function fileOf(value: unknown, i: number): File {
  if (!isFields(value)) return () => value;
  // Its client leaves the second name as it is.
  const { content, filename, type, disposition, content_id, contentId = content_id } = value;
  const file = attachedFile({ filename, content, content_type: type, content_id: contentId }, i) as Body;
  // Every personalization shares the bytes.
  const bytes = typeof file['content'] === 'string' ? decodeBase64(file['content']) : null;
  if (bytes !== null) file['content'] = bytes;
  return (html) => {
    const isShown = disposition !== 'attachment' || (typeof html === 'string' && html.includes(`cid:${contentId}`));
    const { content_id: id, ...attached } = file;
    return isShown && id !== undefined ? file : attached;
  };
}

const METHOD = /^METHOD:([A-Za-z-]{1,40})\r?$/m;

function addContent(body: Body, content: unknown[], files: File[], invalid: Invalid): void {
  content.forEach((part, i) => {
    const { type, value } = isFields(part) ? part : { type: undefined, value: undefined };
    const [kind] = typeof type === 'string' ? type.split(';', 1) : [];
    if (kind === 'text/plain') body['text'] = value;
    else if (kind === 'text/html') body['html'] = value;
    else if (kind === 'text/calendar' && typeof value === 'string') files.push(invitation(value));
    // Another form of the same mail, for few readers.
    else if (kind !== 'text/x-amp-html') {
      invalid(`content[${i}].type`, 'It must be "text/plain", "text/html" or "text/calendar".');
    }
  });
}

function invitation(text: string): File {
  const method = METHOD.exec(text)?.[1];
  const content_type = `text/calendar; charset=utf-8${method === undefined ? '' : `; method=${method}`}`;
  return () => ({ filename: 'invite.ics', content_type, content: new Uint8Array(Buffer.from(text)) });
}

function bodyOf(one: Fields, value: Fields, shared: Body, i: number, invalid: Invalid): Fields {
  const body: Body = { ...shared };
  for (const kind of ['to', 'cc', 'bcc'] as const) {
    const list = one[kind];
    if (list !== undefined && list !== null) body[kind] = Array.isArray(list) ? list.map(address) : address(list);
  }
  if (one['from'] !== undefined) body['from'] = address(one['from']);
  body['subject'] = one['subject'] ?? value['subject'] ?? (shared['template'] === undefined ? '' : undefined);
  const headers = Object.entries({ ...fieldsOf(value['headers']), ...fieldsOf(one['headers']) });
  // Its package makes the headers of a mail those of the request as well: this one is meant for us.
  placeHeaders(
    body,
    headers.filter(([name]) => name.toLowerCase() !== 'idempotency-key'),
  );
  const custom = { ...fieldsOf(value['custom_args']), ...fieldsOf(one['custom_args']) };
  if (Object.keys(custom).length > 0) body['metadata'] = texts(custom);
  if (isFields(body['template'])) fillIn(body, one, value['template_id']);
  else if (!substitute(body, one['substitutions'], value['sections'])) {
    invalid(`personalizations[${i}].substitutions`, 'What they make of the mail is more than 25 MB.');
  }
  const sendAt = one['send_at'] ?? value['send_at'];
  if (typeof sendAt === 'number' && Number.isSafeInteger(sendAt) && sendAt >= 0 && sendAt < 1e11) {
    body['send_at'] = formatTime(sendAt * 1000);
  } else if (sendAt !== undefined && sendAt !== null) {
    invalid(`personalizations[${i}].send_at`, 'It must be a Unix time in seconds.');
  }
  return Object.fromEntries(Object.entries(body).filter(([, field]) => field !== undefined));
}

/** The template brings the content, a dynamic one the subject as well; its data is what this personalization has. */
function fillIn(body: Body, { dynamic_template_data, substitutions }: Fields, id: unknown): void {
  const data = dynamic_template_data ?? (isFields(substitutions) ? dataOf(substitutions) : undefined);
  body['template'] = { ...(body['template'] as Fields), ...(data === undefined ? {} : { data }) };
  const isDynamic = typeof id === 'string' && id.startsWith(DYNAMIC);
  for (const field of ['text', 'html', ...(isDynamic ? ['subject'] : [])]) delete body[field];
}

function address(value: unknown): unknown {
  if (!isFields(value)) return value;
  const { email, name } = value;
  return name === undefined || name === null || name === '' ? { email } : { email, name };
}

/** Clients send data for a dynamic template only where its id begins so: it stands before the slug, and is left out. */
const DYNAMIC = 'd-';

const templateName = (id: string): string => (id.startsWith(DYNAMIC) ? id.slice(DYNAMIC.length) : id);

const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});

/** Custom arguments may be numbers and the like; metadata is text. */
function texts(custom: Fields): Record<string, string> {
  return Object.fromEntries(
    Object.entries(custom).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}
