/** Conversations as 12m's routes know them: by names of their own, each an identity's, cold until somebody answers. */
import type { FastifyRequest } from 'fastify';
import { readContentText } from '../../../core/content-text.ts';
import type { Submission } from '../../../core/message.ts';
import type { ThreadEntry, ThreadRow, ThreadTimeline } from '../../../data/port/threads.ts';
import type { StoredMessage } from '../../../data/store.ts';
import { NO_REPLY_AFTER } from './read.ts';
import type { SentAs } from './sent-as.ts';

const CONV = /^conv_([0-9a-f]{16})$/;
const SNIPPET = 140;
const NO_REPLY_AFTER_MS = 86_400_000;
/** Silence over so many messages makes a conversation cold again. */
const WARM_FOR = 3;

/** The conversation that a message belongs to. */
export function threadOf({ id, meta }: Pick<StoredMessage, 'id' | 'meta'>): string {
  return threadNamedBy(id, meta['thread_id']);
}

export function threadNamedBy(messageId: string, joined: unknown): string {
  return typeof joined === 'string' && joined.startsWith('thr_') ? joined : `thr_${messageId.slice('msg_'.length)}`;
}

export function spaceOf(request: FastifyRequest) {
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

export type SendClass = 'cold_first_contact' | 'cold_followup' | 'warm';

/** Of a message, by the conversation as it was before it: an answer that is given again has the message in it already. */
export function classOf({ entries }: ThreadTimeline, messageId: string): SendClass {
  const own = entries.findIndex((entry) => entry.type === 'message' && entry.message.id === messageId);
  const earlier = own === -1 ? entries : entries.slice(0, own);
  if (earlier.length === 0) return 'cold_first_contact';
  const answered = earlier.findLastIndex(({ type }) => type === 'reply');
  const since = earlier.slice(answered + 1).filter(({ type }) => type === 'message').length;
  return answered >= 0 && since < WARM_FOR ? 'warm' : 'cold_followup';
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

export function summary(row: ThreadRow, id: string): Record<string, unknown> {
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
export function times(name: string, ms: number | null): Record<string, unknown> {
  return { [name]: ms, [`${name}Iso`]: ms === null ? null : new Date(ms).toISOString() };
}

export async function textsOf(
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
