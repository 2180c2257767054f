/** Messages as faces list them: by place or after an id, where the store has pages of its own. */
import type { FastifyRequest } from 'fastify';
import type { MessageFilter } from '../../data/port/messages.ts';
import type { StoredMessage } from '../../data/store.ts';
import type { IntakeDoor } from '../door.ts';

export const EVERYTHING: MessageFilter = {
  ...{ status: null, recipient: null, tag: null, reason: null, since: null, until: null, q: null },
};

const MOST_IN_A_PAGE = 200;

/** How far back a list looks. */
export const MOST_LOOKED_AT = 10_000;

/** Of the caller's tenant and mode, newest first; `wanted`: about so many. */
export async function* eachMessage(
  request: FastifyRequest,
  { store }: Pick<IntakeDoor, 'store'>,
  filter: MessageFilter,
  wanted: number,
): AsyncGenerator<StoredMessage> {
  const { tenantNo, mode } = request.caller!.principal!;
  let cursor: string | null = null;
  let left = MOST_LOOKED_AT;
  do {
    const limit = Math.min(left, wanted, MOST_IN_A_PAGE);
    const page: { rows: StoredMessage[]; next: string | null } = await store.messages({
      ...{ tenantNo, mode, filter, limit, cursor },
    });
    yield* page.rows;
    left -= limit;
    cursor = page.next;
  } while (cursor !== null && left > 0);
}
