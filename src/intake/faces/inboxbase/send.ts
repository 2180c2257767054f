/** A send in 12m's two forms: what was decided at once, or, with the header `X-Inboxbase-Shape: queued`, what waits for its turn. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ThreadTimeline } from '../../../data/port/threads.ts';
import { type StoredMessage, StoreFault } from '../../../data/store.ts';
import { idempotencyKeyOf, submitInput } from '../../door.ts';
import { answerTold, type Told, type ToldRecipient, toldOfOne } from '../told.ts';
import { readInboxbase } from './read.ts';
import type { SentAs } from './sent-as.ts';
import { classOf, leftAt, nameThreads, ownThread, type SendClass, spaceOf, threadOf, waitOf } from './threads.ts';
import { INBOXBASE_WORDS, reasonWord } from './words.ts';

type Decided = Told & { kind: 'decided' };
type Affinity = 'new' | 'existing' | 'reassigned';
/** Of the conversation as it was before the message. */
type Before = { convId: string | null; sendClass: SendClass };

const BEGUN: Before = { convId: null, sendClass: 'cold_first_contact' };

export async function sendAs(request: FastifyRequest, reply: FastifyReply, as: SentAs): Promise<FastifyReply> {
  const { problems, intake } = as.door;
  const key = idempotencyKeyOf(request);
  if (key === false) return problems.refuse(request, reply, 'idempotency_key_invalid', { param: 'Idempotency-Key' });
  const read = readInboxbase(request.body);
  if (!read.ok) return problems.invalid(request, reply, read.errors);
  const isQueued = request.headers['x-inboxbase-shape'] === 'queued';
  const body: Record<string, unknown> = { ...read.body, identity: as.identity.handle };
  // What is full now is waited for, since the answer says that it waits.
  if (isQueued) body['on_limit'] = 'defer';
  let thread: ThreadTimeline | null = null;
  if (read.kind === 'reply') {
    thread = await ownThread(request, as, read.convId);
    if (thread === null) {
      const evidence = { resource: 'conversation', id: read.convId.slice(0, 100) };
      return problems.refuse(request, reply, 'not_found', { evidence, param: 'convId' });
    }
    Object.assign(body, replyFields(thread));
  }
  const told = await toldOfOne(request, as.door, () => intake.submit(submitInput(request, body, key)));
  if (told.kind === 'problem') {
    const { status, body: said } = refusedBy(told, request, as);
    return answerTold(request, reply, told, { status, body: said });
  }
  const before =
    thread === null
      ? BEGUN
      : { sendClass: classOf(thread, told.messageId), convId: read.kind === 'reply' ? read.convId : null };
  const answer = isQueued
    ? await queuedForm(request, as, told, before)
    : await immediateForm(request, as, told, before);
  return answerTold(request, reply, told, answer);
}

function refusedBy(told: Told & { kind: 'problem' }, request: FastifyRequest, { door }: SentAs) {
  return door.problems.wordings.of(request.url)!.refuse(told.problem, request);
}

/** Whom a reply goes to, and about what, follow from its conversation. */
function replyFields({ thread }: ThreadTimeline): Record<string, unknown> {
  const subject = /^re:/i.test(thread.subject) ? thread.subject : `Re: ${thread.subject}`;
  return { thread_id: thread.id, to: thread.contacts, subject };
}

type Accepted = { convId: string; message: StoredMessage };

/** Null: nothing was accepted; or, though it was, a fault keeps us from naming it. What was taken must not look refused. */
async function acceptedOf(request: FastifyRequest, as: SentAs, told: Decided): Promise<Accepted | null> {
  if (!told.isAccepted) return null;
  try {
    return await begun(request, as, told.messageId);
  } catch (error) {
    if (error instanceof StoreFault) return null;
    throw error;
  }
}

/** A message's conversation with its name, and its timer. */
async function begun(request: FastifyRequest, as: SentAs, messageId: string): Promise<Accepted | null> {
  const { store } = as.door;
  const message = await store.message({ ...spaceOf(request), id: messageId });
  if (message === null) return null;
  const id = threadOf(message);
  const [convId] = await nameThreads(request, as, [id]);
  const waitMs = waitOf(message);
  // Asked for again with an answer that is given again: a message has one silence, whenever the process ended.
  await store.awaitReply({ ...spaceOf(request), id, messageId, dueAt: leftAt(message) + waitMs, waitMs });
  return { convId: convId!, message };
}

async function immediateForm(request: FastifyRequest, as: SentAs, told: Decided, before: Before) {
  const accepted = await acceptedOf(request, as, told);
  const results = told.recipients.map((one) => rowOf(one, told, before, accepted?.convId ?? before.convId, false));
  const rejected = results.filter(({ status }) => status === 'rejected');
  return {
    status: told.isAccepted ? 200 : 429,
    body: {
      accepted: results.length - rejected.length,
      rejected,
      convId: accepted?.convId ?? before.convId,
      affinity: await affinityOf(request, as, before, accepted),
      account: { email: accountOf(as, accepted) },
      remaining: remainingOf(told),
      identity: as.identity.handle,
      results,
      ...detailsOf(told),
    },
  };
}

async function queuedForm(request: FastifyRequest, as: SentAs, told: Decided, before: Before) {
  const accepted = await acceptedOf(request, as, told);
  const results = told.recipients.map((one) => rowOf(one, told, before, accepted?.convId ?? before.convId, true));
  const rejected = results.filter(({ status }) => status === 'rejected').length;
  return {
    status: told.isAccepted ? 202 : 429,
    body: {
      identity: as.identity.handle,
      queued: results.length - rejected,
      rejected,
      results,
      remaining: remainingOf(told),
      ...detailsOf(told),
    },
  };
}

type Row = { to: string; status: string } & Record<string, unknown>;

function rowOf(one: ToldRecipient, told: Decided, before: Before, convId: string | null, isQueued: boolean): Row {
  const { email: to, departAt } = one;
  if (one.status === 'blocked') {
    const [primary] = one.reasons;
    const reason = primary === undefined ? 'suspended' : reasonWord(primary.code, isQueued);
    return { to, status: 'rejected', reason, detail: primary?.code, details: rowDetails(one) };
  }
  const waits = one.reasons[0]?.code;
  return {
    to,
    status: isQueued ? 'queued' : 'accepted',
    ...(isQueued ? { pendingId: `psn_${one.id!.slice(4)}` } : {}),
    convId,
    sendClass: before.sendClass,
    ...(isQueued ? { pinnedAccountId: null } : {}),
    dispatchAt: Math.max(departAt, told.createdAt),
    dispatchAtIso: new Date(Math.max(departAt, told.createdAt)).toISOString(),
    ...(waits === undefined ? {} : { detail: waits }),
  };
}

/** Why, in our words, and which identities could send in place of this one. */
function rowDetails({ reasons }: ToldRecipient): Record<string, unknown> {
  const [primary] = reasons;
  if (primary === undefined) return {};
  const { detail, fix, clears, evidence, customer_message, doc_url } = primary;
  const isAboutSender = ['cap_exceeded', 'no_accounts'].includes(String(INBOXBASE_WORDS[primary.code].word));
  const alternatives = isAboutSender ? { alternatives: evidence['alternatives'] ?? [] } : {};
  return {
    ...alternatives,
    detail,
    fix,
    clears,
    customer_message,
    evidence,
    reasons: reasons.map(({ code }) => code),
    doc_url,
  };
}

/** Beside an answer that refuses everybody. */
function detailsOf({ problem, recipients }: Decided): { details?: Record<string, unknown> } {
  if (problem === null) return {};
  const first = recipients.find((one) => one.reasons[0]?.code === problem.code) ?? recipients[0]!;
  return { details: { code: problem.code, retry_at: problem.retry_at, ...rowDetails(first) } };
}

/** What the identity can still send today; where it has no cap of its own, the account. Null: there is no such limit. */
function remainingOf({ limits }: Decided): number | null {
  const counted = limits.filter(({ rate }) => !rate);
  const own = counted.filter(({ scope }) => scope.kind === 'identity');
  const left = (own.length > 0 ? own : counted).map(({ remaining }) => remaining);
  return left.length === 0 ? null : Math.min(...left);
}

/** The mailbox that it goes by; without one, the identity's own address. */
function accountOf({ identity }: SentAs, accepted: Accepted | null): string {
  const routed = accepted?.message.recipients.find(({ route }) => route?.mailbox != null)?.route?.mailbox;
  return routed?.address ?? accepted?.message.from.email ?? identity.fromEmail;
}

/** Whether the contact hears from the mailbox that it has heard from before. */
async function affinityOf(
  request: FastifyRequest,
  { door }: SentAs,
  before: Before,
  accepted: Accepted | null,
): Promise<Affinity> {
  const known = before.convId === null ? 'new' : 'existing';
  const route = accepted?.message.recipients.find((one) => one.route !== null)?.route;
  if (accepted === null || route?.mailbox == null) return known;
  if (route.why.includes('affinity')) return 'existing';
  const { tenantNo, mode } = request.caller!.principal!;
  const stored = await door.store.storedVerdict({ tenantNo, mode, id: accepted.message.id });
  const chosen = stored?.recipients.map(({ facts }) => facts?.pool?.routing?.chosen).find((one) => one != null);
  return chosen?.replaces != null ? 'reassigned' : known;
}
