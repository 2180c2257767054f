/** What Postmark's clients narrow lists by. Names come in any letter case; days are UTC, and the last one is whole. */
import type { FastifyRequest } from 'fastify';
import type { Issue } from '../../../core/explain.ts';
import { parseTime } from '../../../core/time.ts';

/** By names in lower case; what is empty is not there. */
export function queryOf(request: FastifyRequest): Readonly<Record<string, string | undefined>> {
  const given = Object.entries(request.query as Record<string, unknown>);
  const texts = given.filter((one): one is [string, string] => typeof one[1] === 'string' && one[1] !== '');
  return Object.fromEntries(texts.map(([name, value]) => [name.toLowerCase(), value]));
}

const DAY_MS = 86_400_000;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const WITHOUT_ZONE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?$/;

/** `fromDate` and `toDate` in milliseconds: from the first on, before the second. */
export function spanOf({
  fromdate,
  todate,
}: Readonly<Record<string, string | undefined>>): { since: number; until: number } | { errors: Issue[] } {
  const since = fromdate === undefined ? 0 : timeOf(fromdate);
  const last = todate === undefined ? Number.MAX_SAFE_INTEGER - DAY_MS : timeOf(todate);
  const message = 'It must be a day such as "2026-12-01", or a time such as "2026-12-01T09:00:00".';
  const errors = [
    ...(since === null ? [{ code: 'invalid_parameter', param: 'fromDate', message }] : []),
    ...(last === null ? [{ code: 'invalid_parameter', param: 'toDate', message }] : []),
  ];
  if (since === null || last === null) return { errors };
  return { since, until: todate !== undefined && DAY.test(todate) ? last + DAY_MS : last + 1 };
}

function timeOf(text: string): number | null {
  if (DAY.test(text)) return parseTime(`${text}T00:00:00Z`);
  return parseTime(WITHOUT_ZONE.test(text) ? `${text}Z` : text);
}
