/** How the page writes addresses, times, sizes and windows. */
import { readDomain } from '../../base/domain.ts';
import { formatTime } from '../../core/time.ts';
import { type Html, html } from '../docs/html.ts';

/** Text from outside: kept apart, so that its direction changes nothing around it. */
export function outside(text: string): Html {
  return html`<bdi>${text}</bdi>`;
}

/** An address with its domain as A-labels: two domains that look alike do not look alike here. */
export function address(email: string): Html {
  const at = email.lastIndexOf('@');
  const read = readDomain(email.slice(at + 1));
  return outside(at >= 0 && read.ok ? `${email.slice(0, at)}@${read.domain}` : email);
}

/** A time in UTC, to the second. */
export function time(ms: number): Html {
  const text = formatTime(ms);
  return html`<time datetime="${text}">${text.slice(0, 10)} ${text.slice(11, 19)}</time>`;
}

const counts = new Intl.NumberFormat('en');

export function count(n: number): string {
  return counts.format(n);
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

const UNITS: Readonly<Record<string, string>> = { s: 'second', m: 'minute', h: 'hour', d: 'day' };
const WINDOWS: Readonly<Record<string, string>> = {
  rate: 'at once',
  calendar_hour: 'each hour',
  calendar_day: 'each day',
  calendar_month: 'each month',
};

/** `rolling_24h` as "in any 24 hours". */
export function windowWords(name: string): string {
  const match = /^rolling_(\d{1,9})([smhd])$/.exec(name);
  if (match === null) return WINDOWS[name] ?? name;
  const unit = UNITS[match[2]!]!;
  return match[1] === '1' ? `in any ${unit}` : `in any ${match[1]} ${unit}s`;
}
