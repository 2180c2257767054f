/** Usage: what was accepted, refused and what became of it, by UTC day; and what is stored. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { REASONS, type ReasonCode } from '../core/reasons.ts';
import { formatTime, parseTime } from '../core/time.ts';
import type { TallyRow } from '../data/port/management.ts';
import { invalid, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, orNull, TIME } from './shapes.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MOST_DAYS = 366;
const DEFAULT_DAYS = 30;
/** Of an answer that has every hour. */
const MOST_HOURS = 31 * 24;

const QUERY = Type.Object(
  {
    since: Type.Optional(TIME),
    until: Type.Optional(TIME),
    interval: Type.Optional(
      Type.Enum(['day', 'hour'], { description: `With \`hour\` also every hour, ${MOST_HOURS / 24} days at most.` }),
    ),
  },
  CLOSED,
);
const COUNTS = Type.Record(Type.String(), Type.Integer());
const SUMS = {
  accepted: Type.Integer({ description: 'Recipients accepted.' }),
  blocked: Type.Integer({ description: 'Recipients refused.' }),
  by_reason: COUNTS,
  outcomes: COUNTS,
};
const USAGE = Type.Object({
  since: Type.String(),
  until: Type.String(),
  ...SUMS,
  days: Type.Array(Type.Object({ date: Type.String(), ...SUMS })),
  hours: Type.Optional(Type.Array(Type.Object({ hour: Type.String(), ...SUMS }))),
  storage: Type.Object({ used_bytes: Type.Integer(), limit_bytes: orNull(Type.Integer()) }),
});

type Sums = { accepted: number; blocked: number; by_reason: Record<string, number>; outcomes: Record<string, number> };

const nothing = (): Sums => ({ accepted: 0, blocked: 0, by_reason: {}, outcomes: {} });

function addTo(sums: Sums, code: string, n: number): void {
  if (code === 'accepted') sums.accepted += n;
  else if (code in REASONS || code === 'blocked') {
    // Held is not refused: what was accepted and waits for a person is counted as accepted.
    if (code === 'blocked' || REASONS[code as ReasonCode].category !== 'hold') sums.blocked += n;
    sums.by_reason[code] = (sums.by_reason[code] ?? 0) + n;
  } else sums.outcomes[code] = (sums.outcomes[code] ?? 0) + n;
}

/** Sums by a span of time, in order; spans in which nothing happened are left out. */
function sumsBy<Name extends string>(name: Name, tallies: readonly TallyRow[], spanOf: (hour: number) => string) {
  const spans = new Map<string, Sums>();
  for (const { hour, code, n } of tallies) {
    const span = spanOf(hour);
    let sums = spans.get(span);
    if (sums === undefined) {
      sums = nothing();
      spans.set(span, sums);
    }
    addTo(sums, code, n);
  }
  return [...spans.keys()]
    .sort()
    .map((span) => ({ [name]: span, ...spans.get(span)! }) as { [key in Name]: string } & Sums);
}

/** Sums of everything, and by day in order of time. */
function sumUp(tallies: readonly TallyRow[]): Sums & { days: ({ date: string } & Sums)[] } {
  const all = nothing();
  for (const { code, n } of tallies) addTo(all, code, n);
  return { ...all, days: sumsBy('date', tallies, (hour) => formatTime(hour * HOUR_MS).slice(0, 10)) };
}

export function usageRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/usage',
    {
      config: { scopes: ['read', 'manage'] },
      schema: {
        summary: 'Sends by day or hour and reason, and storage',
        description: `Whole hours; the last ${DEFAULT_DAYS} days unless said, ${MOST_DAYS} days at most.`,
        tags: ['Account'],
        querystring: QUERY,
        response: { 200: USAGE },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { tenantNo, tenantId, mode } = principal;
      const query = request.query as { since?: string; until?: string; interval?: 'day' | 'hour' };
      const { now } = await store.headroom({ principal, identity: null, recipient: null });
      const until = query.until === undefined ? now : parseTime(query.until);
      if (until === null) return invalid(request, reply, problems, 'until', 'It must be a time as RFC 3339 has it.');
      const since =
        query.since === undefined
          ? Math.floor(until / DAY_MS) * DAY_MS - (DEFAULT_DAYS - 1) * DAY_MS
          : parseTime(query.since);
      if (since === null) return invalid(request, reply, problems, 'since', 'It must be a time as RFC 3339 has it.');
      if (until - since > MOST_DAYS * DAY_MS || until < since) {
        return invalid(request, reply, problems, 'since', `It must lie up to ${MOST_DAYS} days before "until".`);
      }
      const isByHour = query.interval === 'hour';
      if (isByHour && query.since !== undefined && until - since > MOST_HOURS * HOUR_MS) {
        const message = `With hours it must lie up to ${MOST_HOURS / 24} days before "until".`;
        return invalid(request, reply, problems, 'since', message);
      }
      const hours = { since: Math.floor(since / HOUR_MS), until: Math.floor(until / HOUR_MS) + 1 };
      const tallies = await store.tallies({ tenantNo, mode, ...hours });
      const { storageUsed, storageLimit } = (await store.account({ tenantId, mode }))!;
      return {
        since: formatTime(hours.since * HOUR_MS),
        until: formatTime(hours.until * HOUR_MS),
        ...sumUp(tallies),
        ...(isByHour ? { hours: sumsBy('hour', tallies, (hour) => formatTime(hour * HOUR_MS)) } : {}),
        storage: { used_bytes: storageUsed, limit_bytes: storageLimit },
      };
    },
  );
}
