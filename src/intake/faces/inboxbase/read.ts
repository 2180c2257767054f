/** 12m's send as a submission: a message that begins a conversation, or one that goes on with it. What it does not know is left out. */
import type { Issue } from '../../../core/explain.ts';
import { type Fields, isFields } from '../../field-errors.ts';

export type InboxbaseRead =
  | { ok: true; kind: 'new'; body: Record<string, unknown>; identity: unknown }
  | { ok: true; kind: 'reply'; body: Record<string, unknown>; identity: unknown; convId: string }
  | { ok: false; errors: Issue[] };

/** Under this name it lies among the metadata of the message that it was given with. */
export const NO_REPLY_AFTER = 'no_reply_after_ms';

const UNITS: readonly (readonly [names: readonly string[], ms: number])[] = [
  [['ms', 'millisecond', 'milliseconds'], 1],
  [['s', 'sec', 'second', 'seconds'], 1000],
  [['m', 'min', 'minute', 'minutes'], 60_000],
  [['h', 'hour', 'hours'], 3_600_000],
  [['d', 'day', 'days'], 86_400_000],
];
const LEAST_WAIT_MS = 60_000;
const MOST_WAIT_MS = 366 * 86_400_000;

export function readInboxbase(value: unknown): InboxbaseRead {
  if (!isFields(value)) {
    return {
      ok: false,
      errors: [{ code: 'invalid_parameter', param: '', message: 'The body must be a JSON object.' }],
    };
  }
  const errors: Issue[] = [];
  const add = (code: string, param: string, message: string): void => {
    errors.push({ code, param, message });
  };
  const { to, subject, convId, text, html, labels } = value;
  const body: Record<string, unknown> = {};
  if (text !== undefined && text !== null) body['text'] = text;
  if (html !== undefined && html !== null) body['html'] = html;
  if (body['text'] === undefined && body['html'] === undefined) {
    add('missing_parameter', 'text', 'Give "text", "html" or both.');
  }
  if (labels !== undefined && labels !== null) body['tags'] = labels;
  const after = readWait(value['noReplyEventAfter'], add);
  if (after !== null) body['metadata'] = { [NO_REPLY_AFTER]: String(after) };
  const { identity } = value;
  if (convId === undefined || convId === null) {
    readNew(value, body, add);
    return errors.length > 0 ? { ok: false, errors } : { ok: true, kind: 'new', body, identity };
  }
  for (const [param, given] of Object.entries({ to, subject })) {
    if (given === undefined || given === null) continue;
    add('mutually_exclusive', param, `A reply has "convId" and no "${param}": both follow from the conversation.`);
  }
  if (typeof convId !== 'string') add('invalid_parameter', 'convId', 'It must be the id of a conversation.');
  return errors.length > 0
    ? { ok: false, errors }
    : { ok: true, kind: 'reply', body, identity, convId: String(convId) };
}

type Add = (code: string, param: string, message: string) => void;

function readNew(value: Fields, body: Record<string, unknown>, add: Add): void {
  const { to, subject, inReplyTo, references } = value;
  if (to === undefined || to === null || to === '') add('missing_parameter', 'to', 'It must be an address.');
  else body['to'] = to;
  if (typeof subject !== 'string')
    add('missing_parameter', 'subject', 'A message that begins a conversation needs a subject.');
  else body['subject'] = subject;
  if (inReplyTo !== undefined && inReplyTo !== null) body['in_reply_to'] = inReplyTo;
  if (references !== undefined && references !== null) body['references'] = references;
}

/** Milliseconds of "4h", "3 days", "1.5h" or a number; null where it is not given. */
function readWait(value: unknown, add: Add): number | null {
  if (value === undefined || value === null) return null;
  const ms = typeof value === 'number' ? value : typeof value === 'string' ? parseWait(value) : null;
  if (ms === null || !Number.isFinite(ms) || ms > MOST_WAIT_MS || ms < 0) {
    add(
      'invalid_parameter',
      'noReplyEventAfter',
      'It must be a time such as "4h", "3 days" or a number of milliseconds.',
    );
    return null;
  }
  return Math.max(LEAST_WAIT_MS, Math.round(ms));
}

function parseWait(text: string): number | null {
  const [, amount, name] = /^([0-9]{1,9}(?:\.[0-9]{1,9})?) ?([a-z]{1,12})$/.exec(text.trim().toLowerCase()) ?? [];
  const unit = UNITS.find(([names]) => name !== undefined && names.includes(name));
  return amount === undefined || unit === undefined ? null : Number(amount) * unit[1];
}
