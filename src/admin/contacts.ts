/**
 * Contacts: what is known of the people written to, and the marks set on them. Software may set a mark; a person takes it off.
 *
 * Deliberately absent: making and deleting contacts. One is there as soon as something is known of it.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static, type TSchemaOptions } from 'typebox';
import { formatTime } from '../core/time.ts';
import type { ContactChange, ContactRow, Mark } from '../data/port/contacts.ts';
import { actorOf, notFound, principalOf, refuseLoosening } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { isIssue, readEmail } from './emails.ts';
import { CLOSED, listOf, listQuery, NOTE, orNull, pageBody, pagingOf, timeOrNull } from './shapes.ts';
import { IN_FORCE, inForceBody } from './suppressions.ts';

const MARK = Type.Object({ since: Type.String(), note: orNull(Type.String()) });
const markOrNull = (options: TSchemaOptions) => orNull(MARK, options);

const CONTACT = Type.Object({
  email: Type.String({ description: 'The key of the address: in lower case and normal form.' }),
  do_not_contact: Type.Boolean(),
  opportunity: Type.Boolean(),
  thread_taken_over: Type.Boolean(),
  consent: orNull(
    Type.Object({
      marketing: Type.String(),
      since: Type.String(),
      source: Type.String({ description: '`recorded`, or `unsubscribe` where the person did it.' }),
    }),
  ),
  marks: Type.Object({
    do_not_contact: markOrNull({ description: 'Since when and why; null where it is not set.' }),
    opportunity: markOrNull({}),
    thread_taken_over: markOrNull({}),
  }),
  suppressions: Type.Array(IN_FORCE, { description: 'In force, those of the domain included.' }),
  first_sent_at: orNull(Type.String(), { description: 'Whole seconds.' }),
  last_sent_at: orNull(Type.String(), { description: 'Whole seconds.' }),
  last_reply_at: orNull(Type.String()),
  last_engaged_at: orNull(Type.String(), {
    description: 'When the person last opened a message or followed a link in one, where the policy counts that.',
  }),
});

const markBody = (mark: Mark | null) => (mark === null ? null : { since: formatTime(mark.since), note: mark.note });

export function contactBody(contact: ContactRow): Static<typeof CONTACT> {
  const { doNotContact, opportunity, threadTakenOver, consent } = contact;
  return {
    email: contact.key,
    do_not_contact: doNotContact !== null,
    opportunity: opportunity !== null,
    thread_taken_over: threadTakenOver !== null,
    consent:
      consent === null
        ? null
        : { marketing: consent.marketing, since: formatTime(consent.since), source: consent.source },
    marks: {
      do_not_contact: markBody(doNotContact),
      opportunity: markBody(opportunity),
      thread_taken_over: markBody(threadTakenOver),
    },
    suppressions: contact.suppressions.map(inForceBody),
    first_sent_at: timeOrNull(contact.firstSentAt),
    last_sent_at: timeOrNull(contact.lastSentAt),
    last_reply_at: timeOrNull(contact.lastReplyAt),
    last_engaged_at: timeOrNull(contact.engagedAt),
  };
}

function isKnown(contact: ContactRow): boolean {
  const { doNotContact, opportunity, threadTakenOver, consent, lastSentAt, lastReplyAt, engagedAt } = contact;
  const { suppressions } = contact;
  const marks = [doNotContact, opportunity, threadTakenOver, consent, lastSentAt, lastReplyAt, engagedAt];
  return marks.some((mark) => mark !== null) || suppressions.some((suppression) => !suppression.domain);
}

const SET_MARK = Type.Optional(
  Type.Union([Type.Boolean(), Type.Object({ note: Type.Optional(orNull(NOTE)) }, CLOSED), Type.Null()], {
    description: 'true or an object with a note sets the mark; false or null takes it off, which needs a person.',
  }),
);
const SAID = Type.Union([Type.Enum(['opted_in', 'refused']), Type.Boolean()], {
  description: '`opted_in` or true: they agreed to it; `refused` or false: they did not.',
});
const CHANGE = Type.Object(
  {
    do_not_contact: SET_MARK,
    opportunity: SET_MARK,
    thread_taken_over: SET_MARK,
    consent: Type.Optional(
      Type.Union([Type.Object({ marketing: SAID }, CLOSED), SAID, Type.Null()], {
        description: 'What the person said about marketing; null: nothing is known.',
      }),
    ),
    note: Type.Optional(orNull(NOTE)),
  },
  CLOSED,
);

type MarkInput = boolean | { note?: string | null } | null | undefined;

/** Absent stays, false and null clear; the mark's own note goes before that of the whole change. */
function markChange(given: MarkInput, note: string | null): { note: string | null } | null | undefined {
  if (given === undefined) return undefined;
  if (given === null || given === false) return null;
  return { note: (given === true ? null : given.note) ?? note };
}

function consentSaid(given: NonNullable<Static<typeof CHANGE>['consent']> | null): ContactChange['consent'] {
  const said = typeof given === 'object' ? (given?.marketing ?? null) : given;
  return typeof said === 'boolean' ? (said ? 'opted_in' : 'refused') : said;
}

function readChange(body: Static<typeof CHANGE>): ContactChange {
  const note = body.note ?? null;
  return {
    doNotContact: markChange(body.do_not_contact, note),
    opportunity: markChange(body.opportunity, note),
    threadTakenOver: markChange(body.thread_taken_over, note),
    consent: body.consent === undefined ? undefined : consentSaid(body.consent),
  };
}

const EMAIL_PARAMS = Type.Object({ email: Type.String({ maxLength: 1000, description: 'The address.' }) });
const READING = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const TAGS = ['Contacts'];

export function contactRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  /** The address in the path in the caller's space, or the refusal that was sent. */
  function placeOf(request: FastifyRequest, reply: FastifyReply) {
    const { email } = request.params as Static<typeof EMAIL_PARAMS>;
    const address = readEmail(email, 'email');
    if (isIssue(address)) return { refusal: problems.invalid(request, reply, [address]) };
    const { tenantNo, mode } = principalOf(request);
    return { place: { tenantNo, mode, key: address.key, domain: address.domain } };
  }

  server.get(
    '/v1/contacts',
    {
      ...READING,
      schema: {
        summary: 'List contacts, in no particular order',
        tags: TAGS,
        querystring: listQuery({}, '^[0-9]{1,16}$'),
        response: { 200: listOf(CONTACT, 'Contacts') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      await store.settleContacts({ tenantNo, mode });
      return pageBody(await store.contacts({ ...pagingOf(request), tenantNo, mode }), contactBody);
    },
  );

  server.get(
    '/v1/contacts/:email',
    {
      ...READING,
      schema: { summary: 'Look at a contact', tags: TAGS, params: EMAIL_PARAMS, response: { 200: CONTACT } },
    },
    async (request, reply) => {
      const { place, refusal } = placeOf(request, reply);
      if (place === undefined) return refusal;
      const contact = await store.contact(place);
      return isKnown(contact) ? contactBody(contact) : notFound(request, reply, problems, 'contact', place.key);
    },
  );

  server.put(
    '/v1/contacts/:email',
    {
      config: { scopes: ['manage', 'approve'] },
      schema: {
        summary: 'Set or take off marks of a contact',
        description: 'What is left out stays. Taking a mark off needs a key with `approve` and a note.',
        tags: TAGS,
        params: EMAIL_PARAMS,
        body: CHANGE,
        response: { 200: CONTACT },
      },
    },
    async (request, reply) => {
      const { place, refusal } = placeOf(request, reply);
      if (place === undefined) return refusal;
      const body = request.body as Static<typeof CHANGE>;
      const note = body.note ?? null;
      const changed = await store.changeContact({ ...place, change: readChange(body), note, actor: actorOf(request) });
      return changed.outcome === 'changed'
        ? contactBody(changed.contact)
        : refuseLoosening(request, reply, problems, changed, 'contact.update');
    },
  );
}
