/**
 * Shapes that many answers share, as schemas for the reference. Answers are not checked against them when they are sent: they
 * may hold more fields than are named here. A title of one word makes a schema a component of the OpenAPI document.
 */
import Type, { type TSchema, type TSchemaOptions } from 'typebox';
import { CATEGORIES, CLEARERS, REASON_CODES, WARNING_CODES } from '../core/reasons.ts';
import { RECIPIENT_STATES } from '../core/states.ts';

export function orNull(schema: TSchema, options: TSchemaOptions = {}): TSchema {
  return Type.Union([schema, Type.Null()], options);
}

export function oneOf(words: readonly string[], options: TSchemaOptions = {}): TSchema {
  return Type.Unsafe<string>({ type: 'string', enum: [...words], ...options });
}

export const time = (description: string): TSchema =>
  Type.String({ format: 'date-time', description, examples: ['2026-12-01T09:00:00.000Z'] });

export const timeOrNull = (description: string): TSchema =>
  orNull(Type.String({ format: 'date-time' }), { description });

export const idText = (prefix: string): TSchema => Type.String({ examples: [`${prefix}_01jb2m3n4p5q6r7s8t9v0w1x2y`] });

const evidence = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  description: 'The numbers and times on which it rests; the page of the reason says what each holds.',
});

export const scope = Type.Object(
  { kind: Type.String({ examples: ['tenant'] }), id: Type.String() },
  { title: 'Scope', description: 'What it applies to.' },
);

export const clears = Type.Object({
  by: Type.Array(oneOf(Object.keys(CLEARERS)), { description: 'Who can lift it.' }),
  at: timeOrNull('When it clears by itself, where that can be said.'),
});

export const reason = Type.Object(
  {
    code: oneOf(REASON_CODES),
    category: oneOf(Object.keys(CATEGORIES)),
    title: Type.String(),
    detail: Type.String({ description: 'What happened, with the numbers.' }),
    fix: Type.String({ description: 'What to do.' }),
    doc_url: Type.String({ format: 'uri' }),
    customer_message: Type.String({ description: 'For the end customer, in plain words.' }),
    retryable: Type.Boolean(),
    clears,
    scope: orNull(scope),
    evidence,
  },
  { title: 'Reason', description: 'Why something is refused, held or delayed.' },
);

export const warning = Type.Object(
  {
    code: oneOf(WARNING_CODES),
    title: Type.String(),
    detail: Type.String(),
    fix: Type.String(),
    doc_url: Type.String({ format: 'uri' }),
    scope: orNull(scope),
  },
  { title: 'Warning', description: 'What is coming; the message goes out. Its evidence stands beside `code`.' },
);

export const limit = Type.Object(
  {
    name: Type.String({ examples: ['daily'] }),
    scope,
    unit: oneOf(['message', 'recipient']),
    window: Type.String({ examples: ['rolling_24h'] }),
    limit: Type.Integer(),
    used: Type.Integer(),
    remaining: Type.Integer(),
    resets_at: timeOrNull('The next instant at which `remaining` grows; null where nothing is used.'),
    full_limit: Type.Optional(Type.Integer({ description: 'On probation alone: the limit when it is over.' })),
  },
  { title: 'Limit', description: 'Headroom of one limit.' },
);

export const risk = Type.Object(
  {
    score: Type.Integer(),
    level: oneOf(['normal', 'elevated', 'high', 'quarantined']),
    threshold: Type.Integer(),
  },
  { title: 'Risk', description: 'The risk score of the account; where the policy has it off, 0 of 0.' },
);

export const recipientStatus = oneOf(RECIPIENT_STATES, {
  title: 'RecipientStatus',
  description: 'What has become of one recipient.',
});

export const messageStatus = oneOf([...RECIPIENT_STATES, 'partial'], {
  title: 'MessageStatus',
  description: 'The state of all recipients, or `partial` where they differ.',
});

const issue = Type.Object({
  code: Type.String({ examples: ['invalid_parameter'] }),
  param: orNull(Type.String({ examples: ['to[0].email'] })),
  message: Type.String(),
});

/** RFC 9457 §3, with Postern's members. */
export const problem = Type.Object(
  {
    type: Type.String({ format: 'uri', description: 'The page about the primary reason.' }),
    title: Type.String(),
    status: Type.Integer(),
    code: oneOf(REASON_CODES, { description: 'The primary reason.' }),
    detail: Type.String(),
    fix: Type.String(),
    customer_message: Type.String(),
    retryable: Type.Boolean(),
    retry_at: timeOrNull('When the same request may succeed.'),
    clears,
    param: orNull(Type.String(), { description: 'The first field that is wrong.' }),
    reasons: Type.Array(reason),
    errors: Type.Optional(Type.Array(issue, { description: 'Every field that is wrong, when validation failed.' })),
    recipients: Type.Array(Type.Unsafe<object>({ type: 'object' })),
    limits: Type.Array(limit),
    risk: orNull(risk),
    message_id: orNull(idText('msg'), { description: 'The refused message, which can be looked up.' }),
    request_id: idText('req'),
  },
  { title: 'Problem', description: 'An error (RFC 9457), as application/problem+json.' },
);

export const event = Type.Object(
  {
    id: idText('evt'),
    seq: Type.Integer({ description: 'From 1, without gaps in one tenant and mode.' }),
    type: Type.String({ examples: ['message.delivered'] }),
    created_at: time('When it happened.'),
    data: Type.Unsafe<Record<string, unknown>>({
      type: 'object',
      description: 'All there is to know: for a message its ids, address, status, subject, tags, metadata and reasons.',
    }),
  },
  { title: 'Event', description: 'Something that happened.' },
);
