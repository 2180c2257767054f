/**
 * The texts of the catalogue by language. English stands in the entries themselves; another language is one more row of
 * `TEXTS` with the same texts, and no code. What a language lacks does not compile.
 */

import type { WarningText } from './reasons/warnings.ts';
import { REASONS, type ReasonCode, type ReasonText, WARNINGS, type WarningCode } from './reasons.ts';

/** A noun for one and for any other number. */
export type Noun = { one: string; other: string };

export type Texts = {
  reasons: Readonly<Record<ReasonCode, ReasonText>>;
  warnings: Readonly<Record<WarningCode, WarningText>>;
  /** Nouns of the notation `{field:noun}`, of units and of spans of time. */
  nouns: Readonly<Record<string, Noun>>;
  /** Windows that have a name of their own. */
  windows: Readonly<Record<string, string>>;
  /** A rolling window: `{span}` is its length in words. */
  rollingWindow: string;
  /** How an end customer reads a time: `{hour} {minute} {day} {month} {year}`, UTC. */
  time: string;
  months: readonly string[];
};

const ENGLISH: Texts = {
  reasons: REASONS,
  warnings: WARNINGS,
  nouns: {
    credit: { one: 'credit', other: 'credits' },
    day: { one: 'day', other: 'days' },
    hour: { one: 'hour', other: 'hours' },
    mailbox: { one: 'mailbox', other: 'mailboxes' },
    message: { one: 'message', other: 'messages' },
    minute: { one: 'minute', other: 'minutes' },
    problem: { one: 'problem', other: 'problems' },
    recipient: { one: 'recipient', other: 'recipients' },
    request: { one: 'request', other: 'requests' },
    second: { one: 'second', other: 'seconds' },
  },
  windows: {
    calendar_hour: 'the current UTC hour',
    calendar_day: 'the current UTC day',
    calendar_month: 'the current UTC month',
    rolling_1s: 'the last second',
    rolling_1m: 'the last minute',
    rolling_1h: 'the last hour',
    rolling_1d: 'the last day',
  },
  rollingWindow: 'the last {span}',
  time: '{hour}:{minute} UTC on {day} {month} {year}',
  months: [
    'January',
    'February',
    'March',
    'April',
    'May',
    'June',
    'July',
    'August',
    'September',
    'October',
    'November',
    'December',
  ],
};

/** The languages there are, by lower-case tag (RFC 5646). */
export const TEXTS: Readonly<Record<string, Texts>> = { en: ENGLISH };

/**
 * The texts for a language tag, found by cutting subtags off its end (RFC 4647 §3.4); English where there are none or
 * no tag is given.
 */
export function textsFor(locale?: string): Texts {
  let tag = (locale ?? '').slice(0, 35).toLowerCase();
  while (tag !== '') {
    if (Object.hasOwn(TEXTS, tag)) return TEXTS[tag]!;
    tag = tag.slice(0, Math.max(0, tag.lastIndexOf('-')));
  }
  return ENGLISH;
}
