/** When each of N sends would leave; nothing is consumed. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { type DecidedReason, explainReason } from '../core/explain.ts';
import { formatTime } from '../core/time.ts';
import type { PlanView } from '../data/port/plans.ts';
import type { Texts } from '../http/problems.ts';
import { idText, orNull, reason, time, timeOrNull } from '../http/schemas.ts';
import { MemoryCounters, StrangerCounters } from '../policy/counters.ts';
import type { Policy } from '../policy/document.ts';
import { familyScope } from '../policy/ledger.ts';
import { type Plan, Planner } from '../policy/plan.ts';
import { type IntakeDoor, readByHand, refusedOutcome, submitInput } from './door.ts';
import { FieldErrors, type Fields, isFields, isGiven } from './field-errors.ts';
import { readTime } from './fields.ts';
import { answerWith } from './outcome.ts';
import { submissionSchema } from './submission-schema.ts';

/** Recipients of all planned sends together. */
const MOST_PLANNED = 100_000;
/** Sends planned in one turn of the event loop: a few milliseconds. */
const IN_ONE_TURN = 256;

const FIELDS: ReadonlySet<string> = new Set(['count', 'message', 'identity', 'by']);

const { required: _required, ...anyMessage } = submissionSchema as object as { required?: string[] } & Record<
  string,
  unknown
>;

const planBody = Type.Object(
  {
    count: Type.Integer({ minimum: 1, maximum: MOST_PLANNED, description: 'How many sends.' }),
    message: Type.Optional(
      Type.Unsafe<object>({
        ...anyMessage,
        title: 'PlannedMessage',
        description:
          'What each of them holds; fields may be left out. Without recipients each goes to somebody else, of whom nothing is known.',
      }),
    ),
    identity: Type.Optional(Type.String({ maxLength: 255, description: 'The sending identity, by handle or id.' })),
    by: Type.Optional(time('The latest departure that is of use: what finds no place until then is in `blocked`.')),
  },
  { additionalProperties: false },
);

const planned = Type.Object(
  {
    count: Type.Integer(),
    departures: Type.Array(Type.Object({ at: time('When they leave.'), count: Type.Integer() }), {
      description: 'In order of time, one entry a time. Each recipient of a send is counted.',
    }),
    last_at: timeOrNull('When the last of them leaves.'),
    binding: orNull(Type.String(), { description: 'The limit for whose places the last of them waits.' }),
    blocked: Type.Array(
      Type.Object({ email: orNull(Type.String()), count: Type.Integer(), reasons: Type.Array(reason) }),
      { description: 'Those that would be refused or held, or find no place until `by`.' },
    ),
    policy_version: Type.Integer(),
    request_id: idText('req'),
  },
  { title: 'Plan' },
);

export function planRoute(server: FastifyInstance, door: IntakeDoor): void {
  server.post(
    '/v1/messages/plan',
    {
      ...readByHand,
      config: { scopes: ['send'], flawsRead: true },
      schema: {
        tags: ['Messages'],
        summary: 'When each of N sends would leave',
        description:
          'Foretells the places that sends with `on_limit: defer` would take now, one after another. Consumes and reserves nothing.',
        body: planBody,
        response: { 200: planned },
      },
    },
    (request, reply) => answerPlan(request, reply, door),
  );
}

type PlanInput = {
  count: number;
  message: Fields;
  strangers: boolean;
  by: number | null;
  /** Where a field of the message stands in this request. */
  place: (param: string) => string;
};

async function answerPlan(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { problems } = door;
  const errors = new FieldErrors();
  const input = readPlan(request.body, errors);
  if (errors.list.length > 0) return problems.invalid(request, reply, errors.list);
  const seen = await door.intake.planView(submitInput(request, input.message, null), input.strangers);
  if (seen.outcome !== 'answer') {
    return answerWith(request, reply, refusedOutcome(request, problems, underMessage(seen, input)));
  }
  const { answer } = seen;
  if (answer.outcome === 'invalid') {
    const { param, message } = answer;
    return problems.invalid(request, reply, [{ code: 'invalid_parameter', param: input.place(param), message }]);
  }
  if (input.count * answer.recipients.length > MOST_PLANNED) {
    const message = `At most ${MOST_PLANNED} recipients can be planned at once, all sends together.`;
    return problems.invalid(request, reply, [{ code: 'invalid_parameter', param: 'count', message }]);
  }
  const policy = await door.policies.get(answer.policyVersion);
  const plan = await planFor(answer, policy, input);
  return reply.send(planBodyOf(input.count, plan, answer.policyVersion, request.id, problems.texts(request)));
}

/** Faults of the message are faults of a field here. */
function underMessage<Seen extends { outcome: string }>(seen: Seen, { place }: PlanInput): Seen {
  if (!('errors' in seen)) return seen;
  const errors = (seen.errors as { param: string }[]).map((one) => ({ ...one, param: place(one.param) }));
  return { ...seen, errors };
}

function readPlan(body: unknown, errors: FieldErrors): PlanInput {
  const fields = isFields(body) ? body : {};
  if (!isFields(body)) errors.invalid('', 'The body must be a JSON object.');
  errors.unknown(fields, FIELDS, '');
  const { count, message, identity } = fields;
  if (!isGiven(count)) errors.add('missing_parameter', 'count', 'It says how many sends to plan.');
  else if (!Number.isInteger(count) || (count as number) < 1 || (count as number) > MOST_PLANNED) {
    errors.invalid('count', `It must be a whole number from 1 to ${MOST_PLANNED}.`);
  }
  if (isGiven(message) && !isFields(message)) errors.invalid('message', 'It must be an object.');
  const given = isFields(message) ? message : {};
  if (isGiven(identity) && isGiven(given['identity']) && identity !== given['identity']) {
    errors.add('mutually_exclusive', 'identity', 'The message names another identity.');
  }
  const strangers = !isGiven(given['to']) && !isGiven(given['cc']) && !isGiven(given['bcc']);
  return {
    count: count as number,
    message: { ...WHOLE, ...(strangers ? SOMEBODY : {}), ...given, ...(isGiven(identity) ? { identity } : {}) },
    strangers,
    by: readTime(fields['by'], 'by', errors),
    place: (param) =>
      param === 'identity' && isGiven(identity) ? param : param === '' ? 'message' : `message.${param}`,
  };
}

/** What a message needs to be read at all, where a plan leaves it out. */
const WHOLE = { subject: '-', text: '-' };
const SOMEBODY = { to: 'somebody@example.com' };

async function planFor(view: PlanView, policy: Policy, { count, by, strangers }: PlanInput): Promise<Plan> {
  const counters = strangers ? new StrangerCounters() : new MemoryCounters();
  for (const { kind, id, state } of view.scopes) counters.setScope(kind, id, state);
  for (const { key, state } of view.contacts) counters.contacts.set(key, state);
  for (const { domain, state } of view.domains) counters.domains.set(domain, state);
  counters.pacing = view.pacing;
  if (view.routing !== null) {
    counters.sight = view.routing.sight;
    for (const { key, mailbox } of view.routing.pins) counters.pins.set(key, mailbox);
    for (const { mailbox, family, stood } of view.routing.stood)
      counters.stoods.set(familyScope(mailbox, family), stood);
  }
  const planner = new Planner({ send: view.send, recipients: view.recipients, counters }, policy, count, by);
  while (planner.advance(IN_ONE_TURN)) await new Promise((resolve) => setImmediate(resolve));
  return planner.plan;
}

function planBodyOf(count: number, plan: Plan, policyVersion: number, requestId: string, texts: Texts): object {
  const departures = [...plan.departures].sort(([a], [b]) => a - b);
  return {
    count,
    departures: departures.map(([at, n]) => ({ at: formatTime(at), count: n })),
    last_at: plan.lastAt === null ? null : formatTime(plan.lastAt),
    binding: plan.binding,
    blocked: plan.blocked.map(({ email, count: times, reasons }) => ({
      email: email === '' ? null : email,
      count: times,
      reasons: reasons.map((one) => explainReason(one as DecidedReason, texts)),
    })),
    policy_version: policyVersion,
    request_id: requestId,
  };
}
