/** Resend's e-mail as a submission. What it does not know is left out; what it cannot have is an issue. */
import type { Issue } from '../../../core/explain.ts';
import { type Fields, isFields } from '../../field-errors.ts';
import { attachedFile } from '../attached.ts';
import { placeHeaders } from '../placed-headers.ts';
import { readWhen } from './when.ts';

export type ResendRead = { ok: true; body: Fields } | { ok: false; errors: Issue[] };

/** Fields that have the same form and another name, or the same. */
const SAME: readonly (readonly [theirs: string, ours: string])[] = [
  ['from', 'from'],
  ['to', 'to'],
  ['cc', 'cc'],
  ['bcc', 'bcc'],
  ['reply_to', 'reply_to'],
  ['subject', 'subject'],
  ['text', 'text'],
  ['html', 'html'],
];

/** `now`: what a time such as "in 1 hour" counts from, in milliseconds. */
export function readResend(value: unknown, now: number): ResendRead {
  const errors: Issue[] = [];
  if (!isFields(value)) {
    return {
      ok: false,
      errors: [{ code: 'invalid_parameter', param: '', message: 'An email must be a JSON object.' }],
    };
  }
  const body: Record<string, unknown> = {};
  for (const [theirs, ours] of SAME) {
    if (value[theirs] !== undefined && value[theirs] !== null) body[ours] = value[theirs];
  }
  const { headers, scheduled_at, topic_id } = value;
  if (isFields(headers)) placeHeaders(body, Object.entries(headers));
  else if (headers !== undefined && headers !== null) body['headers'] = headers;
  if (scheduled_at !== undefined && scheduled_at !== null) body['send_at'] = readWhen(scheduled_at, now);
  // Topics are what people unsubscribe from.
  if (typeof topic_id === 'string') body['kind'] = 'marketing';
  const metadata = tagsOf(value['tags'], errors);
  if (metadata !== null) {
    body['metadata'] = metadata;
    body['tags'] = Object.keys(metadata);
  }
  const { attachments, template } = value;
  if (Array.isArray(attachments)) body['attachments'] = attachments.map((one, i) => attachmentOf(one, i, errors));
  else if (attachments !== undefined && attachments !== null) body['attachments'] = attachments;
  if (isFields(template)) {
    const { id, variables } = template;
    body['template'] = variables === undefined ? { id } : { id, data: variables };
  }
  return errors.length === 0 ? { ok: true, body } : { ok: false, errors };
}

/** `[{name, value}]` as metadata; null where there is none. */
function tagsOf(tags: unknown, errors: Issue[]): Record<string, string> | null {
  if (tags === undefined || tags === null) return null;
  const found = new Map<string, string>();
  const list = Array.isArray(tags) ? tags : [tags];
  list.forEach((tag, i) => {
    const { name, value } = isFields(tag) ? tag : { name: undefined, value: undefined };
    if (typeof name === 'string' && name !== '' && typeof value === 'string') found.set(name, value);
    else {
      const message = 'A tag has a "name" and a "value", both text.';
      errors.push({ code: 'invalid_parameter', param: `tags[${i}]`, message });
    }
  });
  return Object.fromEntries(found);
}

function attachmentOf(value: unknown, i: number, errors: Issue[]): unknown {
  if (!isFields(value)) return value;
  const { filename, content, content_type, content_id, path } = value;
  if ((content === undefined || content === null) && typeof path === 'string') {
    const message = 'Files are not fetched from elsewhere: give the "content" in base64.';
    errors.push({ code: 'invalid_parameter', param: `attachments[${i}].path`, message });
  }
  return attachedFile({ filename, content: contentOf(content), content_type, content_id }, i);
}

/** Base64, or a Buffer as `JSON.stringify` writes it. */
function contentOf(content: unknown): unknown {
  if (!isFields(content) || content['type'] !== 'Buffer' || !Array.isArray(content['data'])) return content;
  const octets: unknown[] = content['data'];
  if (!octets.every((octet) => Number.isInteger(octet) && (octet as number) >= 0 && (octet as number) < 256)) {
    return content;
  }
  return Buffer.from(octets as number[]).toString('base64');
}
