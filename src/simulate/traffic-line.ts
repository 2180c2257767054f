/**
 * One line of a traffic file, read: a send with the features of its content, or something that came back. Nothing is thrown
 * whatever the line holds; what is wrong with it is a sentence that names the field. Fields that are not known are passed over,
 * so that logs of other systems need little more than new names.
 */
import { isUtf8 } from 'node:buffer';
import { addressKey } from '../base/address.ts';
import { parseTime } from '../core/time.ts';
import type { TrafficLine, TrafficReturn, TrafficSend } from '../policy/replay.ts';

export const MAX_LINE_BYTES = 1024 * 1024;
const MOST_RECIPIENTS = 100;
const MOST_NAME = 255;

export type LineReading = { ok: true; line: TrafficLine } | { ok: false; message: string };

type Fields = { readonly [name: string]: unknown };

const RETURN_KINDS: ReadonlySet<string> = new Set(['reply', 'bounce', 'complaint', 'unsubscribe', 'consent']);

/** Reads a line; null for one that holds nothing. Null bytes stand for a line past the bound. */
export function readTrafficLine(bytes: Uint8Array | null): LineReading | null {
  if (bytes === null) return wrong(`the line has more than ${MAX_LINE_BYTES} octets`);
  if (!isUtf8(bytes)) return wrong('the line is not valid UTF-8');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').trim();
  if (text === '') return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return wrong('the line is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong('the line is not an object');
  return readFields(value as Fields);
}

function wrong(message: string): { ok: false; message: string } {
  return { ok: false, message };
}

function readFields(fields: Fields): LineReading {
  const { kind, at } = fields;
  const time = typeof at === 'string' && at.length <= 40 ? parseTime(at) : null;
  if (time === null) return wrong('"at" is not a time as RFC 3339 has it');
  const tenant = fields['tenant'] ?? 'default';
  if (!isName(tenant)) return wrong('"tenant" is not a name of 1 to 255 characters');
  if (kind === 'send') return readSend(fields, time, tenant);
  if (typeof kind === 'string' && RETURN_KINDS.has(kind)) return readReturn(fields, kind, time, tenant);
  return wrong('"kind" is none of send, reply, bounce, complaint, unsubscribe, consent');
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MOST_NAME;
}

function readReturn(fields: Fields, kind: string, at: number, tenant: string): LineReading {
  const from = addressOf(fields['from']);
  if (from === null) return wrong('"from" is not an address');
  const given = fields['class'] ?? null;
  // A class that nobody knows says as little as none.
  if (given !== null && !isName(given)) return wrong('"class" is not a text of 1 to 255 characters');
  const line: TrafficReturn = {
    kind: kind as TrafficReturn['kind'],
    at,
    tenant,
    from,
    class: given,
  };
  return { ok: true, line };
}

function readSend(fields: Fields, at: number, tenant: string): LineReading {
  const { id, subject, kind_of_mail: kindOfMail = 'transactional' } = fields;
  const text = fields['text'] ?? '';
  const identity = fields['identity'] ?? null;
  const agent = fields['agent'] ?? null;
  if (!isName(id)) return wrong('"id" is not a text of 1 to 255 characters');
  const from = addressOf(fields['from']);
  if (from === null) return wrong('"from" is not an address');
  const to = recipientsOf(fields['to']);
  if (typeof to === 'string') return wrong(to);
  if (typeof subject !== 'string') return wrong('"subject" is not a text');
  if (typeof text !== 'string') return wrong('"text" is not a text');
  if (kindOfMail !== 'transactional' && kindOfMail !== 'marketing') {
    return wrong('"kind_of_mail" is neither transactional nor marketing');
  }
  if (identity !== null && !isName(identity)) return wrong('"identity" is not a name');
  if (agent !== null && !isName(agent)) return wrong('"agent" is not a name');
  const line: TrafficSend = {
    kind: 'send',
    at,
    id,
    tenant,
    from,
    to,
    subject,
    text,
    kindOfMail,
    identity,
    agent,
  };
  return { ok: true, line };
}

/** The key of an address, or null where it is none. */
function addressOf(value: unknown): string | null {
  return typeof value === 'string' ? addressKey(value) : null;
}

/** Each address once; a sentence where the field holds none. */
function recipientsOf(value: unknown): string[] | string {
  const listed = Array.isArray(value) ? (value as unknown[]) : [value];
  if (listed.length === 0 || listed.length > MOST_RECIPIENTS) {
    return `"to" does not hold 1 to ${MOST_RECIPIENTS} addresses`;
  }
  const found: string[] = [];
  for (const one of listed) {
    const address = addressOf(one);
    if (address === null) return '"to" holds something that is not an address';
    if (!found.includes(address)) found.push(address);
  }
  return found;
}
