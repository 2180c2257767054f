/** Shapes of endpoints and their attempts over HTTP. */
import Type, { type Static, type TSchema } from 'typebox';
import { EVENT_TYPES } from '../core/events.ts';
import { formatTime } from '../core/time.ts';
import { PAUSED_REASONS, WEBHOOK_SIGNATURES, type WebhookAttemptRow, type WebhookRow } from '../data/port/webhooks.ts';
import { MOST_URL_LENGTH } from './address.ts';

const CLOSED = { additionalProperties: false };
const ID = Type.String({ minLength: 1, maxLength: 100, description: 'The id.' });
export const ID_PARAMS = Type.Object({ id: ID });

function orNull<Schema extends TSchema>(schema: Schema, description?: string) {
  return Type.Union([schema, Type.Null()], description === undefined ? {} : { description });
}

function oneOf<const Words extends readonly string[]>(words: Words, description: string) {
  return Type.Unsafe<Words[number]>({ type: 'string', enum: [...words], description });
}

const URL_TEXT = Type.String({
  minLength: 1,
  maxLength: MOST_URL_LENGTH,
  description: 'Https on port 443 or 8443, to a public address.',
  examples: ['https://example.com/hooks/postern'],
});
const TYPES = Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
  maxItems: EVENT_TYPES.length,
  description: 'Types of events; a name may end in `*`. None: all.',
  examples: [['message.delivered', 'message.bounced']],
});
const SIGNATURE = oneOf(
  WEBHOOK_SIGNATURES,
  'How events are signed: `standard` (Standard Webhooks), `t_v1` (`t=…,v1=…`), `sha256` (`sha256=…`).',
);
const CONCURRENCY = Type.Integer({
  minimum: 1,
  maximum: 20,
  description: 'How many events may be under way at once. 1: strictly in order; more: in order for each message.',
});
const DESCRIPTION = Type.String({
  maxLength: 500,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
  description: 'For people.',
});

export const CREATE = Type.Object(
  {
    url: URL_TEXT,
    types: Type.Optional(TYPES),
    signature: Type.Optional(SIGNATURE),
    concurrency: Type.Optional(CONCURRENCY),
    description: Type.Optional(orNull(DESCRIPTION)),
  },
  CLOSED,
);

export const CHANGE = Type.Object(
  {
    url: Type.Optional(URL_TEXT),
    types: Type.Optional(TYPES),
    signature: Type.Optional(SIGNATURE),
    concurrency: Type.Optional(CONCURRENCY),
    description: Type.Optional(orNull(DESCRIPTION)),
  },
  { ...CLOSED, minProperties: 1 },
);

const WHEN = Type.String({ examples: ['2026-12-01T09:00:00.000Z'] });

export const WEBHOOK = Type.Object(
  {
    id: Type.String({ examples: ['whk_01jb2m3n4p5q6r7s8t9v0w1x2y'] }),
    url: Type.String(),
    types: Type.Array(Type.String()),
    signature: SIGNATURE,
    concurrency: Type.Integer(),
    description: orNull(Type.String()),
    status: oneOf(['active', 'paused'], 'Whether events are delivered.'),
    paused_reason: orNull(oneOf(PAUSED_REASONS, 'Why it is paused.')),
    paused_at: orNull(WHEN),
    error: orNull(Type.String(), 'What was wrong with the last attempt.'),
    last_seq: Type.Integer({ description: 'Every event up to this number was delivered, or is of another type.' }),
    newest_seq: Type.Integer({ description: 'The newest event in the log.' }),
    behind_since: orNull(WHEN, 'When the first event after `last_seq` happened; null: there is none.'),
    gap: orNull(
      Type.Object({ from_seq: Type.Integer(), to_seq: Type.Integer(), noticed_at: WHEN }),
      'Events that retention removed before they could be delivered.',
    ),
    next_attempt_at: orNull(WHEN, 'When a failed event, or a paused endpoint, is tried again.'),
    last_delivered_at: orNull(WHEN),
    old_secret_until: orNull(WHEN, 'Until when the secret before this one signs too.'),
    created_at: WHEN,
    created_by: Type.String({ description: 'The name of the key.' }),
  },
  { title: 'Webhook' },
);

const SECRET = Type.String({ description: '`whsec_` and base64. It is shown this once.' });
export const MADE = Type.Object({ ...WEBHOOK.properties, secret: SECRET });

export const DELIVERY = Type.Object(
  {
    id: Type.Integer({ description: 'Counts the attempts at this endpoint.' }),
    kind: oneOf(['event', 'probe', 'test'], 'In its turn, to see whether a paused endpoint is back, or asked for.'),
    event_id: Type.String(),
    seq: Type.Integer(),
    type: Type.String(),
    attempt: Type.Integer({ description: 'Of this event, from 1.' }),
    outcome: oneOf(['delivered', 'failed'], 'What came of it.'),
    status: orNull(Type.Integer(), 'What it answered; null: nothing.'),
    error: orNull(Type.String()),
    response: Type.String({ description: 'The first 500 octets of the answer.' }),
    duration_ms: Type.Integer(),
    at: WHEN,
    next_attempt_at: orNull(WHEN),
  },
  { title: 'WebhookDelivery' },
);

export const TESTED = Type.Object(
  {
    ok: Type.Boolean(),
    status: orNull(Type.Integer(), 'What it answered; null: nothing.'),
    error: orNull(Type.String()),
    duration_ms: Type.Integer(),
    event_id: Type.String(),
    seq: Type.Integer(),
  },
  { title: 'WebhookTest' },
);

const timeOrNull = (ms: number | null): string | null => (ms === null ? null : formatTime(ms));

export function webhookBody(row: WebhookRow, realNow: number): Static<typeof WEBHOOK> {
  const { gap, pausedReason, oldSecretUntil } = row;
  return {
    id: row.id,
    url: row.url,
    types: row.types,
    signature: row.signature,
    concurrency: row.concurrency,
    description: row.description,
    status: pausedReason === null ? 'active' : 'paused',
    paused_reason: pausedReason,
    paused_at: timeOrNull(row.pausedAt),
    error: row.error,
    last_seq: row.cursor,
    newest_seq: row.newestSeq,
    behind_since: timeOrNull(row.behindSince),
    gap: gap === null ? null : { from_seq: gap.fromSeq, to_seq: gap.toSeq, noticed_at: formatTime(gap.noticedAt) },
    next_attempt_at: timeOrNull(row.nextAttemptAt),
    last_delivered_at: timeOrNull(row.lastDeliveredAt),
    old_secret_until: oldSecretUntil !== null && oldSecretUntil > realNow ? formatTime(oldSecretUntil) : null,
    created_at: formatTime(row.createdAt),
    created_by: row.createdBy,
  };
}

export function deliveryBody(row: WebhookAttemptRow): Static<typeof DELIVERY> {
  return {
    id: row.no,
    kind: row.kind,
    event_id: row.eventId,
    seq: row.seq,
    type: row.type,
    attempt: row.attempt,
    outcome: row.isDelivered ? 'delivered' : 'failed',
    status: row.status,
    error: row.error,
    response: row.excerpt,
    duration_ms: row.durationMs,
    at: formatTime(row.at),
    next_attempt_at: timeOrNull(row.nextAttemptAt),
  };
}
