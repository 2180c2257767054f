/** Times as Resend's clients write them: ISO 8601 in its looser forms, or from now on. */
import { formatTime, parseTime } from '../../../core/time.ts';

const UNITS: Readonly<Record<string, number>> = {
  ...{ s: 1000, sec: 1000, second: 1000, m: 60_000, min: 60_000, minute: 60_000 },
  ...{
    h: 3_600_000,
    hr: 3_600_000,
    hour: 3_600_000,
    d: 86_400_000,
    day: 86_400_000,
    w: 604_800_000,
    week: 604_800_000,
  },
};

const FROM_NOW = /^in (an?|\d{1,6}) ?([a-z]{1,6})$/;
/** A blank for the T, an offset in hours alone or none at all, which is UTC. */
const LOOSE = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}(?::?\d{2})?)?$/;

/** In the form of submissions; what is no time as it came, for their reader to refuse. */
export function readWhen(given: unknown, now: number): unknown {
  if (typeof given !== 'string' || given.length > 40 || parseTime(given) !== null) return given;
  const from = FROM_NOW.exec(given.trim().toLowerCase());
  if (from !== null) return fromNow(from[1]!, from[2]!, now) ?? given;
  const loose = LOOSE.exec(given.trim());
  if (loose === null) return given;
  const [, day, minute, second = ':00', zone = 'Z'] = loose;
  const hours = zone.slice(0, 3);
  const offset = zone === 'Z' ? zone : `${hours}:${zone.slice(3).replace(':', '') || '00'}`;
  return `${day}T${minute}${second}${offset}`;
}

function fromNow(count: string, unit: string, now: number): string | null {
  const length = UNITS[unit] ?? (unit.endsWith('s') ? UNITS[unit.slice(0, -1)] : undefined);
  const times = count.startsWith('a') ? 1 : Number(count);
  return length === undefined ? null : formatTime(now + times * length);
}
