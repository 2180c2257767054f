/** Conversations as 12m shows them: a list, the newest activity first, and one whole with all that happened in it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { readAddress } from '../../../base/address.ts';
import { readDomain } from '../../../base/domain.ts';
import { readContentText } from '../../../core/content-text.ts';
import type { Issue } from '../../../core/explain.ts';
import type { Submission } from '../../../core/message.ts';
import type { ThreadEntry, ThreadFilter, ThreadRow, ThreadTimeline } from '../../../data/port/threads.ts';
import type { StoredMessage } from '../../../data/store.ts';
import { NO_REPLY_AFTER } from './read.ts';
import type { SentAs } from './sent-as.ts';

const CONV = /^conv_([0-9a-f]{16})$/;
const DEFAULT_LIMIT = 50;
const LARGEST_PAGE = 200;
const SNIPPET = 140;
const NO_REPLY_AFTER_MS = 86_400_000;

/** The conversation that a message belongs to. */
export function threadOf({ id, meta }: Pick<StoredMessage, 'id' | 'meta'>): string {
  return threadNamedBy(id, meta['thread_id']);
}

export function threadNamedBy(messageId: string, joined: unknown): string {
  return typeof joined === 'string' && joined.startsWith('thr_') ? joined : `thr_${messageId.slice('msg_'.length)}`;
}

function spaceOf(request: FastifyRequest) {
  const { tenantNo, mode } = request.caller!.principal!;
  return { tenantNo, mode };
}

/** `conv_…` of conversations, in their order. */
export async function nameThreads(request: FastifyRequest, { door }: SentAs, ids: string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const names = await door.store.nameThreads({ ...spaceOf(request), ids });
  return names.map((name) => `conv_${name}`);
}

/** A conversation of this identity; null where there is none, or another's. */
export async function ownThread(request: FastifyRequest, as: SentAs, convId: string): Promise<ThreadTimeline | null> {
  const [, name] = CONV.exec(convId) ?? [];
  if (name === undefined) return null;
  const id = await as.door.store.threadNamed({ ...spaceOf(request), name });
  const found = id === null ? null : await as.door.store.thread({ ...spaceOf(request), id });
  return found !== null && found.thread.identity === as.identity.handle ? found : null;
}

type Asked = {
  filter: ThreadFilter;
  limit: number;
  cursor: string | null;
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
  const { filter, limit, cursor, until, domain } = asked;
  const page = await as.door.store.threads({ ...spaceOf(request), filter, limit, cursor });
  const rows = page.rows.filter((row) => isWithin(row, until, domain));
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
  return reply.send({ identity: as.identity.handle, conversations, nextCursor: page.next });
}

function isWithin({ contacts, lastAt }: ThreadRow, until: number | null, domain: string | null): boolean {
  if (until !== null && lastAt > until) return false;
  if (domain === null) return true;
  return contacts.some((email) => {
    const own = readDomain(email.slice(email.lastIndexOf('@') + 1));
    return own.ok && (own.domain === domain || own.domain.endsWith(`.${domain}`));
  });
}

function summary(row: ThreadRow, id: string): Record<string, unknown> {
  return {
    id,
    with: row.contacts[0] ?? '',
    subject: row.subject,
    messageCount: row.messages + row.replies,
    archived: row.archivedAt !== null,
    ...times('lastEventAt', row.lastAt),
  };
}

/** Every time twice: milliseconds, and as RFC 3339 has it. */
function times(name: string, ms: number | null): Record<string, unknown> {
  return { [name]: ms, [`${name}Iso`]: ms === null ? null : new Date(ms).toISOString() };
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
  if (cursor != null && !/^[0-9a-z]{1,12}$/.test(cursor))
    invalid('cursor', 'It must be the nextCursor of the page before.');
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
  return { filter, limit, cursor: cursor ?? null, until, domain: domain?.ok === true ? domain.domain : null };
}

export async function showConversation(
  request: FastifyRequest,
  reply: FastifyReply,
  as: SentAs,
  convId: string,
): Promise<FastifyReply> {
  const found = await ownThread(request, as, convId);
  if (found === null) {
    const evidence = { resource: 'conversation', id: convId.slice(0, 100) };
    return as.door.problems.refuse(request, reply, 'not_found', { evidence });
  }
  const { thread, entries } = found;
  const now = (await as.door.store.headroom({ principal: request.caller!.principal!, identity: null, recipient: null }))
    .now;
  const timer = timerOf(entries, now);
  const events = (await Promise.all(entries.map((entry) => eventsOf(entry, as)))).flat();
  if (timer.last !== null) events.push(event('no_reply_expired', timer.last, { waitedMs: timer.waitedMs }));
  if (thread.archivedAt !== null) events.push(event('archived', thread.archivedAt, {}));
  const conversation = {
    ...summary(thread, convId),
    labels: labelsOf(entries),
    ...times('noReplyAt', timer.next),
    ...times('lastNoReplyAt', timer.last),
    events: firstOfLabels(events).sort((a, b) => a.ts - b.ts),
  };
  return reply.send({ identity: as.identity.handle, conversation });
}

type ConversationEvent = { type: string; ts: number; tsIso: string } & Record<string, unknown>;

function event(type: string, ts: number, more: Record<string, unknown>): ConversationEvent {
  return { type, ts, tsIso: new Date(ts).toISOString(), ...more };
}

/** A label that is there already is no event. */
function firstOfLabels(events: readonly ConversationEvent[]): ConversationEvent[] {
  const known = new Set<unknown>();
  return events.filter(({ type, label }) => {
    if (type !== 'label_added') return true;
    const isNew = !known.has(label);
    known.add(label);
    return isNew;
  });
}

function tagsOf(entry: ThreadEntry): string[] {
  const tags = entry.type === 'message' ? entry.message.meta['tags'] : null;
  return Array.isArray(tags) ? (tags as string[]) : [];
}

function labelsOf(entries: readonly ThreadEntry[]): string[] {
  return [...new Set(entries.flatMap(tagsOf))];
}

/**
 * The timer of silence: each message sets it anew, a reply stops it, and it runs out once. It follows from what is stored, so that it
 * needs nobody to wait for it.
 */
function timerOf(
  entries: readonly ThreadEntry[],
  now: number,
): { next: number | null; last: number | null; waitedMs: number } {
  let next: number | null = null;
  let last: number | null = null;
  let waitedMs = 0;
  let running = 0;
  const runOut = (at: number): void => {
    if (next === null || next > at) return;
    last = next;
    waitedMs = running;
    next = null;
  };
  for (const entry of entries) {
    runOut(entry.at);
    if (entry.type === 'message') {
      running = waitOf(entry.message);
      next = leftAt(entry.message) + running;
    } else if (entry.type === 'reply') next = null;
  }
  runOut(now);
  return { next, last, waitedMs };
}

/** When the last of its recipients leaves, as far as it is known. */
export function leftAt({ createdAt, recipients }: StoredMessage): number {
  return Math.max(createdAt, ...recipients.map(({ departAt }) => departAt));
}

export function waitOf({ meta }: StoredMessage): number {
  const metadata = (meta['metadata'] ?? []) as [name: string, value: string][];
  const [, given] = metadata.find(([name]) => name === NO_REPLY_AFTER) ?? [];
  const ms = Number(given ?? NO_REPLY_AFTER_MS);
  return Number.isFinite(ms) ? ms : NO_REPLY_AFTER_MS;
}

async function eventsOf(entry: ThreadEntry, as: SentAs): Promise<ConversationEvent[]> {
  const labels = tagsOf(entry).map((label) => event('label_added', entry.at, { label }));
  return [...labels, event('message', entry.at, { message: await messageOf(entry, as) })];
}

async function messageOf(entry: ThreadEntry, as: SentAs): Promise<Record<string, unknown>> {
  const texts = await textsOf(entry, as);
  if (entry.type !== 'message') {
    const { id, from, mailFrom, subject } = entry.reply;
    const to = as.identity.fromEmail;
    return {
      id,
      direction: 'inbound',
      from: from?.email ?? mailFrom,
      to: [to],
      cc: [],
      subject,
      ...texts,
      ts: entry.at,
    };
  }
  const { id, from, subject, recipients } = entry.message;
  const of = (kind: string): string[] => recipients.filter((one) => one.kind === kind).map(({ email }) => email);
  return { id, direction: 'outbound', from: from.email, to: of('to'), cc: of('cc'), subject, ...texts, ts: entry.at };
}

async function textsOf(
  entry: ThreadEntry,
  { door }: SentAs,
): Promise<{ text: string | null; html: string | null; snippet: string }> {
  const { text, html } =
    entry.type === 'message' ? await contentOf(entry, door) : { text: entry.reply.text, html: null };
  return { text, html, snippet: (text ?? '').replace(/\s+/g, ' ').trim().slice(0, SNIPPET) };
}

async function contentOf(
  { content }: ThreadEntry & { type: 'message' },
  { blobs }: SentAs['door'],
): Promise<Pick<Submission, 'text' | 'html'>> {
  const octets = content === null ? null : 'inline' in content ? content.inline : await blobs.get(content.blob);
  const stored = octets === null ? null : readContentText(Buffer.from(octets).toString());
  return { text: stored?.text ?? null, html: stored?.html ?? null };
}
