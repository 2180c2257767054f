/** Messages as faces list them: by place or after an id, where the store has pages of its own. */
import type { FastifyRequest } from 'fastify';
import type { MessageFilter } from '../../data/port/messages.ts';
import type { StoredMessage } from '../../data/store.ts';
import type { IntakeDoor } from '../door.ts';

const EVERYTHING: MessageFilter = {
  ...{ status: null, recipient: null, tag: null, reason: null, since: null, until: null, q: null },
};

const MOST_IN_A_PAGE = 200;
/** Each looks at a bounded number of events; so many for one answer, unless all is asked for. */
const MOST_PAGES = 100;

export type Walk = Partial<MessageFilter> & {
  /** About so many are wanted. */
  wanted?: number;
  /** Only what came before this message. */
  olderThan?: string | null;
  /** However far back it is. */
  isWhole?: boolean;
};

/** Of the caller's tenant and mode, newest first. */
export async function* eachMessage(
  request: FastifyRequest,
  { store }: Pick<IntakeDoor, 'store'>,
  { wanted = MOST_IN_A_PAGE, olderThan = null, isWhole = false, ...narrowed }: Walk = {},
): AsyncGenerator<StoredMessage> {
  const { tenantNo, mode } = request.caller!.principal!;
  const filter = { ...EVERYTHING, ...narrowed };
  const limit = Math.min(wanted, MOST_IN_A_PAGE);
  let cursor: string | null = null;
  let pages = 0;
  do {
    const page: { rows: StoredMessage[]; next: string | null } = await store.messages({
      ...{ tenantNo, mode, filter, limit, cursor, olderThan },
    });
    yield* page.rows;
    cursor = page.next;
    pages += 1;
  } while (cursor !== null && (isWhole || pages < MOST_PAGES));
}
