/** Postmark's message as a submission. What it does not know is left out. */
import type { Issue } from '../../../core/explain.ts';
import { type Fields, isFields } from '../../field-errors.ts';
import { splitAddresses } from '../address-list.ts';
import { attachedFile } from '../attached.ts';
import { placeHeaders } from '../placed-headers.ts';

/** `told`: what an answer says again of whom it goes to. */
export type PostmarkRead = { ok: true; body: Fields; told: Record<string, string> } | { ok: false; errors: Issue[] };

const SAME: readonly (readonly [theirs: string, ours: string])[] = [
  ['From', 'from'],
  ['Subject', 'subject'],
  ['HtmlBody', 'html'],
  ['TextBody', 'text'],
  ['Metadata', 'metadata'],
];

const LISTS: readonly (readonly [theirs: string, ours: string])[] = [
  ['To', 'to'],
  ['Cc', 'cc'],
  ['Bcc', 'bcc'],
  ['ReplyTo', 'reply_to'],
];

/** The stream in which everything is marketing mail; those of other names are transactional. */
const BROADCAST = 'broadcast';

export function readPostmark(value: unknown): PostmarkRead {
  if (!isFields(value)) {
    return {
      ok: false,
      errors: [{ code: 'invalid_parameter', param: '', message: 'A message must be a JSON object.' }],
    };
  }
  const errors: Issue[] = [];
  const body: Record<string, unknown> = {};
  for (const [theirs, ours] of SAME) {
    const field = value[theirs];
    if (field !== undefined && field !== null && field !== '') body[ours] = field;
  }
  for (const [theirs, ours] of LISTS) {
    const field = value[theirs];
    if (typeof field === 'string' && field.trim() !== '') body[ours] = splitAddresses(field);
    else if (field !== undefined && field !== null && field !== '') {
      errors.push({ code: 'invalid_parameter', param: theirs, message: 'It must be addresses separated by commas.' });
    }
  }
  const { Tag, Headers, Attachments, MessageStream, TemplateId, TemplateAlias, TemplateModel } = value;
  if (typeof Tag === 'string' && Tag !== '') body['tags'] = [Tag];
  if (Array.isArray(Headers)) placeHeaders(body, Headers.flatMap(header));
  if (Array.isArray(Attachments)) body['attachments'] = Attachments.map(attachment);
  if (MessageStream === BROADCAST) body['kind'] = 'marketing';
  const template = TemplateAlias ?? TemplateId;
  if (template !== undefined && template !== null) {
    const id = typeof template === 'number' ? String(template) : template;
    body['template'] = { id, ...(isFields(TemplateModel) ? { data: TemplateModel } : {}) };
  }
  if (errors.length > 0) return { ok: false, errors };
  const told = ['To', 'Cc', 'Bcc'].flatMap((name) => {
    const text = value[name];
    return typeof text === 'string' && text !== '' ? [[name, text] as const] : [];
  });
  return { ok: true, body, told: Object.fromEntries(told) };
}

function header(value: unknown): [string, unknown][] {
  if (!isFields(value)) return [];
  const { Name, Value } = value;
  return typeof Name === 'string' ? [[Name, Value]] : [];
}

function attachment(value: unknown, at: number): unknown {
  if (!isFields(value)) return value;
  const { Name, Content, ContentType, ContentID } = value;
  const contentId = typeof ContentID === 'string' ? ContentID.replace(/^cid:/, '') : undefined;
  return attachedFile({ filename: Name, content: Content, content_type: ContentType, content_id: contentId }, at);
}
