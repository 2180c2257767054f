/** Lists of sent messages, narrowed and by place, as Postmark has them. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { readAddress } from '../../../base/address.ts';
import type { IntakeDoor } from '../../door.ts';
import { eachMessage } from '../message-pages.ts';
import { queryOf, spanOf } from './query.ts';
import { type Shown, shownInList } from './show.ts';

const LARGEST_PAGE = 500;
/** How far a list reaches back; beyond, it is narrowed by dates. */
const MOST_LISTED = 10_000;

/** `TotalCount` is exact up to the end of the page, and one more where more follow. */
export async function list(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const query = queryOf(request);
  const invalid = (param: string, message: string) =>
    door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
  const [count, offset] = [Number(query['count'] ?? LARGEST_PAGE), Number(query['offset'] ?? 0)];
  if (!Number.isInteger(count) || count < 1 || count > LARGEST_PAGE) {
    return invalid('count', `It must be a whole number from 1 to ${LARGEST_PAGE}.`);
  }
  if (!Number.isInteger(offset) || offset < 0 || count + offset > MOST_LISTED) {
    return invalid('offset', `Count and offset together reach at most ${MOST_LISTED}: narrow the list by its dates.`);
  }
  const span = spanOf(query);
  if ('errors' in span) return door.problems.invalid(request, reply, span.errors);
  const read = query['recipient'] === undefined ? null : readAddress(query['recipient']);
  if (read?.ok === false) return invalid('recipient', read.message);
  const narrowed = { ...span, tag: query['tag'] ?? null, recipient: read?.address.key ?? null };
  const found: Shown[] = [];
  for await (const message of eachMessage(request, door, { ...narrowed, wanted: count + offset + 1 })) {
    const shown = shownInList(message);
    if (isWanted(shown, message.from.email, query)) found.push(shown);
    if (found.length > count + offset) break;
  }
  return reply.send({ TotalCount: found.length, Messages: found.slice(offset, offset + count) });
}

const METADATA = 'metadata_';

function isWanted(shown: Shown, sender: string, query: Readonly<Record<string, string | undefined>>): boolean {
  const { fromemail, subject, status, messagestream } = query;
  const isSame = (value: string, wanted: string | undefined) =>
    wanted === undefined || value.toLowerCase() === wanted.toLowerCase();
  const own = Object.fromEntries(Object.entries(shown.Metadata).map(([name, value]) => [name.toLowerCase(), value]));
  return (
    isSame(sender, fromemail) &&
    isSame(shown.Subject, subject) &&
    isSame(shown.Status, status) &&
    isSame(shown.MessageStream, messagestream) &&
    Object.entries(query).every(
      ([name, value]) => !name.startsWith(METADATA) || own[name.slice(METADATA.length)] === value,
    )
  );
}
