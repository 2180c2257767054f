/** A conversation as 12m shows it: whole, with all that happened in it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ThreadEntry } from '../../../data/port/threads.ts';
import type { SentAs } from './sent-as.ts';
import { leftAt, ownThread, summary, textsOf, times, waitOf } from './threads.ts';

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
  const { thread, entries, archivings } = found;
  const now = (await as.door.store.headroom({ principal: request.caller!.principal!, identity: null, recipient: null }))
    .now;
  const timer = timerOf(entries, now);
  const events = (await Promise.all(entries.map((entry) => eventsOf(entry, as)))).flat();
  events.push(...timer.over.map(({ at, waitedMs }) => event('no_reply_expired', at, { waitedMs })));
  events.push(...archivings.map(({ at, archived }) => event(archived ? 'archived' : 'unarchived', at, {})));
  const conversation = {
    ...summary(thread, convId),
    labels: labelsOf(entries),
    ...times('noReplyAt', timer.next),
    ...times('lastNoReplyAt', timer.over.at(-1)?.at ?? null),
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

type Timer = { next: number | null; over: { at: number; waitedMs: number }[] };

/**
 * The timer of silence: each message sets it anew, a reply stops it, and it runs out once for each message. It follows from what is
 * stored, so that it needs nobody to wait for it.
 */
function timerOf(entries: readonly ThreadEntry[], now: number): Timer {
  const over: Timer['over'] = [];
  let running: { at: number; waitedMs: number } | null = null;
  const runOut = (at: number): void => {
    if (running === null || running.at > at) return;
    over.push(running);
    running = null;
  };
  for (const entry of entries) {
    runOut(entry.at);
    if (entry.type === 'message') {
      const waitedMs = waitOf(entry.message);
      running = { at: leftAt(entry.message) + waitedMs, waitedMs };
    } else if (entry.type === 'reply') running = null;
  }
  runOut(now);
  return { next: (running as Timer['over'][number] | null)?.at ?? null, over };
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
