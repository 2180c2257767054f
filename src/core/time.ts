/** Times as text: RFC 3339 in, RFC 3339 in UTC with milliseconds out. Pure: no clock is read here. */

const dayMs = 86_400_000;
const daysBefore = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
/** "2026-11-22T06:00:00Z" is the shortest; nine decimals and an offset make 35. */
const minLength = 20;
const maxLength = 35;

/**
 * Milliseconds since the Unix epoch of an RFC 3339 date-time (§5.6), or null where it is none. Decimals beyond the third are
 * cut off. A leap second is taken where one may stand, at 23:59:60 UTC at the end of a month, and is the instant after it.
 */
export function parseTime(text: string): number | null {
  if (text.length < minLength || text.length > maxLength || !hasSeparators(text)) return null;
  const date = dateMs(digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2));
  const hour = digits(text, 11, 2);
  const minute = digits(text, 14, 2);
  const second = digits(text, 17, 2);
  if (date === null || hour > 23 || minute > 59 || second > 60 || hour < 0 || minute < 0 || second < 0) return null;
  const fraction = fractionOf(text);
  if (fraction === null) return null;
  const offset = offsetMs(text, fraction.end);
  if (offset === null) return null;
  const whole = date + ((hour * 60 + minute) * 60 + second) * 1000 - offset;
  if (second === 60 && !isMonthStart(whole)) return null;
  return whole + fraction.ms;
}

function hasSeparators(text: string): boolean {
  const t = text.charCodeAt(10) | 0x20;
  return (
    t === 0x74 &&
    text.charCodeAt(4) === 0x2d &&
    text.charCodeAt(7) === 0x2d &&
    text.charCodeAt(13) === 0x3a &&
    text.charCodeAt(16) === 0x3a
  );
}

/** The number in `count` digits from `at`, or -1. */
function digits(text: string, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function dateMs(year: number, month: number, day: number): number | null {
  if (year < 0 || month < 1 || month > 12 || day < 1) return null;
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const inMonth =
    month === 2 ? (isLeap ? 29 : 28) : month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  if (day > inMonth) return null;
  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  const days = before * 365 + leapDays + daysBefore[month - 1]! + (isLeap && month > 2 ? 1 : 0) + day;
  // Day 1 of the count is 0001-01-01; 1970-01-01 is day 719,163.
  return (days - 719_163) * dayMs;
}

function fractionOf(text: string): { ms: number; end: number } | null {
  if (text.charCodeAt(19) !== 0x2e) return { ms: 0, end: 19 };
  let ms = 0;
  let end = 20;
  for (let weight = 100; ; weight /= 10, end++) {
    const digit = digits(text, end, 1);
    if (digit < 0) break;
    if (weight >= 1) ms += digit * weight;
  }
  return end === 20 ? null : { ms, end };
}

function offsetMs(text: string, at: number): number | null {
  if (text.length === at + 1) return (text.charCodeAt(at) | 0x20) === 0x7a ? 0 : null;
  const sign = text.charCodeAt(at);
  if (text.length !== at + 6 || (sign !== 0x2b && sign !== 0x2d) || text.charCodeAt(at + 3) !== 0x3a) return null;
  const hours = digits(text, at + 1, 2);
  const minutes = digits(text, at + 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return null;
  return (sign === 0x2b ? 1 : -1) * (hours * 60 + minutes) * 60_000;
}

function isMonthStart(ms: number): boolean {
  return ms % dayMs === 0 && new Date(ms).getUTCDate() === 1;
}

/** Texts of seconds asked for lately: answers repeat the ends of windows. */
const prefixes = new Map<number, string>();
const MOST_PREFIXES = 512;

/**
 * A time as "2026-11-22T06:00:00.000Z"; parts of a millisecond are cut off. Throws a RangeError outside the years 0 to 9999.
 */
export function formatTime(ms: number): string {
  const second = Math.floor(ms / 1000);
  const prefix = prefixes.get(second) ?? prefixOf(second);
  const rest = Math.floor(ms) - second * 1000;
  return `${prefix}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`;
}

/** A whole second as "2026-11-22T06:00:00Z", given in seconds since the epoch. Throws as `formatTime` does. */
export function formatSecond(second: number): string {
  return `${(prefixes.get(second) ?? prefixOf(second)).slice(0, 19)}Z`;
}

function prefixOf(second: number): string {
  const text = new Date(second * 1000).toISOString();
  if (text.length !== 24) throw new RangeError('A time must lie in the years 0 to 9999');
  const prefix = text.slice(0, 20);
  if (prefixes.size >= MOST_PREFIXES) prefixes.clear();
  prefixes.set(second, prefix);
  return prefix;
}
