/**
 * The address fields of a submission. Every entry is a string or {email, name}; errors name "to[0].email" whichever form
 * was used, and whether or not the list had brackets around it.
 */

import { type MailboxReading, readMailbox } from '../base/address.ts';
import type { Address } from '../core/message.ts';
import { type FieldErrors, type Fields, isFields, isGiven } from './field-errors.ts';

const maxRecipients = 100;
/** Entries over all three lists, repeats included; reading goes no further. */
const maxEntries = 1000;
const maxReplyTo = 25;

const mailboxFields: ReadonlySet<string> = new Set(['email', 'name']);

export type Recipients = { to: Address[]; cc: Address[]; bcc: Address[] };

/** Reads `to`, `cc`, `bcc`: 1 to 100 addresses; one that stands again, by its key, keeps its first place. */
export function readRecipients(body: Fields, errors: FieldErrors): Recipients {
  const to = entriesOf(body['to'], 'to', errors);
  const cc = entriesOf(body['cc'], 'cc', errors);
  const bcc = entriesOf(body['bcc'], 'bcc', errors);
  const entries = to.length + cc.length + bcc.length;
  if (entries === 0 && !isGiven(body['to'])) errors.add('missing_parameter', 'to', 'A message needs a recipient.');
  else if (entries === 0 && Array.isArray(body['to'])) errors.invalid('to', 'A message needs a recipient.');
  if (entries > maxEntries) {
    errors.invalid('to', `A message has at most ${maxRecipients} recipients over "to", "cc" and "bcc".`);
    return { to: [], cc: [], bcc: [] };
  }
  const seen = entries > 1 ? new Set<string>() : null;
  const recipients = {
    to: readEntries(to, 'to', seen, errors),
    cc: readEntries(cc, 'cc', seen, errors),
    bcc: readEntries(bcc, 'bcc', seen, errors),
  };
  if (seen !== null && seen.size > maxRecipients) {
    errors.invalid(
      'to',
      `A message has at most ${maxRecipients} recipients over "to", "cc" and "bcc"; these are ${seen.size}.`,
    );
  }
  return recipients;
}

/** Reads `from`; null where absent. A sender whose domain mixes scripts is refused outright. */
export function readFrom(value: unknown, errors: FieldErrors): Address | null {
  if (!isGiven(value)) return null;
  return readOwn(value, 'from', errors);
}

/** Reads `reply_to`: one, a list, or none; at most 25. */
export function readReplyTo(value: unknown, errors: FieldErrors): Address[] {
  const entries = entriesOf(value, 'reply_to', errors);
  if (entries.length > maxReplyTo) {
    errors.invalid('reply_to', `It has at most ${maxReplyTo} addresses.`);
    return [];
  }
  const addresses: Address[] = [];
  for (const [index, entry] of entries.entries()) {
    const address = readOwn(entry, `reply_to[${index}]`, errors);
    if (address !== null && !addresses.some(({ key }) => key === address.key)) addresses.push(address);
  }
  return addresses;
}

/** An address of the caller's own. */
function readOwn(entry: unknown, place: string, errors: FieldErrors): Address | null {
  const address = readEntry(entry, place, ALONE, errors);
  if (address?.isMixedScript !== true) return address;
  errors.invalid(`${place}.email`, 'The domain mixes scripts (UTS 39).');
  return null;
}

const none: readonly unknown[] = [];
const notMailbox = 'It must be an address, or {"email", "name"}, or a list of these.';

function entriesOf(value: unknown, param: string, errors: FieldErrors): readonly unknown[] {
  if (value === undefined || value === null) return none;
  if (Array.isArray(value)) return value;
  if (typeof value === 'string' || isFields(value)) return [value];
  errors.invalid(param, notMailbox);
  return none;
}

function readEntries(
  entries: readonly unknown[],
  param: string,
  seen: Set<string> | null,
  errors: FieldErrors,
): Address[] {
  const addresses: Address[] = [];
  for (let index = 0; index < entries.length; index++) {
    const address = readEntry(entries[index], param, index, errors);
    if (address === null || seen?.has(address.key)) continue;
    seen?.add(address.key);
    addresses.push(address);
  }
  return addresses;
}

const ALONE = -1;

/** The place, of a list's element unless it stands alone, is only spelt out where there is something to say about it. */
function readEntry(entry: unknown, list: string, index: number, errors: FieldErrors): Address | null {
  const reading = typeof entry === 'string' ? readMailbox(entry) : readObject(entry, placeOf(list, index), errors);
  if (reading === null) return null;
  if (reading.ok) return reading.address;
  errors.invalid(`${placeOf(list, index)}.${reading.field}`, reading.message);
  return null;
}

function placeOf(list: string, index: number): string {
  return index === ALONE ? list : `${list}[${index}]`;
}

function readObject(entry: unknown, place: string, errors: FieldErrors): MailboxReading | null {
  if (!isFields(entry)) {
    errors.invalid(place, 'It must be an address or {"email", "name"}.');
    return null;
  }
  errors.unknown(entry, mailboxFields, place);
  const { email, name } = entry;
  if (isGiven(name) && typeof name !== 'string') errors.invalid(`${place}.name`, 'It must be a string.');
  if (typeof email === 'string') return readMailbox({ email, name: typeof name === 'string' ? name : null });
  if (isGiven(email)) errors.invalid(`${place}.email`, 'It must be a string.');
  else errors.add('missing_parameter', `${place}.email`, 'An address is needed.');
  return null;
}
