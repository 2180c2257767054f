/** The query of lists: `limit` and `cursor` as every list takes them. */
import Type, { type TSchema } from 'typebox';

const DEFAULT_LIMIT = 50;

export const PAGE_QUERY = {
  limit: Type.Optional(
    Type.String({
      pattern: '^([1-9]|[1-9][0-9]|1[0-9][0-9]|200)$',
      description: 'How many to answer with: 1 to 200, default 50.',
      examples: ['50'],
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      pattern: '^[0-9a-z]{1,11}$',
      description: 'The `next_cursor` of the page before.',
      examples: ['b3k'],
    }),
  ),
};

export type PageQuery = { limit?: string; cursor?: string };

export function pageOf(query: PageQuery): { limit: number; cursor: string | null } {
  return { limit: query.limit === undefined ? DEFAULT_LIMIT : Number(query.limit), cursor: query.cursor ?? null };
}

/** The answer of a list. */
export function pageSchema(title: string, element: TSchema) {
  return Type.Object(
    {
      data: Type.Array(element),
      next_cursor: Type.Union([Type.String(), Type.Null()], {
        description: 'Give it as `cursor` for the next page; null on the last one.',
      }),
    },
    { title },
  );
}
