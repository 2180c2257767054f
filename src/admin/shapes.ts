/** Pieces of schemas that the routes of the management API share, and the shape of lists. */
import type { FastifyRequest } from 'fastify';
import Type, { type TSchema, type TSchemaOptions } from 'typebox';
import { formatTime } from '../core/time.ts';
import type { Paging } from '../data/port/page.ts';
import type { Page } from '../data/store.ts';

export const CLOSED = { additionalProperties: false };

export function orNull<Schema extends TSchema>(schema: Schema, options: TSchemaOptions = {}) {
  return Type.Union([schema, Type.Null()], options);
}

/** One line of text without control characters. */
export function line(maxLength: number, description: string) {
  return Type.String({ minLength: 1, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$', description });
}

export const NOTE = Type.String({ minLength: 1, maxLength: 1000, description: 'Why, for the audit log.' });

export const TIME = Type.String({
  maxLength: 35,
  description: 'A time as RFC 3339 has it.',
  examples: ['2026-12-01T09:00:00.000Z'],
});

export const ID = Type.String({ minLength: 1, maxLength: 100, description: 'The id.' });
export const ID_PARAMS = Type.Object({ id: ID });

const LIMIT = Type.String({
  pattern: '^(?:[1-9][0-9]?|1[0-9][0-9]|200)$',
  description: 'How many to show: 1 to 200, 50 unless said.',
});

/** The query of a list; `more` are its filters. `cursor`: the pattern of what `next_cursor` holds. */
export function listQuery(more: Record<string, TSchema> = {}, cursor = '^[0-9]{1,15}$') {
  const CURSOR = Type.String({ pattern: cursor, maxLength: 400, description: 'The `next_cursor` of the page before.' });
  return Type.Object({ limit: Type.Optional(LIMIT), cursor: Type.Optional(CURSOR), ...more }, CLOSED);
}

export function listOf(item: TSchema, description: string) {
  const next = orNull(Type.String(), { description: 'Give it as `cursor` for the next page; null on the last.' });
  return Type.Object({ data: Type.Array(item), next_cursor: next }, { description });
}

export function pagingOf(request: FastifyRequest): Paging {
  const query = request.query as { limit?: string; cursor?: string };
  return { limit: query.limit === undefined ? 50 : Number(query.limit), cursor: query.cursor ?? null };
}

export function pageBody<Row, Body>(
  page: Page<Row>,
  show: (row: Row) => Body,
): { data: Body[]; next_cursor: string | null } {
  return { data: page.rows.map(show), next_cursor: page.next };
}

export const timeOrNull = (ms: number | null): string | null => (ms === null ? null : formatTime(ms));
