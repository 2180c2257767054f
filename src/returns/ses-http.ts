/**
 * Where Amazon SNS posts what Amazon SES tells of mail that was sent through it.
 *
 * What holds: nothing is believed of a message before it is known that SNS wrote it, lately, for the topic that the provider
 * names; nothing is fetched but the certificate and the confirmation of that topic, from SNS itself; an event changes something only for a
 * recipient that our own tag, or our own Message-ID, names, of the provider's tenant, at the address that SES names. Twice, or out of
 * order, changes nothing more.
 *
 * A failure that may pass answers 503, whereupon SNS posts again; all else that is believed answers 200, so that it does not.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import type { GuardedFetch } from '../base/guarded-fetch.ts';
import { encodeTypeId } from '../base/ids.ts';
import { parseJson } from '../base/json.ts';
import type { Tokens } from '../base/tokens.ts';
import type { ProvenKind } from '../core/returns.ts';
import type { WrittenTo } from '../data/port/feedback.ts';
import type { ReturnAnswer } from '../data/port/returns.ts';
import type { Store } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';
import { oneOf } from '../http/schemas.ts';
import type { ReadBounce } from './classify-return.ts';
import { parseSesEvent, type SesEvent, type SesKind, type SesRecipient } from './ses-event.ts';
import {
  certificateUrl,
  confirmationUrl,
  isSignedBy,
  MOST_AGE_MS,
  MOST_AHEAD_MS,
  readSnsMessage,
  regionOfTopic,
  type SnsMessage,
} from './sns.ts';
import { SnsCertificates } from './sns-certificates.ts';

export type SesParts = {
  store: Pick<Store, 'writtenTo' | 'notifyingProvider' | 'provenReturn'>;
  problems: Problems;
  tokens: Tokens;
  readBounce: ReadBounce;
  addressKey: (text: string) => string | null;
  fetch: GuardedFetch;
  /** The topic of the gateway's own provider, or null. */
  defaultTopic: string | null;
  /** What SES saw of a person with the mail. */
  engaged: (recipient: WrittenTo, tenantNo: number, event: SesEvent) => Promise<Outcome>;
  /** SES has the mail, which settles an attempt whose answer never came. */
  taken: (recipient: WrittenTo, tenantNo: number, event: SesEvent) => Promise<Outcome>;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
};

/** SNS carries 256 kB, which quoting can make longer. */
const MAX_BYTES = 1024 * 1024;

const MOST_TRIES = 10;
const BETWEEN_TRIES_MS = 200;

const OUTCOMES = ['applied', 'known', 'ignored', 'confirmed', 'later'] as const;
/** `later`: the answer to the attempt itself is not stored yet. */
export type Outcome = (typeof OUTCOMES)[number];

const KINDS: Readonly<Partial<Record<SesKind, ProvenKind>>> = {
  delivered: 'delivered',
  bounce: 'bounce',
  delay: 'delayed',
  complaint: 'complaint',
  unsubscribe: 'unsubscribe',
};

type Posted = FastifyRequest<{ Params: { provider: string }; Body: unknown }>;
/** Whose topic it is; null: the gateway's own, for every tenant. */
type Believed = { topic: string; tenantNo: number | null };

export function sesRoutes(server: FastifyInstance, parts: SesParts): void {
  const certificates = new SnsCertificates(parts.fetch);
  // In a scope of its own: SNS posts JSON and calls it plain text.
  server.register(async (scope) => {
    scope.addContentTypeParser(
      /^text\/plain(?:\s*;.*)?$/i,
      { parseAs: 'buffer', bodyLimit: MAX_BYTES },
      (_request, body, done) => {
        const read = parseJson(body as Buffer, { maxDepth: 4 });
        if (read.ok) return done(null, read.value);
        done(Object.assign(new Error(read.message), { code: 'POSTERN_MALFORMED' }) as FastifyError);
      },
    );
    scope.post<{ Params: { provider: string } }>(
      '/v1/returns/ses/:provider',
      {
        bodyLimit: MAX_BYTES,
        schema: {
          tags: ['Returns'],
          summary: 'Take events of Amazon SES from Amazon SNS',
          description:
            "The endpoint (HTTPS) to subscribe to the topic that the provider's address names (`?topic=arn:…`); `default` is the gateway's own provider. Needs no key: what SNS has not signed, or is of another topic, is refused. Events that a configuration set publishes and the older notices of an identity are both read.",
          params: Type.Object({ provider: Type.String({ maxLength: 100, examples: ['default'] }) }),
          response: { 200: Type.Object({ outcome: oneOf(OUTCOMES) }) },
        },
      },
      (request, reply) => take(request as Posted, reply, parts, certificates),
    );
  });
}

/** The topic that the address of a provider names (`ses://region?topic=arn:…`), or null. */
export function topicOf(url: string): string | null {
  if (!url.startsWith('ses:') || !URL.canParse(url)) return null;
  const topic = new URL(url).searchParams.get('topic');
  return topic !== null && regionOfTopic(topic) !== null ? topic : null;
}

async function believed(id: string, { store, defaultTopic }: SesParts): Promise<Believed | null> {
  if (id === 'default') return defaultTopic === null ? null : { topic: defaultTopic, tenantNo: null };
  const provider = await store.notifyingProvider({ id });
  const topic = provider === null ? null : topicOf(provider.url);
  return provider === null || topic === null ? null : { topic, tenantNo: provider.tenantNo };
}

async function take(
  request: Posted,
  reply: FastifyReply,
  parts: SesParts,
  certificates: SnsCertificates,
): Promise<FastifyReply> {
  const { problems, log } = parts;
  const { provider } = request.params;
  const whose = await believed(provider, parts);
  if (whose === null) {
    return problems.refuse(request, reply, 'not_found', { evidence: { resource: 'topic of provider', id: provider } });
  }
  const { body } = request;
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  const read = isObject ? readSnsMessage(body as Record<string, unknown>) : { problem: 'it is no JSON object' };
  if ('problem' in read) {
    return problems.refuse(request, reply, 'malformed_request', {
      detail: `The body cannot be taken: ${read.problem}.`,
    });
  }
  const proof = await prove(read, whose, certificates);
  if (proof.outcome === 'unproven') {
    log.warn({ provider, why: proof.why }, 'a message that claims to be of SNS was refused');
    reply.header('WWW-Authenticate', 'Signature');
    const fix = 'Subscribe this address to the topic that the provider names, and to no other.';
    return problems.refuse(request, reply, 'authentication_required', {
      detail: `It is not believed: ${proof.why}.`,
      fix,
    });
  }
  if (proof.outcome === 'failed') return later(request, reply, problems, proof.why);
  const done = await carryOut(read, provider, whose, parts);
  return typeof done === 'string' && done !== 'later'
    ? reply.send({ outcome: done })
    : later(request, reply, problems, typeof done === 'string' ? 'the attempt is still going on' : done.why);
}

function later(request: Posted, reply: FastifyReply, problems: Problems, why: string): FastifyReply {
  const detail = `It cannot be carried out now: ${why}.`;
  return problems.refuse(request, reply, 'service_unavailable', { detail, retryAfterSeconds: 20 });
}

type Proof = { outcome: 'proven' } | { outcome: 'unproven' | 'failed'; why: string };

/** From what costs nothing to what costs most. */
async function prove(message: SnsMessage, { topic }: Believed, certificates: SnsCertificates): Promise<Proof> {
  if (message.topic !== topic) return { outcome: 'unproven', why: 'it is of another topic' };
  const age = Date.now() - message.at;
  if (age > MOST_AGE_MS || age < -MOST_AHEAD_MS) return { outcome: 'unproven', why: 'it is not of this hour' };
  const url = certificateUrl(message);
  if (url === null) return { outcome: 'unproven', why: 'its certificate does not lie where SNS keeps them' };
  const found = await certificates.keyAt(url);
  if (found.outcome !== 'found') {
    return { outcome: found.outcome === 'bad' ? 'unproven' : 'failed', why: found.why };
  }
  const isProven = isSignedBy(message, found.key);
  return isProven ? { outcome: 'proven' } : { outcome: 'unproven', why: 'its signature does not fit' };
}

async function carryOut(
  message: SnsMessage,
  provider: string,
  whose: Believed,
  parts: SesParts,
): Promise<Outcome | { why: string }> {
  if (message.type === 'SubscriptionConfirmation') return confirm(message, provider, parts);
  // To confirm that again would be to subscribe again.
  if (message.type === 'UnsubscribeConfirmation') {
    parts.log.warn({ provider, topic: message.topic }, 'a topic of SNS no longer tells of mail');
    return 'ignored';
  }
  const event = parseSesEvent(message.message, parts.readBounce);
  return event === null ? 'ignored' : applyPatiently(event, whose, parts);
}

/** Events can overtake the answer to the attempt itself by a moment. */
async function applyPatiently(event: SesEvent, whose: Believed, parts: SesParts): Promise<Outcome> {
  for (let tries = 1; ; tries += 1) {
    const outcome = await apply(event, whose, parts);
    if (outcome !== 'later' || tries === MOST_TRIES) return outcome;
    await pause(BETWEEN_TRIES_MS);
  }
}

async function confirm(
  message: SnsMessage,
  provider: string,
  { fetch, log }: SesParts,
): Promise<Outcome | { why: string }> {
  const url = confirmationUrl(message);
  if (url === null) {
    log.warn({ provider, topic: message.topic }, 'a confirmation of SNS leads elsewhere and was not followed');
    return 'ignored';
  }
  const fetched = await fetch(url);
  if (fetched.outcome !== 'answered' || fetched.status !== 200) {
    return { why: fetched.outcome === 'answered' ? `SNS answered ${fetched.status}` : fetched.why };
  }
  log.info({ provider, topic: message.topic }, 'a topic of SNS tells of mail from now on');
  return 'confirmed';
}

/** Of several recipients the strongest outcome; `later` before all, since what is known already stays known. */
async function apply(event: SesEvent, whose: Believed, parts: SesParts): Promise<Outcome> {
  let strongest: Outcome = 'ignored';
  for (const recipient of event.recipients) {
    const outcome = await applyTo(recipient, event, whose, parts);
    if (outcome === 'later') return 'later';
    if (outcome === 'applied' || strongest === 'ignored') strongest = outcome;
  }
  return strongest;
}

async function applyTo(recipient: SesRecipient, event: SesEvent, whose: Believed, parts: SesParts): Promise<Outcome> {
  const key = parts.addressKey(recipient.email);
  if (key === null) return 'ignored';
  const named = await namedBy(event, key, whose, parts);
  if (named === null) return 'ignored';
  const { tenantNo } = named;
  if ('messageId' in named)
    return proven({ messageId: named.messageId, email: { key } }, recipient, event, tenantNo, parts);
  const { target } = named;
  if (event.kind === 'send') return parts.taken(target, tenantNo, event);
  if (event.kind === 'open' || event.kind === 'click') return parts.engaged(target, tenantNo, event);
  return proven({ id: target.recipientId }, recipient, event, tenantNo, parts);
}

type Named = { tenantNo: number } & ({ target: WrittenTo } | { messageId: string });

/** Whom the event proves to be about: by our tag, or, in notices of an identity, which have no tags, by our Message-ID. */
async function namedBy(
  { tags, messageIds }: SesEvent,
  key: string,
  whose: Believed,
  { store, tokens }: SesParts,
): Promise<Named | null> {
  const isOurs = (tenant: number): boolean => whose.tenantNo === null || whose.tenantNo === tenant;
  for (const tag of tags) {
    const token = tokens.parseReturnPath(`b+${tag}@tag`);
    if (token === null || !isOurs(token.tenant)) continue;
    const recipientId = encodeTypeId('rcp', token.recipientId);
    const target = await store.writtenTo({ tenantNo: token.tenant, recipientId });
    if (target !== null && target.key === key) return { tenantNo: token.tenant, target };
  }
  for (const text of messageIds) {
    const token = tokens.parseMessageId(text);
    if (token === null || !isOurs(token.tenant)) continue;
    return { tenantNo: token.tenant, messageId: encodeTypeId('msg', token.messageId) };
  }
  return null;
}

async function proven(
  about: { id: string } | { messageId: string; email: { key: string } },
  { class: bounceClass, hard, suppress, status, reply }: SesRecipient,
  { kind, type, at, sesId }: SesEvent,
  tenantNo: number,
  { store }: SesParts,
): Promise<Outcome> {
  const provenKind = KINDS[kind];
  if (provenKind === undefined) return 'ignored';
  const isBounce = kind === 'bounce';
  const answer = await store.provenReturn({
    tenantNo,
    recipient: about,
    kind: provenKind,
    class: bounceClass,
    hard: isBounce ? hard : null,
    suppress: isBounce ? suppress : null,
    at,
    channel: 'ses',
    reportId: `${sesId} ${type} ${at ?? ''}`,
    detail: { reply, status, reportingMta: null, form: type },
  });
  return outcomeOf(answer);
}

function outcomeOf(answer: ReturnAnswer): Outcome {
  if (answer.outcome === 'applied' || answer.outcome === 'known') return answer.outcome;
  return answer.outcome === 'conflict' && answer.state === 'sending' ? 'later' : 'ignored';
}
