/**
 * Writes the values of evidence for people. What a value is follows from the name of its field: `*_at` and `since` are
 * times, `*_bytes` sizes, `seconds` and `*_seconds` spans, `rate` and `*_rate` shares, `window` and `unit` those of a
 * limit. A value that cannot be written is not known, and the sentence does without it.
 *
 * Invariant: whatever stands in the evidence, the outcome is one line of bounded length without control or bidi
 * characters, in time linear in that bound: parts of the evidence come from strangers.
 */

import type { WordsFor } from './sentence.ts';
import type { Noun, Texts } from './texts.ts';

type Words = Readonly<Record<string, Readonly<Record<string, string>>>>;

type Source = {
  evidence: Readonly<Record<string, unknown>>;
  /** Milliseconds; fills in `{clears_at}` and `{time}`. */
  clearsAt: number | null;
  /** Words for values of fields, from the text of the reason. */
  words: Words | undefined;
  texts: Texts;
};

const MAX_CHARACTERS = 200;
const MAX_LISTED = 5;
/** The last instant a Date can hold (ECMA-262 §21.4.1.1), but one that still has a year of four digits. */
const LAST_TIME_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** A time as API answers have it: RFC 3339 in UTC with milliseconds; null where there is none. */
export function rfc3339(timeMs: number | null | undefined): string | null {
  if (timeMs === null || timeMs === undefined || !(timeMs >= 0 && timeMs <= LAST_TIME_MS)) return null;
  return new Date(timeMs).toISOString();
}

/** Whether a field of evidence holds a time. `warn_at` does not: it is the policy's field, and a score. */
export function isTimeField(field: string): boolean {
  return field === 'since' || field.endsWith('_until') || (field.endsWith('_at') && field !== 'warn_at');
}

/** What the placeholders of a text stand for. */
export function evidenceWords(source: Source): WordsFor {
  return (field, noun) => {
    if (field === 'clears_at') return rfc3339(source.clearsAt);
    if (field === 'time') return customerTime(source.clearsAt, source.texts);
    const value = source.evidence[field];
    if (value === undefined || value === null) return null;
    if (noun !== null) return typeof value === 'number' ? counted(value, source.texts.nouns[noun]) : null;
    return typeof value === 'number' ? numberWords(field, value, source.texts) : otherWords(field, value, source);
  };
}

/** A time for an end customer, rounded up to the minute so that it is never too early. */
function customerTime(timeMs: number | null, texts: Texts): string | null {
  const iso = rfc3339(timeMs === null ? null : Math.ceil(timeMs / 60_000) * 60_000);
  if (iso === null) return null;
  const parts: Record<string, string> = {
    hour: iso.slice(11, 13),
    minute: iso.slice(14, 16),
    day: String(Number(iso.slice(8, 10))),
    month: texts.months[Number(iso.slice(5, 7)) - 1] ?? '',
    year: iso.slice(0, 4),
  };
  return texts.time.replace(/\{([a-z]+)\}/g, (_, part: string) => parts[part] ?? '');
}

function numberWords(field: string, value: number, texts: Texts): string | null {
  if (!Number.isFinite(value)) return null;
  if (isTimeField(field)) return rfc3339(value);
  if (field.endsWith('_bytes')) return size(value);
  if (field === 'seconds' || field.endsWith('_seconds')) return span(value, texts);
  if (field === 'rate' || field.endsWith('_rate')) return `${Math.round(value * 10_000) / 100} %`;
  return String(value);
}

function otherWords(field: string, value: unknown, source: Source): string | null {
  if (Array.isArray(value)) return list(value);
  if (typeof value !== 'string' || value === '') return null;
  // A person's note ends with a full stop or not; the sentence around it has its own.
  if (field === 'note' && value.endsWith('.')) return plain(value.slice(0, -1));
  if (field === 'window') return windowWords(value, source.texts);
  if (field === 'unit') return unitWords(value, source);
  const words = source.words !== undefined && Object.hasOwn(source.words, field) ? source.words[field] : undefined;
  if (words === undefined) return plain(value);
  return Object.hasOwn(words, value) ? words[value]! : plain(value.replaceAll('_', ' '));
}

/** The unit in the form that fits the limit: "500 of 500 recipients". */
function unitWords(unit: string, source: Source): string {
  const noun = Object.hasOwn(source.texts.nouns, unit) ? source.texts.nouns[unit] : undefined;
  if (noun === undefined) return plain(unit) ?? unit;
  return source.evidence['limit'] === 1 ? noun.one : noun.other;
}

function counted(value: number, noun: Noun | undefined): string | null {
  if (noun === undefined || !Number.isFinite(value)) return null;
  return `${value} ${value === 1 ? noun.one : noun.other}`;
}

const SPANS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** A span in the largest unit that divides it: 86,400 → "1 day", 5,400 → "90 minutes". */
function span(seconds: number, texts: Texts): string | null {
  const found = SPANS.find(([, length]) => seconds >= length && seconds % length === 0);
  return found === undefined
    ? counted(seconds, texts.nouns['second'])
    : counted(seconds / found[1], texts.nouns[found[0]]);
}

const WINDOW_UNITS: Readonly<Record<string, string>> = { s: 'second', m: 'minute', h: 'hour', d: 'day' };

/** The window of a limit; null for a rate, which has no length. */
function windowWords(window: string, texts: Texts): string | null {
  if (Object.hasOwn(texts.windows, window)) return texts.windows[window]!;
  const rolling = /^rolling_(\d{1,6})([smhd])$/.exec(window);
  if (rolling === null) return null;
  const length = counted(Number(rolling[1]), texts.nouns[WINDOW_UNITS[rolling[2]!]!]);
  return length === null ? null : texts.rollingWindow.replace('{span}', length);
}

const SIZES = [
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
] as const;

/** A size in decimal units: 26,214,400 → "26.21 MB". */
function size(bytes: number): string {
  const found = SIZES.find(([, unit]) => bytes >= unit);
  return found === undefined ? `${bytes} B` : `${Math.round((bytes / found[1]) * 100) / 100} ${found[0]}`;
}

/** The first few members of a list, named by themselves or by their `name`. */
function list(values: readonly unknown[]): string | null {
  const named = values
    .slice(0, MAX_LISTED)
    .map(memberName)
    .filter((name) => name !== null);
  if (named.length === 0) return null;
  return named.join(', ') + (values.length > MAX_LISTED ? ', …' : '');
}

function memberName(value: unknown): string | null {
  const name = typeof value === 'object' && value !== null && 'name' in value ? value.name : value;
  if (typeof name === 'number') return Number.isFinite(name) ? String(name) : null;
  return typeof name === 'string' ? plain(name) : null;
}

/** C0 and C1 controls, line and paragraph separators, zero-width and bidi controls. */
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** One line of text that cannot change how the rest is read; null when nothing is left. */
function plain(text: string): string | null {
  const cut = text.slice(0, MAX_CHARACTERS).toWellFormed().replace(INVISIBLE, ' ').trim();
  if (cut === '') return null;
  return text.length > MAX_CHARACTERS ? `${cut}…` : cut;
}
