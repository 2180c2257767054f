/** Working hours of an identity as windows in UTC: what decisions read, since time zones are Node's to know. */

import type { Pacing } from '../../policy/pacing.ts';
import type { IdentityPacing, WorkingHours } from '../../policy/pacing-fields.ts';

const DAY_MS = 86_400_000;
/** A day back, since a zone's day may have begun before; and as far ahead as a place is looked for. */
const DAYS_BACK = 1;
const DAYS_AHEAD = 45;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let known = formats.get(timeZone);
  if (known === undefined) {
    known = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
    formats.set(timeZone, known);
  }
  return known;
}

/** What clocks in the zone show at an instant, as if it were UTC, in milliseconds. */
function shownAt(timeZone: string, at: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(at)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The instant at which clocks in the zone show this. An hour that is left out in spring begins where the clock jumps to. */
function instantOf(timeZone: string, shown: number): number {
  let at = shown;
  for (let n = 0; n < 3; n += 1) at += shown - shownAt(timeZone, at);
  return at;
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
}

/** The windows around `now`, in seconds. Hours that end before they begin go over midnight. */
function windowsOf(hours: WorkingHours, now: number): [from: number, to: number][] {
  const timeZone = hours.timezone ?? 'UTC';
  const today = Math.floor(shownAt(timeZone, now) / DAY_MS) * DAY_MS;
  const [from, to] = [minutesOf(hours.from), minutesOf(hours.to)];
  const windows: [number, number][] = [];
  for (let n = -DAYS_BACK; n <= DAYS_AHEAD; n += 1) {
    const day = today + n * DAY_MS;
    if (!hours.days.includes(DAYS[new Date(day).getUTCDay()]!)) continue;
    const begins = instantOf(timeZone, day + from * 60_000);
    const ends = instantOf(timeZone, day + (to <= from ? to + 24 * 60 : to) * 60_000);
    if (ends > begins) windows.push([Math.ceil(begins / 1000), Math.floor(ends / 1000)]);
  }
  return windows;
}

/** Made once a UTC day for each identity. */
export class PacingKept {
  private readonly kept = new Map<number, { day: number; pacing: Pacing | null }>();

  of(identity: number, { workingHours, drip }: IdentityPacing, now: number): Pacing | null {
    if (workingHours === null && drip === null) return null;
    const day = Math.floor(now / DAY_MS);
    const known = this.kept.get(identity);
    if (known?.day === day) return known.pacing;
    const pacing: Pacing = {
      windows: workingHours === null ? null : windowsOf(workingHours, now),
      gapSeconds: drip?.min_gap_seconds ?? null,
      jitterSeconds: drip?.jitter_seconds ?? 0,
    };
    this.kept.set(identity, { day, pacing });
    return pacing;
  }
}
