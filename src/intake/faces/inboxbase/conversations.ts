/** Conversations as 12m lists them, the newest activity first. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { readAddress } from '../../../base/address.ts';
import { readDomain } from '../../../base/domain.ts';
import type { Issue } from '../../../core/explain.ts';
import type { ThreadFilter, ThreadRow } from '../../../data/port/threads.ts';
import type { Page } from '../../../data/store.ts';
import type { SentAs } from './sent-as.ts';
import { nameThreads, spaceOf, summary, textsOf, times } from './threads.ts';

const DEFAULT_LIMIT = 50;
const LARGEST_PAGE = 200;
const MOST_LOOKS = 10;
/** A cursor in milliseconds; those of the store are shorter. */
const LAST_EVENT_AT = /^[0-9]{13,15}$/;

type Asked = {
  filter: ThreadFilter;
  limit: number;
  cursor: string | null;
  /** Milliseconds: the last thing that happened in it was not later. */
  until: number | null;
  domain: string | null;
};

export async function listConversations(
  request: FastifyRequest,
  reply: FastifyReply,
  as: SentAs,
): Promise<FastifyReply> {
  const asked = readQuery(request.query as Record<string, unknown>, as.identity.handle);
  if ('errors' in asked) return as.door.problems.invalid(request, reply, asked.errors);
  const { rows, next } = await pageOf(request, as, asked);
  const names = await nameThreads(
    request,
    as,
    rows.map(({ id }) => id),
  );
  const conversations = await Promise.all(
    rows.map(async (row, i) => {
      const whole = await as.door.store.thread({ ...spaceOf(request), id: row.id });
      const last = whole?.entries.at(-1);
      const { snippet } = last === undefined ? { snippet: '' } : await textsOf(last, as);
      return { ...summary(row, names[i]!), snippet, ...times('createdAt', row.createdAt) };
    }),
  );
  return reply.send({ identity: as.identity.handle, conversations, nextCursor: next });
}

/** What the store cannot filter is passed over here, within bounds, so that a page is full where there is enough. */
async function pageOf(request: FastifyRequest, as: SentAs, asked: Asked): Promise<Page<ThreadRow>> {
  const { filter, limit, until, domain } = asked;
  const rows: ThreadRow[] = [];
  let next = asked.cursor;
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    const page = await as.door.store.threads({
      ...spaceOf(request),
      ...{ filter, limit: limit - rows.length, cursor: next },
    });
    rows.push(...page.rows.filter((row) => isWithin(row, until, domain)));
    next = page.next;
    if (next === null || rows.length === limit) break;
  }
  return { rows, next };
}

function isWithin({ contacts, lastAt }: ThreadRow, until: number | null, domain: string | null): boolean {
  if (until !== null && lastAt > until) return false;
  if (domain === null) return true;
  return contacts.some((email) => {
    const own = readDomain(email.slice(email.lastIndexOf('@') + 1));
    return own.ok && (own.domain === domain || own.domain.endsWith(`.${domain}`));
  });
}

function readQuery(query: Record<string, unknown>, handle: string): Asked | { errors: Issue[] } {
  const errors: Issue[] = [];
  const invalid = (param: string, message: string): null => {
    errors.push({ code: 'invalid_parameter', param, message });
    return null;
  };
  const given = (name: string): string | null => (typeof query[name] === 'string' ? (query[name] as string) : null);
  const whole = (name: string): number | null => {
    const text = given(name);
    if (text === null) return null;
    return /^[0-9]{1,15}$/.test(text) ? Number(text) : invalid(name, 'It must be a time in milliseconds.');
  };
  const [contact, withDomain, archived, cursor] = ['with', 'withDomain', 'archived', 'cursor'].map(given);
  const address = contact == null ? null : readAddress(contact);
  const domain = withDomain == null ? null : readDomain(withDomain);
  if (address?.ok === false) invalid('with', address.message);
  if (domain?.ok === false) invalid('withDomain', domain.message);
  if (archived != null && archived !== 'true' && archived !== 'false') invalid('archived', 'It must be true or false.');
  if (cursor != null && !/^[0-9a-z]{1,15}$/.test(cursor)) {
    invalid('cursor', 'It must be the nextCursor, or the lastEventAt of the last row, of the page before.');
  }
  const limit = Number(given('limit') ?? DEFAULT_LIMIT);
  if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_PAGE)
    invalid('limit', `It must be 1 to ${LARGEST_PAGE}.`);
  const since = whole('since');
  const until = whole('until');
  if (errors.length > 0) return { errors };
  const filter = {
    contact: address?.ok === true ? address.address.key : null,
    identity: handle,
    archived: archived == null ? null : archived === 'true',
    since,
  };
  const before = cursor != null && LAST_EVENT_AT.test(cursor) ? Number(cursor) - 1 : null;
  return {
    ...{ filter, limit },
    cursor: before === null ? (cursor ?? null) : null,
    until: before === null || until === null ? (before ?? until) : Math.min(before, until),
    domain: domain?.ok === true ? domain.domain : null,
  };
}
