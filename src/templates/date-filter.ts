/**
 * The `date` filter, the same on every machine: times are UTC unless a zone is named, `now` is the time of the rendering, and
 * only written forms with one meaning are read.
 */
import { parseTime } from '../core/time.ts';
import type { Filter } from './filter.ts';
import { WrongValue } from './wrong-value.ts';

/** Under this name the time of the rendering stands among the globals, in milliseconds. */
export const NOW = '#now';

const MOST_FORMAT = 200;
const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const MINUTE = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?$/;

/** Milliseconds, or null where the value is no time. */
function timeOf(value: unknown, now: number): number | null {
  if (typeof value === 'number') return value * 1000;
  if (typeof value !== 'string') return null;
  if (value === 'now' || value === 'today') return now;
  if (/^\d{1,12}$/.test(value)) return Number(value) * 1000;
  if (DAY.test(value)) return parseTime(`${value}T00:00:00Z`);
  const written = MINUTE.exec(value);
  return parseTime(written === null ? value : `${written[1]}T${written[2]}${written[3] ?? ':00'}Z`);
}

export function dateFilter(formatted: Filter): Filter {
  return function (value, ...args) {
    if (value === null || value === undefined || value === '') return '';
    const globals = this.context.globals as Record<string, unknown>;
    const ms = timeOf(value, globals[NOW] as number);
    if (ms === null || !(Math.abs(ms) <= 8.64e15))
      throw new WrongValue('the filter date needs a time, such as 2026-12-01T09:00:00Z');
    if (typeof args[0] === 'string' && args[0].length > MOST_FORMAT) {
      throw new WrongValue(`a date format has at most ${MOST_FORMAT} characters`);
    }
    return formatted.call(this, ms / 1000, ...args);
  };
}
