/**
 * A person's data: everything that is known of an address as one JSON document, and its erasure.
 *
 * Both walk the account's log in portions, so that neither stalls a send. An erasure that broke off is done again by asking again.
 */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { ExplainOptions } from '../core/explain.ts';
import { formatTime } from '../core/time.ts';
import type { Blobs } from '../data/blobs.ts';
import type { ContactAddress } from '../data/port/contacts.ts';
import type { EngagementRow } from '../data/port/engagement.ts';
import type { Erased } from '../data/port/erasure.ts';
import type { InboundRow } from '../data/port/inbound.ts';
import type { Page, Space, Store, StoredMessage } from '../data/store.ts';
import { eventBody } from '../http/event-body.ts';
import { actorOf, principalOf, refuseLoosening } from './answers.ts';
import { contactBody } from './contacts.ts';
import type { AdminDeps } from './deps.ts';
import { isIssue, readEmail } from './emails.ts';
import { CLOSED, NOTE, orNull, timeOrNull } from './shapes.ts';
import { suppressionBody } from './suppressions.ts';

const MESSAGES_AT_ONCE = 50;
const SUPPRESSIONS_AT_ONCE = 200;
const EMAIL_PARAMS = Type.Object({ email: Type.String({ maxLength: 1000, description: 'The address.' }) });
const ERASE = orNull(Type.Object({ note: Type.Optional(orNull(NOTE)) }, CLOSED));
const ERASED = Type.Object({
  erased: Type.Boolean(),
  suppression_id: Type.String({ description: 'The hash of the address, which goes on blocking it.' }),
  messages_removed: Type.Integer({ description: 'Messages to this person alone.' }),
  messages_stripped: Type.Integer({ description: 'Messages to others too, which go on without this person.' }),
  messages_open: Type.Integer({
    description: 'Of these, ones that others still wait for: their content names the person until it goes.',
  }),
  messages_busy: Type.Integer({ description: 'In a worker’s hand just now and left as they are: ask again.' }),
  events_emptied: Type.Integer(),
});
const EXPORT = Type.Object({
  email: Type.String(),
  exported_at: Type.String(),
  contact: Type.Unknown(),
  suppressions: Type.Array(Type.Unknown()),
  messages: Type.Array(Type.Unknown(), { description: 'Each with what happened to this person’s copy.' }),
  letters: Type.Array(Type.Unknown(), {
    description: 'Mail that came in from the person, or about one of the messages to them.',
  }),
  captured: Type.Array(Type.Unknown(), { description: 'Mail in the sink.' }),
  events: Type.Array(Type.Unknown(), { description: 'Events about the person and no message.' }),
});
const TAGS = ['Contacts'];

type Person = Space & ContactAddress;

export function contactErasureRoutes(
  server: FastifyInstance,
  { store, problems, blobs }: AdminDeps & { blobs: Blobs },
): void {
  function personOf(request: FastifyRequest, reply: FastifyReply): Person | null {
    const { email } = request.params as Static<typeof EMAIL_PARAMS>;
    const address = readEmail(email, 'email');
    if (isIssue(address)) {
      problems.invalid(request, reply, [address]);
      return null;
    }
    const { tenantNo, mode } = principalOf(request);
    return { tenantNo, mode, key: address.key, domain: address.domain };
  }

  server.get(
    '/v1/contacts/:email/export',
    {
      config: { scopes: ['read', 'manage', 'approve'] },
      schema: {
        summary: 'Everything that is known of a person',
        description:
          'As one JSON document, an empty one where nothing is known: marks, suppressions, messages with what was opened and clicked, mail that came in, captured mail, events.',
        tags: TAGS,
        params: EMAIL_PARAMS,
        response: { 200: EXPORT },
      },
    },
    async (request, reply) => {
      const person = personOf(request, reply);
      if (person === null) return reply;
      const texts = problems.texts(request);
      reply.header('Content-Disposition', 'attachment; filename="contact.json"').header('Cache-Control', 'no-store');
      return reply.type('application/json; charset=utf-8').send(Readable.from(exportOf(store, person, texts)));
    },
  );

  server.post(
    '/v1/contacts/:email/erase',
    {
      config: { scopes: ['manage', 'approve'] },
      schema: {
        summary: 'Erase a person',
        description:
          'Needs a key with `approve` and a note. Removes the contact, its messages, captured mail and what its events say, from the archives too, and cancels what has not left. A hash of the address stays and goes on blocking it; the audit log names the hash. What a text to others says of the person is not looked for.',
        tags: TAGS,
        params: EMAIL_PARAMS,
        body: ERASE,
        response: { 200: ERASED },
      },
    },
    async (request, reply) => {
      const person = personOf(request, reply);
      if (person === null) return reply;
      const note = (request.body as Static<typeof ERASE> | undefined)?.note ?? null;
      const begun = await store.eraseContact({ ...person, note, actor: actorOf(request) });
      if (begun.outcome !== 'erased') return refuseLoosening(request, reply, problems, begun, 'contact.erase');
      await blobs.removeUnused(begun.unused, (sha256s) => store.unusedBlobs({ sha256s }));
      const messages = await eraseMessages(store, blobs, person);
      const events = await eraseEvents(store, person);
      return {
        erased: true,
        suppression_id: begun.suppressionId,
        messages_removed: messages.removed,
        messages_stripped: messages.stripped,
        messages_open: messages.open,
        messages_busy: messages.busy,
        events_emptied: events,
      };
    },
  );
}

/** The person's messages, a page at a time, newest first. */
async function* messagePages(store: Store, { key, tenantNo, mode }: Person): AsyncGenerator<StoredMessage[]> {
  const filter = { status: null, recipient: key, tag: null, reason: null, since: null, until: null, q: null };
  for (let cursor: string | null = null; ; ) {
    const page = await store.messages({ tenantNo, mode, filter, limit: MESSAGES_AT_ONCE, cursor });
    if (page.rows.length > 0) yield page.rows;
    if (page.next === null) return;
    cursor = page.next;
  }
}

async function eraseMessages(store: Store, blobs: Blobs, person: Person): Promise<Erased> {
  const { tenantNo, mode, key } = person;
  const sum: Erased = { removed: 0, stripped: 0, open: 0, busy: 0, unused: [] };
  for await (const page of messagePages(store, person)) {
    const ids = page.map(({ id }) => id);
    const erased = await store.eraseMessages({ tenantNo, mode, key, ids });
    await store.eraseArchived({ tenantNo, mode, ids });
    await blobs.removeUnused(erased.unused, (sha256s) => store.unusedBlobs({ sha256s }));
    for (const name of ['removed', 'stripped', 'open', 'busy'] as const) sum[name] += erased[name];
  }
  return sum;
}

async function eraseEvents(store: Store, { tenantNo, mode, key }: Person): Promise<number> {
  let count = 0;
  for (let beforeSeq: number | null = null; ; ) {
    const emptied: { count: number; next: number | null } = await store.eraseEvents({ tenantNo, mode, key, beforeSeq });
    count += emptied.count;
    if (emptied.next === null) return count;
    beforeSeq = emptied.next;
  }
}

/** The document, piece by piece. */
async function* exportOf(store: Store, person: Person, texts: ExplainOptions): AsyncGenerator<string> {
  const { tenantNo, mode, key } = person;
  const space = { tenantNo, mode };
  const contact = await store.contact(person);
  const head = { email: key, exported_at: formatTime(Date.now()), contact: contactBody(contact) };
  yield `${JSON.stringify(head).slice(0, -1)},"suppressions":[`;
  yield* joined(suppressionsOf(store, person));
  yield '],"messages":[';
  yield* joined(messagesOf(store, person, texts));
  yield '],"letters":[';
  yield* joined(lettersOf(store, space, key));
  yield '],"captured":[';
  yield* joined(capturedOf(store, space, key));
  yield '],"events":[';
  yield* joined(eventsOf(store, space, key, texts));
  yield ']}';
}

async function* joined(parts: AsyncIterable<object>): AsyncGenerator<string> {
  let isFirst = true;
  for await (const part of parts) {
    yield (isFirst ? '' : ',') + JSON.stringify(part);
    isFirst = false;
  }
}

async function* suppressionsOf(store: Store, { tenantNo, mode, key }: Person): AsyncGenerator<object> {
  const filter = { kind: 'address', key, reason: null } as const;
  const page = await store.suppressions({ tenantNo, mode, ...filter, limit: SUPPRESSIONS_AT_ONCE, cursor: null });
  for (const row of page.rows) yield suppressionBody(row);
}

async function* messagesOf(store: Store, person: Person, texts: ExplainOptions): AsyncGenerator<object> {
  const { tenantNo, mode, key } = person;
  for await (const page of messagePages(store, person)) {
    for (const { id } of page) {
      const timeline = await store.messageTimeline({ tenantNo, mode, id });
      if (timeline === null) continue;
      const { message, admission, events } = timeline;
      const engagement = (await store.engagement({ tenantNo, mode, messageId: id })) ?? [];
      const own = new Set(admission.recipients.filter((one) => one.key === key).map((one) => one.id));
      const { subject, kind, from, createdAt, meta, hasContent } = message;
      yield {
        ...{ id, created_at: formatTime(createdAt), from, subject, kind, meta, has_content: hasContent },
        recipients: message.recipients
          .filter((one) => own.has(one.id))
          .map((one) => ({
            id: one.id,
            email: one.email,
            name: one.name,
            status: one.state,
            closed_at: timeOrNull(one.closedAt),
          })),
        events: events
          .filter(({ data }) => own.has(String(data['recipient_id'])))
          .map((event) => eventBody(event, texts)),
        engagement: engagement.filter((one) => own.has(one.recipientId)).map(engagementBody),
      };
    }
  }
}

function engagementBody({ opened, clicked, firstOpenedAt, firstClickedAt, lastAt }: EngagementRow): object {
  const [first_opened_at, first_clicked_at] = [timeOrNull(firstOpenedAt), timeOrNull(firstClickedAt)];
  return { opened, clicked, first_opened_at, first_clicked_at, last_at: formatTime(lastAt) };
}

async function* lettersOf(store: Store, space: Space, person: string): AsyncGenerator<object> {
  const filter = { kind: null, outcome: null, messageId: null, person, since: null };
  for (let cursor: string | null = null; ; ) {
    const page: Page<InboundRow> = await store.inbound({ ...space, filter, limit: MESSAGES_AT_ONCE, cursor });
    for (const { id, at, kind, messageId, from, subject, text, details } of page.rows) {
      yield { ...{ id, received_at: formatTime(at), kind, message_id: messageId, from, subject, text }, ...details };
    }
    if (page.next === null) return;
    cursor = page.next;
  }
}

async function* capturedOf(store: Store, space: Space, recipient: string): AsyncGenerator<object> {
  for (let cursor: string | null = null; ; ) {
    const page = await store.captures({ ...space, recipient, limit: MESSAGES_AT_ONCE, cursor });
    for (const { id, from, to, receivedAt, raw } of page.rows) {
      yield {
        id,
        envelope: { from, to: [to] },
        received_at: formatTime(receivedAt),
        raw: Buffer.from(raw).toString('utf8'),
      };
    }
    if (page.next === null) return;
    cursor = page.next;
  }
}

async function* eventsOf(store: Store, space: Space, key: string, texts: ExplainOptions): AsyncGenerator<object> {
  for (let beforeSeq: number | null = null; ; ) {
    const page: Awaited<ReturnType<Store['eventsNaming']>> = await store.eventsNaming({ ...space, key, beforeSeq });
    for (const event of page.events) yield eventBody(event, texts);
    if (page.next === null) return;
    beforeSeq = page.next;
  }
}
