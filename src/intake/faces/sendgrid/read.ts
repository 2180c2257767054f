/** SendGrid's mail as submissions, one for each personalization. What it does not know is left out. */
import type { Issue } from '../../../core/explain.ts';
import { formatTime } from '../../../core/time.ts';
import { type Fields, isFields } from '../../field-errors.ts';

export type SendgridRead = { ok: true; bodies: Fields[]; isSandboxed: boolean } | { ok: false; errors: Issue[] };

type Body = Record<string, unknown>;

const MOST_PERSONALIZATIONS = 1000;

export function readSendgrid(value: unknown): SendgridRead {
  const errors: Issue[] = [];
  const invalid = (param: string, message: string): void => {
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
  const bodies = list.map((one, i) => bodyOf(one as Fields, value, shared, `personalizations[${i}]`, invalid));
  const settings = value['mail_settings'];
  const sandbox = isFields(settings) ? settings['sandbox_mode'] : undefined;
  const isSandboxed = isFields(sandbox) && sandbox['enable'] === true;
  return errors.length === 0 ? { ok: true, bodies, isSandboxed } : { ok: false, errors };
}

type Invalid = (param: string, message: string) => void;

/** What all personalizations have in common. */
function sharedOf(value: Fields, invalid: Invalid): Body {
  const body: Body = {};
  const { from, reply_to, reply_to_list, content, attachments, categories, template_id } = value;
  if (from !== undefined) body['from'] = address(from);
  if (Array.isArray(reply_to_list)) body['reply_to'] = reply_to_list.map(address);
  else if (reply_to !== undefined && reply_to !== null) body['reply_to'] = address(reply_to);
  if (Array.isArray(content)) addContent(body, content, invalid);
  else if (content !== undefined) invalid('content', 'It must be a list of objects with "type" and "value".');
  if (Array.isArray(attachments)) body['attachments'] = attachments.map(attachment);
  if (Array.isArray(categories)) body['tags'] = categories;
  else if (typeof categories === 'string') body['tags'] = [categories];
  if (typeof template_id === 'string' && template_id !== '') body['template'] = { id: templateName(template_id) };
  return body;
}

function addContent(body: Body, content: unknown[], invalid: Invalid): void {
  content.forEach((part, i) => {
    const { type, value } = isFields(part) ? part : { type: undefined, value: undefined };
    if (type === 'text/plain') body['text'] = value;
    else if (type === 'text/html') body['html'] = value;
    else invalid(`content[${i}].type`, 'It must be "text/plain" or "text/html".');
  });
}

function bodyOf(one: Fields, value: Fields, shared: Body, at: string, invalid: Invalid): Fields {
  const body: Body = { ...shared };
  for (const kind of ['to', 'cc', 'bcc'] as const) {
    const list = one[kind];
    if (list !== undefined && list !== null) body[kind] = Array.isArray(list) ? list.map(address) : address(list);
  }
  if (one['from'] !== undefined) body['from'] = address(one['from']);
  body['subject'] = one['subject'] ?? value['subject'] ?? (shared['template'] === undefined ? '' : undefined);
  const headers = { ...fieldsOf(value['headers']), ...fieldsOf(one['headers']) };
  if (Object.keys(headers).length > 0) body['headers'] = headers;
  const custom = { ...fieldsOf(value['custom_args']), ...fieldsOf(one['custom_args']) };
  if (Object.keys(custom).length > 0) body['metadata'] = texts(custom);
  const { dynamic_template_data, substitutions } = one;
  if (isFields(body['template']) && dynamic_template_data !== undefined) {
    body['template'] = { ...body['template'], data: dynamic_template_data };
  }
  if (isFields(substitutions)) substitute(body, substitutions);
  const sendAt = one['send_at'] ?? value['send_at'];
  if (typeof sendAt === 'number' && Number.isSafeInteger(sendAt) && sendAt >= 0 && sendAt < 1e11) {
    body['send_at'] = formatTime(sendAt * 1000);
  } else if (sendAt !== undefined && sendAt !== null) invalid(`${at}.send_at`, 'It must be a Unix time in seconds.');
  return Object.fromEntries(Object.entries(body).filter(([, field]) => field !== undefined));
}

/** Older templates: each key is replaced by its value wherever it stands. */
function substitute(body: Body, substitutions: Fields): void {
  for (const field of ['subject', 'text', 'html']) {
    let text = body[field];
    if (typeof text !== 'string') continue;
    for (const [key, replacement] of Object.entries(substitutions)) {
      if (key !== '' && typeof replacement === 'string') text = (text as string).replaceAll(key, () => replacement);
    }
    body[field] = text;
  }
}

function address(value: unknown): unknown {
  if (!isFields(value)) return value;
  const { email, name } = value;
  return name === undefined || name === null || name === '' ? { email } : { email, name };
}

function attachment(value: unknown): unknown {
  if (!isFields(value)) return value;
  const { content, filename, type, content_id } = value;
  const known = { content, filename, content_type: type, content_id };
  return Object.fromEntries(Object.entries(known).filter(([, one]) => one !== undefined && one !== null && one !== ''));
}

/** Clients send data for a dynamic template only where its id begins with `d-`: that stands before the slug, and is left out. */
const templateName = (id: string): string => (id.startsWith('d-') ? id.slice(2) : id);

const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});

/** Custom arguments may be numbers and the like; metadata is text. */
function texts(custom: Fields): Record<string, string> {
  return Object.fromEntries(
    Object.entries(custom).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}
