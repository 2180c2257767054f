/** Durations as text: ISO 8601 (§5.5.2), as in "PT23H" or "P1M". Pure. */

const DAY_MS = 86_400_000;
const MAX_LENGTH = 64;
const DURATION =
  /^P(?=[0-9T])(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,6})W)?(?:(\d{1,7})D)?(?:T(?=\d)(?:(\d{1,8})H)?(?:(\d{1,9})M)?(?:(\d{1,11})(?:[.,](\d{1,9}))?S)?)?$/;

export type Duration = {
  /** Calendar months: their length depends on where they begin. */
  months: number;
  /** All the rest, in milliseconds. */
  ms: number;
};

/** Reads a duration, or null where it is none. Decimals stand on seconds alone; those beyond the third are cut off. */
export function parseDuration(text: string): Duration | null {
  if (text.length > MAX_LENGTH) return null;
  const match = DURATION.exec(text);
  if (match === null) return null;
  const number = (group: number): number => Number(match[group] ?? 0);
  const days = number(3) * 7 + number(4);
  const fraction = Number((match[8] ?? '').padEnd(3, '0').slice(0, 3));
  return {
    months: number(1) * 12 + number(2),
    ms: days * DAY_MS + number(5) * 3_600_000 + number(6) * 60_000 + number(7) * 1000 + fraction,
  };
}

/** Milliseconds since the Unix epoch, a duration later. A month ends on its last day where the day does not exist in it. */
export function addDuration(ms: number, duration: Duration): number {
  return (duration.months === 0 ? ms : addMonths(ms, duration.months)) + duration.ms;
}

function addMonths(ms: number, months: number): number {
  const from = new Date(ms);
  const month = from.getUTCMonth() + months;
  const lastDay = new Date(Date.UTC(from.getUTCFullYear(), month + 1, 0)).getUTCDate();
  const inDay = ((ms % DAY_MS) + DAY_MS) % DAY_MS;
  return Date.UTC(from.getUTCFullYear(), month, Math.min(from.getUTCDate(), lastDay)) + inDay;
}
