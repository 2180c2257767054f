/**
 * A send of Sendmux's as a submission. Its schema is closed: what it does not know is refused, and every fault is told at once, in
 * its own names and codes. What the reader of submissions knows itself (addresses, files, headers) is left to it.
 */
import { readAddress } from '../../../base/address.ts';
import type { Issue } from '../../../core/explain.ts';
import { type Fields, isFields, within } from '../../field-errors.ts';

export type SendmuxRead = { ok: true; body: Fields } | { ok: false; errors: Issue[] };

const MOST_COPIES = 49;
const MOST_ATTACHMENTS = 10;
const MOST_BODY_CHARS = 26_214_400;
const MOST_SUBJECT_CHARS = 998;
const MOST_EMAIL_CHARS = 254;
const MOST_NAME_CHARS = 100;
const MOST_HEADER_CHARS = 500;
const MOST_ISSUES = 100;

const FIELDS: ReadonlySet<string> = new Set([
  ...['from', 'to', 'subject', 'html_body', 'text_body', 'cc', 'bcc'],
  ...['reply_to', 'return_path', 'custom_headers', 'attachments'],
]);
const ADDRESS_FIELDS: ReadonlySet<string> = new Set(['email', 'name']);
const FILE_FIELDS: ReadonlySet<string> = new Set(['attachment_id', 'filename', 'content', 'type', 'encoding']);
const LINE_END = /[\r\n]/;

/** Collects what is wrong. */
class Issues {
  readonly list: Issue[] = [];

  add(code: string, param: string, message: string): void {
    if (this.list.length < MOST_ISSUES) this.list.push({ code, param, message });
  }

  missing(param: string): void {
    this.add('missing_parameter', param, 'It is required.');
  }

  /** A text within bounds; null where it is none, and then it is told. */
  text(value: unknown, param: string, bounds: { least?: number; most: number; isLine?: boolean }): string | null {
    const { least = 0, most, isLine } = bounds;
    if (typeof value !== 'string') this.add('invalid_type', param, 'It must be a string.');
    else if (value.length < least) this.add('too_small', param, `It must have at least ${least} characters.`);
    else if (value.length > most) this.add('too_big', param, `It must have at most ${most} characters.`);
    else if (isLine && LINE_END.test(value)) this.add('invalid_string', param, 'It must be one line.');
    else return value;
    return null;
  }

  unknown(fields: Fields, known: ReadonlySet<string>, parent: string): void {
    for (const name of Object.keys(fields)) {
      if (!known.has(name)) this.add('unrecognized_keys', within(parent, name), 'There is no such field.');
      if (this.list.length >= MOST_ISSUES) return;
    }
  }
}

export function readSendmux(value: unknown): SendmuxRead {
  const issues = new Issues();
  if (!isFields(value)) {
    issues.add('invalid_type', '', 'A message must be a JSON object.');
    return { ok: false, errors: issues.list };
  }
  issues.unknown(value, FIELDS, '');
  const from = required(value, 'from', issues, addressOf);
  const to = required(value, 'to', issues, addressOf);
  const line = { least: 1, most: MOST_SUBJECT_CHARS, isLine: true };
  const subject = required(value, 'subject', issues, (one, param) => issues.text(one, param, line));
  const long = { least: 1, most: MOST_BODY_CHARS };
  const html = required(value, 'html_body', issues, (one, param) => issues.text(one, param, long));
  const { text_body: text, return_path: returnPath } = value;
  const body: Record<string, unknown> = { from, to, subject, html, on_limit: 'reject' };
  // A text that is empty says nothing.
  if (text !== undefined && text !== '') body['text'] = issues.text(text, 'text_body', { most: MOST_BODY_CHARS });
  if (value['cc'] !== undefined) body['cc'] = copiesOf(value['cc'], 'cc', issues);
  if (value['bcc'] !== undefined) body['bcc'] = copiesOf(value['bcc'], 'bcc', issues);
  if (value['reply_to'] !== undefined) body['reply_to'] = addressOf(value['reply_to'], 'reply_to', issues);
  // Bounces come to a signed address of the gateway's own: only the form of another is looked at.
  if (returnPath !== undefined) checkReturnPath(returnPath, issues);
  if (value['custom_headers'] !== undefined) body['headers'] = headersOf(value['custom_headers'], issues);
  if (value['attachments'] !== undefined) body['attachments'] = filesOf(value['attachments'], issues);
  return issues.list.length === 0 ? { ok: true, body } : { ok: false, errors: issues.list };
}

function required<Read>(
  value: Fields,
  param: string,
  issues: Issues,
  read: (one: unknown, param: string, issues: Issues) => Read | null,
): Read | null {
  if (value[param] !== undefined) return read(value[param], param, issues);
  issues.missing(param);
  return null;
}

function addressOf(value: unknown, param: string, issues: Issues): { email: string; name?: string } | null {
  if (!isFields(value)) {
    issues.add('invalid_type', param, 'It must be an object with "email" and perhaps "name".');
    return null;
  }
  issues.unknown(value, ADDRESS_FIELDS, param);
  const { email, name } = value;
  if (name !== undefined) issues.text(name, `${param}.name`, { most: MOST_NAME_CHARS, isLine: true });
  if (email === undefined) issues.missing(`${param}.email`);
  const read = email === undefined ? null : issues.text(email, `${param}.email`, { least: 1, most: MOST_EMAIL_CHARS });
  if (read === null) return null;
  return typeof name === 'string' && name !== '' ? { email: read, name } : { email: read };
}

function checkReturnPath(value: unknown, issues: Issues): void {
  const text = issues.text(value, 'return_path', { most: MOST_EMAIL_CHARS });
  const read = text === null ? null : readAddress(text);
  if (read?.ok === false) issues.add('invalid_string', 'return_path', read.message);
}

function copiesOf(value: unknown, param: string, issues: Issues): unknown[] {
  if (!Array.isArray(value)) issues.add('invalid_type', param, 'It must be a list.');
  else if (value.length > MOST_COPIES) issues.add('too_big', param, `It must have at most ${MOST_COPIES} elements.`);
  else return value.map((one, i) => addressOf(one, `${param}[${i}]`, issues));
  return [];
}

function headersOf(value: unknown, issues: Issues): Fields {
  if (!isFields(value)) {
    issues.add('invalid_type', 'custom_headers', 'It must be an object.');
    return {};
  }
  for (const [name, text] of Object.entries(value)) {
    const param = within('custom_headers', name);
    if (!/^x-./i.test(name)) issues.add('invalid_string', param, 'Names of headers begin with "X-".');
    issues.text(text, param, { most: MOST_HEADER_CHARS, isLine: true });
  }
  return value;
}

function filesOf(value: unknown, issues: Issues): unknown[] {
  if (!Array.isArray(value)) issues.add('invalid_type', 'attachments', 'It must be a list.');
  else if (value.length > MOST_ATTACHMENTS) {
    issues.add('too_big', 'attachments', `A message has at most ${MOST_ATTACHMENTS} attachments.`);
  } else return value.map((one, i) => fileOf(one, `attachments[${i}]`, issues));
  return [];
}

function fileOf(value: unknown, param: string, issues: Issues): unknown {
  if (!isFields(value)) {
    issues.add('invalid_type', param, 'It must be an object.');
    return null;
  }
  issues.unknown(value, FILE_FIELDS, param);
  const { attachment_id, filename, content, type, encoding } = value;
  if (encoding !== undefined && encoding !== 'base64') {
    issues.add('invalid_enum_value', `${param}.encoding`, 'It must be "base64".');
  }
  const known = { attachment_id, filename, content, content_type: type };
  return Object.fromEntries(Object.entries(known).filter(([, one]) => one !== undefined));
}

/** Our names of fields at the start of a place, and theirs. */
const PLACES: readonly (readonly [ours: RegExp, theirs: string])[] = [
  [/^to\[0\]/, 'to'],
  [/^reply_to\[0\]/, 'reply_to'],
  [/^html\b/, 'html_body'],
  [/^text\b/, 'text_body'],
  [/^headers\b/, 'custom_headers'],
  [/^(attachments\[\d+\])\.content_type\b/, '$1.type'],
];

/** Where something stands in the request, in its names. */
export function sendmuxParam(param: string | null): string | null {
  if (param === null || param === '') return null;
  for (const [ours, theirs] of PLACES) if (ours.test(param)) return param.replace(ours, theirs);
  return param;
}
