/** Readers of single values. Each takes a value as it stood in the body, and answers null where it is absent or wrong. */

import { hasControl, isStorable, isWithinCharacters } from '../base/text.ts';
import { parseTime } from '../core/time.ts';
import type { FieldErrors } from './field-errors.ts';

const notText = 'It must be a string.';
const notStorable = 'It holds a lone surrogate or U+0000.';

/** Any text but U+0000 and lone surrogates, of any length: bodies. */
export function readBody(value: unknown, param: string, errors: FieldErrors): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') errors.invalid(param, notText);
  else if (!isStorable(value)) errors.invalid(param, notStorable);
  else return value;
  return null;
}

/** Whether `readText` would take it as it stands; it takes some longer ones too. */
export function isPlainText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length <= max && isStorable(value);
}

/** Text of at most `max` characters, any but U+0000 and lone surrogates: tags, metadata. */
export function readText(value: unknown, max: number, param: string, errors: FieldErrors): string | null {
  const text = readBody(value, param, errors);
  if (text === null || isWithinCharacters(text, max)) return text;
  errors.invalid(param, `It has at most ${max} characters.`);
  return null;
}

/** A name or label on one line: 1 to `max` characters, no controls. */
export function readLabel(value: unknown, max: number, param: string, errors: FieldErrors): string | null {
  const text = readText(value, max, param, errors);
  if (text === null) return null;
  if (text === '') errors.invalid(param, `It has 1 to ${max} characters; leave it out or give null for none.`);
  else if (hasControl(text)) errors.invalid(param, 'It holds no control characters.');
  else return text;
  return null;
}

/** One of a few words; absent is the first of them. */
export function readWord<Word extends string>(
  value: unknown,
  words: readonly [Word, ...Word[]],
  param: string,
  errors: FieldErrors,
): Word {
  if (value === undefined || value === null) return words[0];
  for (const word of words) if (word === value) return word;
  errors.invalid(param, `It must be one of ${words.map((word) => `"${word}"`).join(', ')}.`);
  return words[0];
}

/** A time as RFC 3339 has it, in milliseconds since the Unix epoch. */
export function readTime(value: unknown, param: string, errors: FieldErrors): number | null {
  if (value === undefined || value === null) return null;
  const ms = typeof value === 'string' ? parseTime(value) : null;
  if (ms === null) errors.invalid(param, 'It must be a time as RFC 3339 has it, such as "2026-12-01T09:00:00Z".');
  return ms;
}

/**
 * A Message-ID in angle brackets (RFC 5322 §3.6.4), as loose within as those in the wild are: visible ASCII without
 * blanks, specials that would end it, or a second pair of brackets, and an "@" inside.
 */
const messageId = /^<[!#-'*+\--:=?A-Z[\]^-~]+@[!#-'*+\--:=?A-Z[\]^-~]+>$/;
const maxMessageIdLength = 996;

export function readMessageId(value: unknown, param: string, errors: FieldErrors): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && value.length <= maxMessageIdLength && messageId.test(value)) return value;
  errors.invalid(param, 'It must be a Message-ID in angle brackets, such as "<unique@example.com>".');
  return null;
}
