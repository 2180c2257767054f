/** The health of a mailbox: why its score is what it is, and how it came to that. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { addressKey } from '../base/address.ts';
import { formatTime } from '../core/time.ts';
import type { HealthHour, MailboxHealth } from '../data/port/senders.ts';
import { BACK_FROM, EXCLUDED_BELOW, HEALTH_LEVELS, HEALTH_OUTCOMES } from '../policy/health.ts';
import { notFound, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { CLOSED, ID_PARAMS, orNull, timeOrNull } from './shapes.ts';

const DAY_MS = 86_400_000;
const HOURLY_DAYS = 7;

const QUERY = Type.Object(
  {
    by: Type.Optional(
      Type.Enum(['hour', 'day'], {
        description: `Steps of the history: hours of the last ${HOURLY_DAYS} days, or days of the last 30; days unless said.`,
      }),
    ),
  },
  CLOSED,
);
const RATE = Type.Number({ description: 'A share of the attempts, 0 to 1.' });
const SIGN = Type.Integer({ minimum: 0, maximum: 100 });
const HEALTH = Type.Object({
  mailbox: Type.String(),
  health: Type.Integer({ description: '0 to 100.' }),
  level: Type.Enum([...HEALTH_LEVELS], { description: '`excluded`: no mail leaves through it.' }),
  excluded_below: Type.Integer(),
  back_from: Type.Integer({ description: 'The score from which one that is left out is used again.' }),
  excluded_since: orNull(Type.String()),
  recovers_at: orNull(Type.String(), { description: 'When it comes back if nothing new happens.' }),
  rates: Type.Object(
    { attempts: Type.Number(), deferred: RATE, bounced: RATE, complained: RATE, auth_failed: RATE },
    { description: 'Of what is remembered, which halves every day, and over no less than a minimum sample.' },
  ),
  because: Type.Object(
    { deferred: SIGN, bounced: SIGN, complained: SIGN, auth_failed: SIGN },
    { description: 'What each takes off the score.' },
  ),
  history: Type.Array(
    Type.Object({
      at: Type.String({ description: 'When the step begins, UTC.' }),
      delivered: Type.Integer(),
      deferred: Type.Integer(),
      bounced: Type.Integer(),
      complained: Type.Integer(),
      auth_failed: Type.Integer(),
      health: Type.Integer({ description: 'The lowest in it.' }),
    }),
    { description: 'Steps in which something happened, the newest first.' },
  ),
});

const rounded = (share: number): number => Math.round(share * 10_000) / 10_000;

function stepBody({ at, score, ...counts }: HealthHour) {
  return { at: formatTime(at), ...counts, health: score };
}

/** Hours of one UTC day as one step. */
function days(hours: readonly HealthHour[]): HealthHour[] {
  const found: HealthHour[] = [];
  for (const hour of hours) {
    const at = Math.floor(hour.at / DAY_MS) * DAY_MS;
    const day = found.at(-1);
    if (day?.at !== at) {
      found.push({ ...hour, at });
      continue;
    }
    for (const outcome of HEALTH_OUTCOMES) day[outcome] += hour[outcome];
    day.score = Math.min(day.score, hour.score);
  }
  return found;
}

function healthBody(id: string, health: MailboxHealth, steps: readonly HealthHour[]): Static<typeof HEALTH> {
  const { attempts, deferred, bounced, complained, auth_failed } = health.rates;
  return {
    mailbox: id,
    health: health.score,
    level: health.level,
    excluded_below: EXCLUDED_BELOW,
    back_from: BACK_FROM,
    excluded_since: timeOrNull(health.excludedSince),
    recovers_at: timeOrNull(health.recoversAt),
    rates: {
      attempts: Math.round(attempts * 10) / 10,
      deferred: rounded(deferred),
      bounced: rounded(bounced),
      complained: rounded(complained),
      auth_failed: rounded(auth_failed),
    },
    because: health.penalties,
    history: steps.map(stepBody),
  };
}

export function mailboxHealthRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/mailboxes/:id/health',
    {
      config: { scopes: ['read', 'manage', 'approve'] },
      schema: {
        summary: 'Why the health of a mailbox is what it is, and how it came to that',
        description:
          'Reckoned from its own deliveries, deferrals, bounces, complaints and failed sign-ins, as rates over what is remembered.',
        tags: ['Mailboxes'],
        params: ID_PARAMS,
        querystring: QUERY,
        response: { 200: HEALTH },
      },
    },
    async (request, reply) => {
      const { id } = request.params as Static<typeof ID_PARAMS>;
      const { by = 'day' } = request.query as Static<typeof QUERY>;
      const { tenantNo, mode } = principalOf(request);
      const name = id.includes('@') ? (addressKey(id) ?? id) : id;
      const mailbox = await store.mailbox({ tenantNo, mode, id: name });
      if (mailbox === null) return notFound(request, reply, problems, 'mailbox', id);
      const health = await store.mailboxHealth({ tenantNo, mode, no: mailbox.no });
      const newest = health.hours[0]?.at ?? 0;
      const steps =
        by === 'day' ? days(health.hours) : health.hours.filter(({ at }) => at > newest - HOURLY_DAYS * DAY_MS);
      return healthBody(mailbox.id, health, steps);
    },
  );
}
