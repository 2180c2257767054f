/** A request of ServiceM8's messaging API as a submission. What it does not know is left out. */
import { addressOfNumber, SMS_SENDER } from '../../../core/channel.ts';
import type { Issue } from '../../../core/explain.ts';
import { type Fields, isFields } from '../../field-errors.ts';
import { idOfUuid } from '../face-ids.ts';

export type ServiceM8Read = { ok: true; body: Fields } | { ok: false; errors: Issue[] };

/** In HTML and text alike, in any letter case. */
const SIGNATURE = /<platform-user-signature\s{0,20}\/>/gi;

/** `impersonated`: the staff member whose signature is asked for, from the header; null: none. */
export function readServiceM8(value: unknown, impersonated: string | null): ServiceM8Read {
  const errors: Issue[] = [];
  const add: Add = (code, param, message) => errors.push({ code, param, message });
  if (!isFields(value)) {
    add('invalid_parameter', '', 'The body must be a JSON object.');
    return { ok: false, errors };
  }
  const { to, cc, replyTo, subject, htmlBody, textBody, regardingJobUUID, attachments } = value;
  const body: Record<string, unknown> = { on_limit: 'reject' };
  if (typeof to !== 'string' || to === '') add('missing_parameter', 'to', 'It must be one address.');
  else body['to'] = to;
  const copy = optional(cc, 'cc', 'It must be one address.', add);
  if (copy !== null) body['cc'] = copy;
  const answersTo = optional(replyTo, 'replyTo', 'It must be one address.', add);
  if (answersTo !== null) body['reply_to'] = answersTo;
  if (typeof subject !== 'string') add('missing_parameter', 'subject', 'A message needs a subject.');
  else body['subject'] = subject;
  const html = signed(htmlBody, 'htmlBody', impersonated, add);
  const text = signed(textBody, 'textBody', impersonated, add);
  if (html !== null) body['html'] = html;
  if (text !== null) body['text'] = text;
  if (isAbsent(htmlBody) && isAbsent(textBody)) {
    add('missing_parameter', 'htmlBody', 'Give "htmlBody", "textBody" or both.');
  }
  const job = optional(regardingJobUUID, 'regardingJobUUID', NO_JOB, add);
  if (job !== null) body['metadata'] = { regardingJobUUID: job };
  const files = filesOf(attachments, add);
  if (files.length > 0) body['attachments'] = files;
  return errors.length === 0 ? { ok: true, body } : { ok: false, errors };
}

const LONGEST_TEXT = 1600;
const NO_JOB = 'It must be the UUID of a job.';

/** A text message: to one number, in E.164 form. */
export function readText(value: unknown): ServiceM8Read {
  if (!isFields(value)) {
    return {
      ok: false,
      errors: [{ code: 'invalid_parameter', param: '', message: 'The body must be a JSON object.' }],
    };
  }
  const errors: Issue[] = [];
  const add: Add = (code, param, message) => errors.push({ code, param, message });
  const { to, message, regardingJobUUID } = value;
  const address = typeof to === 'string' ? addressOfNumber(to) : null;
  if (!isText(to)) add('missing_parameter', 'to', 'It must be one number.');
  else if (address === null) {
    add('invalid_parameter', 'to', 'It must be a number in E.164 form, with its plus sign: "+61400000000".');
  }
  if (!isText(message)) add('missing_parameter', 'message', 'A text message needs a message.');
  else if ([...message].length > LONGEST_TEXT) {
    add('invalid_parameter', 'message', `A text message has at most ${LONGEST_TEXT} characters.`);
  }
  const job = optional(regardingJobUUID, 'regardingJobUUID', NO_JOB, add);
  if (errors.length > 0) return { ok: false, errors };
  const body: Record<string, unknown> = { from: SMS_SENDER, to: address, subject: 'Text message', text: message };
  if (job !== null) body['metadata'] = { regardingJobUUID: job };
  return { ok: true, body };
}

type Add = (code: string, param: string, message: string) => unknown;

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isAbsent = (value: unknown): boolean => value === undefined || value === null || value === '';

/** A text that may be absent, null or empty; anything else is told of: left out it would be lost in silence. */
function optional(value: unknown, param: string, message: string, add: Add): string | null {
  if (isText(value)) return value;
  if (!isAbsent(value)) add('invalid_parameter', param, message);
  return null;
}

/** The staff's signatures are not here: the mark is taken out, once the caller has said whose it is. */
function signed(value: unknown, param: string, impersonated: string | null, add: Add): string | null {
  const content = optional(value, param, 'It must be a string.', add);
  if (content === null) return null;
  if (!content.match(SIGNATURE)) return content;
  if (impersonated === null) {
    add('missing_parameter', 'x-impersonate-uuid', 'A body with a signature needs the header x-impersonate-uuid.');
  }
  return content.replaceAll(SIGNATURE, '');
}

/** A list of UUIDs, or one text with commas between them, as its own node sends it. */
function filesOf(attachments: unknown, add: Add): { attachment_id: string }[] {
  if (isAbsent(attachments)) return [];
  const names: unknown[] = typeof attachments === 'string' ? attachments.split(',') : [attachments].flat();
  return names.flatMap((name, i) => {
    const id = typeof name === 'string' ? idOfUuid('att', name.trim()) : null;
    if (id !== null) return [{ attachment_id: id }];
    add('invalid_parameter', `attachments[${i}]`, 'It must be the UUID of an attachment.');
    return [];
  });
}
