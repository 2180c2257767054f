/** A request of ServiceM8's messaging API as a submission. What it does not know is left out. */
import type { Issue } from '../../../core/explain.ts';
import { type Fields, isFields } from '../../field-errors.ts';
import { idOfUuid } from '../face-ids.ts';

export type ServiceM8Read = { ok: true; body: Fields } | { ok: false; errors: Issue[] };

/** In HTML and text alike, in any letter case. */
const SIGNATURE = /<platform-user-signature\s{0,20}\/>/gi;

/** `impersonated`: the staff member whose signature is asked for, from the header; null: none. */
export function readServiceM8(value: unknown, impersonated: string | null): ServiceM8Read {
  const errors: Issue[] = [];
  const add = (code: string, param: string, message: string): void => {
    errors.push({ code, param, message });
  };
  if (!isFields(value)) {
    add('invalid_parameter', '', 'The body must be a JSON object.');
    return { ok: false, errors };
  }
  const { to, cc, replyTo, subject, htmlBody, textBody, regardingJobUUID, attachments } = value;
  const body: Record<string, unknown> = { on_limit: 'reject' };
  if (typeof to !== 'string' || to === '') add('missing_parameter', 'to', 'It must be one address.');
  else body['to'] = to;
  if (isText(cc)) body['cc'] = cc;
  if (isText(replyTo)) body['reply_to'] = replyTo;
  if (typeof subject !== 'string') add('missing_parameter', 'subject', 'A message needs a subject.');
  else body['subject'] = subject;
  const html = signed(htmlBody, impersonated, add);
  const text = signed(textBody, impersonated, add);
  if (html !== null) body['html'] = html;
  if (text !== null) body['text'] = text;
  if (html === null && text === null) add('missing_parameter', 'htmlBody', 'Give "htmlBody", "textBody" or both.');
  if (isText(regardingJobUUID)) body['metadata'] = { regardingJobUUID };
  const files = filesOf(attachments, add);
  if (files.length > 0) body['attachments'] = files;
  return errors.length === 0 ? { ok: true, body } : { ok: false, errors };
}

type Add = (code: string, param: string, message: string) => void;

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** The staff's signatures are not here: the mark is taken out, once the caller has said whose it is. */
function signed(content: unknown, impersonated: string | null, add: Add): string | null {
  if (!isText(content)) return null;
  if (!content.match(SIGNATURE)) return content;
  if (impersonated === null) {
    add('missing_parameter', 'x-impersonate-uuid', 'A body with a signature needs the header x-impersonate-uuid.');
  }
  return content.replaceAll(SIGNATURE, '');
}

/** A list of UUIDs, or one text with commas between them, as its own node sends it. */
function filesOf(attachments: unknown, add: Add): { attachment_id: string }[] {
  if (attachments === undefined || attachments === null || attachments === '') return [];
  const names: unknown[] = typeof attachments === 'string' ? attachments.split(',') : [attachments].flat();
  return names.flatMap((name, i) => {
    const id = typeof name === 'string' ? idOfUuid('att', name.trim()) : null;
    if (id !== null) return [{ attachment_id: id }];
    add('invalid_parameter', `attachments[${i}]`, 'It must be the UUID of an attachment.');
    return [];
  });
}
