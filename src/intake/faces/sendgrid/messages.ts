/**
 * SendGrid's email activity: one entry a recipient, found by what it equals. Of its query language `field="value"` and AND are read.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readAddress } from '../../../base/address.ts';
import type { RecipientState } from '../../../core/states.ts';
import { formatTime } from '../../../core/time.ts';
import type { EngagementRow } from '../../../data/port/engagement.ts';
import type { MessageTimeline } from '../../../data/port/messages.ts';
import type { EventRow, StoredRecipient } from '../../../data/store.ts';
import type { IntakeDoor } from '../../door.ts';
import { refuseUnknown } from '../../lookup.ts';
import { messageIdIn } from '../face-ids.ts';
import { eachMessage } from '../message-pages.ts';

type ById = { Params: { id: string } };

const STATUS: Record<RecipientState, 'processed' | 'delivered' | 'not_delivered'> = {
  ...{ accepted: 'processed', scheduled: 'processed', held: 'processed', sending: 'processed', deferred: 'processed' },
  ...{ sent: 'processed', uncertain: 'processed', delivered: 'delivered', blocked: 'not_delivered' },
  ...{ bounced: 'not_delivered', failed: 'not_delivered', cancelled: 'not_delivered', expired: 'not_delivered' },
};

/** What SendGrid has a word for; the others are no event of its. */
const EVENTS: Readonly<Record<string, string>> = {
  'message.accepted': 'processed',
  'message.delivered': 'delivered',
  'message.deferred': 'deferred',
  'message.bounced': 'bounce',
  'message.failed': 'dropped',
  'message.expired': 'dropped',
  'message.blocked': 'dropped',
  'message.opened': 'open',
  'message.clicked': 'click',
  'message.complained': 'spam_report',
  'message.unsubscribed': 'unsubscribe',
};

export function messageRoutes(server: FastifyInstance, door: IntakeDoor, base: string): void {
  const reads = { schema: { hide: true }, config: { scopes: ['read'] as const } };
  server.get(`${base}/v3/messages`, reads, (request, reply) => list(request, reply, door));
  server.get<ById>(`${base}/v3/messages/:id`, reads, (request, reply) => show(request, reply, door));
}

const DEFAULT_PAGE = 10;
const LARGEST_PAGE = 1000;
const UNREAD = { events: [], engagement: [] };
const FIELDS = ['msg_id', 'from_email', 'to_email', 'subject', 'status'] as const;

async function list(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { limit: asked = String(DEFAULT_PAGE), query = '' } = request.query as Record<string, string | undefined>;
  const limit = Number(asked);
  const invalid = (param: string, message: string) =>
    door.problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
  if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_PAGE) {
    return invalid('limit', `It must be a whole number from 1 to ${LARGEST_PAGE}.`);
  }
  const wanted = readQuery(query);
  if (wanted === null) {
    return invalid(
      'query',
      `Of its language ${FIELDS.map((field) => `${field}="…"`).join(', ')}, joined by AND, are read.`,
    );
  }
  const { to_email } = wanted;
  const address = to_email === undefined ? null : readAddress(to_email);
  if (address?.ok === false) return reply.send({ messages: [] });
  const messages: object[] = [];
  const walk = { wanted: limit, recipient: address?.address.key ?? null };
  for await (const message of eachMessage(request, door, walk)) {
    const candidates = message.recipients.map((_one, i) => entryOf({ message, ...UNREAD }, i));
    if (!candidates.some((entry) => isWanted(entry, wanted))) continue;
    const activity = (await activityOf(request, door, message.id)) ?? { message, ...UNREAD };
    messages.push(
      ...message.recipients.map((_one, i) => entryOf(activity, i)).filter((entry) => isWanted(entry, wanted)),
    );
    if (messages.length >= limit) break;
  }
  return reply.send({ messages: messages.slice(0, limit) });
}

type Wanted = Partial<Record<(typeof FIELDS)[number], string>>;

const TERM = /^\s*(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)')\s*$/;

/** Null where it is more than we read. */
function readQuery(query: string): Wanted | null {
  const wanted: Wanted = {};
  if (query.trim() === '') return wanted;
  for (const text of query.split(/ AND /i)) {
    const term = TERM.exec(text);
    const field = FIELDS.find((one) => one === term?.[1]);
    if (term === null || field === undefined) return null;
    wanted[field] = term[2] ?? term[3] ?? '';
  }
  return wanted;
}

const isWanted = (entry: Record<string, unknown>, wanted: Wanted): boolean =>
  Object.entries(wanted).every(([field, value]) => String(entry[field]).toLowerCase() === value.toLowerCase());

function nameOf(request: FastifyRequest, id: string) {
  const { tenantNo, mode } = request.caller!.principal!;
  return { tenantNo, mode, id };
}

type Activity = Pick<MessageTimeline, 'message' | 'events'> & { engagement: readonly EngagementRow[] };

async function activityOf(request: FastifyRequest, { store }: IntakeDoor, id: string): Promise<Activity | null> {
  const name = nameOf(request, id);
  const timeline = await store.messageTimeline(name);
  if (timeline === null) return null;
  return { ...timeline, engagement: (await store.engagement({ ...name, messageId: id })) ?? [] };
}

/** `msg_id`: the message's with the place of the recipient behind it. */
function entryOf({ message, events, engagement }: Activity, i: number): Record<string, unknown> {
  const recipient = message.recipients[i]!;
  const own = eventsOf(events, recipient);
  const seen = engagement.find(({ recipientId }) => recipientId === recipient.id);
  return {
    from_email: message.from.email,
    msg_id: `${message.id}.${i}`,
    subject: message.subject,
    to_email: recipient.email,
    status: STATUS[recipient.state],
    opens_count: seen?.opened ?? 0,
    clicks_count: seen?.clicked ?? 0,
    last_event_time: formatTime(own.at(-1)?.createdAt ?? message.createdAt),
  };
}

const eventsOf = (events: readonly EventRow[], { email }: StoredRecipient): EventRow[] =>
  events.filter(({ data, type }) => data['email'] === email && EVENTS[type] !== undefined);

async function show(request: FastifyRequest<ById>, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { id } = request.params;
  const [name, place = '0'] = id.split('.');
  const activity = await activityOf(request, door, messageIdIn(name!));
  const recipient = activity?.message.recipients[Number(place)];
  if (activity === null || recipient === undefined) return refuseUnknown(request, reply, door, id);
  const { message, events } = activity;
  const meta = message.meta as { tags?: string[]; metadata?: [string, string][]; template?: { id: string } | null };
  const { opens_count, clicks_count, last_event_time, ...entry } = entryOf(activity, Number(place));
  return reply.send({
    ...entry,
    template_id: meta.template?.id ?? '',
    categories: meta.tags ?? [],
    unique_args: Object.fromEntries(meta.metadata ?? []),
    events: eventsOf(events, recipient).map(({ type, createdAt, data }) => ({
      event_name: EVENTS[type],
      processed: formatTime(createdAt),
      ...(data['reply'] ? { reason: data['reply'] } : {}),
      ...(typeof data['url'] === 'string' ? { url: data['url'] } : {}),
    })),
  });
}
