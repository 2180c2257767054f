/**
 * The events of an identity, read on from a number, waiting for the next one if asked to. Their numbers are those of the account's event
 * log: they only grow, and what concerns other identities is left out.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EventType } from '../../../core/events.ts';
import type { Issue } from '../../../core/explain.ts';
import type { ThreadTimeline } from '../../../data/port/threads.ts';
import type { EventRow } from '../../../data/store.ts';
import type { EventBell } from '../../../http/event-bell.ts';
import type { SentAs } from './sent-as.ts';
import { classOf, nameThreads, type SendClass, spaceOf, threadNamedBy, times } from './threads.ts';

const NAMES: Readonly<Partial<Record<EventType, string>>> = {
  'message.accepted': 'email.queued',
  'message.scheduled': 'email.queued',
  'message.held': 'email.queued',
  'message.sent': 'email.sent',
  'message.replied': 'email.replied',
  'message.no_reply': 'email.no_reply',
  'message.bounced': 'email.bounced',
  'message.failed': 'email.send_failed_permanently',
  'message.expired': 'email.send_failed_permanently',
  'message.cancelled': 'email.cancelled',
  'message.blocked': 'email.cancelled',
  'mailbox.replaced': 'mailbox.replaced',
};
const OURS = Object.keys(NAMES) as EventType[];

const LARGEST_PAGE = 200;
const LONGEST_WAIT_MS = 25_000;
/** Events that one look takes, and how many looks one answer has: what concerns other identities is passed over. */
const LOOKED_AT = 500;
const MOST_LOOKS = 10;

type Asked = { since: number; types: ReadonlySet<string> | null; limit: number; timeoutMs: number };
type Found = { events: EventRow[]; cursor: number; hasMore: boolean };

export async function readEvents(
  request: FastifyRequest,
  reply: FastifyReply,
  as: SentAs,
  bell: EventBell,
): Promise<FastifyReply> {
  const asked = readQuery(request.query as Record<string, unknown>);
  if ('errors' in asked) return as.door.problems.invalid(request, reply, asked.errors);
  const { tenantNo, mode } = request.caller!.principal!;
  const waiter = bell.listen({ tenantNo, mode });
  const leave = (): void => waiter.end();
  reply.raw.once('close', leave);
  const until = performance.now() + asked.timeoutMs;
  try {
    let { since } = asked;
    for (;;) {
      const found = await look(request, as, asked, since);
      if (found === 'expired') return as.door.problems.refuse(request, reply, 'cursor_expired', { param: 'since' });
      since = found.cursor;
      const isOver = found.events.length > 0 || found.hasMore;
      if (isOver || !(await waiter.next(until - performance.now())))
        return reply.send(await written(request, as, found));
    }
  } finally {
    reply.raw.removeListener('close', leave);
    waiter.stop();
  }
}

async function look(request: FastifyRequest, as: SentAs, asked: Asked, since: number): Promise<Found | 'expired'> {
  const { tenantNo, mode } = request.caller!.principal!;
  const events: EventRow[] = [];
  let cursor = since;
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    const afterSeq = cursor === 0 ? null : cursor;
    const page = await as.door.store.events({ tenantNo, mode, afterSeq, types: OURS, limit: LOOKED_AT });
    if (page.isExpired) return 'expired';
    for (const one of page.events) {
      if (isWanted(one, as, asked)) events.push(one);
      if (events.length === asked.limit) return { events, cursor: one.seq, hasMore: one.seq < page.newestSeq };
    }
    const isAtEnd = page.lastSeq >= page.newestSeq || page.lastSeq <= cursor;
    cursor = Math.max(cursor, page.lastSeq);
    if (isAtEnd) return { events, cursor, hasMore: false };
  }
  return { events, cursor, hasMore: true };
}

function isWanted({ type, data }: EventRow, { identity }: SentAs, { types }: Asked): boolean {
  if (data['identity'] !== identity.handle && data['identity'] !== identity.id) return false;
  // What was refused at the door was never queued, and has left nothing to cancel.
  if (type === 'message.blocked' && data['at'] === undefined) return false;
  return types === null || types.has(NAMES[type] ?? '');
}

type Conversation = { id: string; convId: string };

async function written(request: FastifyRequest, as: SentAs, { events, cursor, hasMore }: Found) {
  const threads = events.map(({ data }) => {
    const { message_id: id } = data;
    return typeof id === 'string' ? threadNamedBy(id, data['thread_id']) : null;
  });
  const named = [...new Set(threads.filter((one) => one !== null))];
  const names = await nameThreads(request, as, named);
  const convOf = new Map<string | null, Conversation>(named.map((id, i) => [id, { id, convId: names[i]! }]));
  const known = new Map<string, Promise<ThreadTimeline | null>>();
  return {
    identity: as.identity.handle,
    events: await Promise.all(
      events.map(async (one, i) => {
        const conversation = convOf.get(threads[i]!) ?? null;
        const isQueued = NAMES[one.type] === 'email.queued' && conversation !== null;
        const sendClass = isQueued ? await classIn(request, as, conversation.id, one, known) : null;
        return eventBody(one, as, conversation?.convId ?? null, sendClass);
      }),
    ),
    cursor,
    hasMore,
  };
}

/** `known`: the conversations that were read for this answer. */
async function classIn(
  request: FastifyRequest,
  { door }: SentAs,
  id: string,
  { data }: EventRow,
  known: Map<string, Promise<ThreadTimeline | null>>,
): Promise<SendClass> {
  const messageId = String(data['message_id']);
  // What begins a conversation is read of its name.
  if (threadNamedBy(messageId, null) === id) return 'cold_first_contact';
  const reading = known.get(id) ?? door.store.thread({ ...spaceOf(request), id });
  known.set(id, reading);
  const thread = await reading;
  return thread === null ? 'cold_followup' : classOf(thread, messageId);
}

function eventBody(
  { seq, id, type, createdAt, data }: EventRow,
  { identity }: SentAs,
  convId: string | null,
  sendClass: SendClass | null,
) {
  const { email, recipient_id: recipient, subject } = data;
  const dispatchAt = Number(data['scheduled_at'] ?? createdAt);
  const about = {
    ...(NAMES[type] === 'email.queued'
      ? { pendingId: `psn_${String(recipient).slice('rcp_'.length)}`, sendClass, ...times('dispatchAt', dispatchAt) }
      : {}),
    ...(type === 'message.no_reply' ? { waitedMs: data['waited_ms'] } : {}),
    ...(type === 'message.bounced' ? { bounceType: data['kind'], class: data['class'] } : {}),
  };
  return {
    ...{ seq, id, type: NAMES[type] },
    ...{ ts: createdAt, tsIso: new Date(createdAt).toISOString(), convId },
    data: { identity: identity.handle, convId, recipient: email, subject, messageId: data['message_id'], ...about },
  };
}

function readQuery(query: Record<string, unknown>): Asked | { errors: Issue[] } {
  const errors: Issue[] = [];
  const whole = (name: string, fallback: number, least: number, most: number): number => {
    const given = query[name];
    if (given === undefined) return fallback;
    const value = typeof given === 'string' && /^[0-9]{1,15}$/.test(given) ? Number(given) : Number.NaN;
    if (value >= least && value <= most) return value;
    errors.push({
      code: 'invalid_parameter',
      param: name,
      message: `It must be a whole number from ${least} to ${most}.`,
    });
    return fallback;
  };
  const asked = {
    since: whole('since', 0, 0, Number.MAX_SAFE_INTEGER),
    limit: whole('limit', LARGEST_PAGE, 1, LARGEST_PAGE),
    timeoutMs: whole('timeoutMs', 0, 0, LONGEST_WAIT_MS),
  };
  const { types } = query;
  const named = typeof types === 'string' && types !== '' ? new Set(types.split(',').map((one) => one.trim())) : null;
  return errors.length > 0 ? { errors } : { ...asked, types: named };
}
