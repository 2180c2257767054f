/** A draft policy that is decided beside the one in force on live traffic, and never enforced. */
import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { type DecidedReason, type ExplainOptions, explainReason } from '../core/explain.ts';
import { formatTime } from '../core/time.ts';
import type { ShadowDifference, ShadowState } from '../data/port/shadows.ts';
import { oneOf, reason } from '../http/schemas.ts';
import { actorOf, notFound, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { judgedByReader, NOTE_QUERY, putPolicySchema, readPolicyInput } from './policy-body.ts';
import { listOf, listQuery, orNull, pageBody, pagingOf, TIME } from './shapes.ts';

const READ = { config: { scopes: ['read', 'manage', 'approve'] } } as const;
const CHANGE = { config: { scopes: ['manage', 'approve'] } } as const;
const TAGS = ['Policy'];

const SHADOW = Type.Object(
  {
    document: Type.Unknown({ description: 'The draft as it was put.' }),
    author: Type.String(),
    note: orNull(Type.String()),
    since: TIME,
    policy_version: Type.Integer({ description: 'The number of what the draft comes to.' }),
    result: Type.Unknown({ description: 'The draft over what is in force: what it names is replaced.' }),
    decided: Type.Integer({ description: 'Recipients decided on under it so far.' }),
    differing: Type.Integer({ description: 'On how many of them it would have decided otherwise.' }),
  },
  { title: 'ShadowPolicy' },
);

const DECISION = Type.Object({
  verdict: oneOf(['accept', 'schedule', 'hold', 'block']),
  reasons: Type.Array(reason),
});

const DIFFERENCE = Type.Object(
  {
    at: TIME,
    message_id: Type.String(),
    email: Type.String(),
    policy_version: Type.Integer(),
    shadow_version: Type.Integer(),
    decided: DECISION,
    shadow: DECISION,
    added: Type.Array(Type.String(), { description: 'Codes of reasons that the draft alone gives.' }),
    removed: Type.Array(Type.String(), { description: 'Codes of reasons that the policy in force alone gives.' }),
  },
  { title: 'ShadowDifference' },
);

export function shadowPolicyRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/policy/shadow',
    { ...READ, schema: { summary: 'The draft beside the policy', tags: TAGS, response: { 200: SHADOW } } },
    async (request, reply) => {
      const { tenantNo, mode } = principalOf(request);
      const shadow = await store.shadowState({ tenantNo, mode });
      return shadow === null ? notFound(request, reply, problems, 'shadow', 'policy') : shadowBody(shadow);
    },
  );

  server.put(
    '/v1/policy/shadow',
    {
      ...CHANGE,
      ...judgedByReader,
      schema: {
        summary: 'Decide a draft beside the policy',
        description:
          'The draft replaces the fields and the limits that it names in what is in force. From now on every send is decided under both; the policy in force alone counts, and only it is enforced. A new draft forgets the differences of the one before.',
        tags: TAGS,
        querystring: NOTE_QUERY,
        body: putPolicySchema(),
        response: { 200: SHADOW },
      },
    },
    async (request, reply) => {
      const input = readPolicyInput(request.body, request.query);
      if (Array.isArray(input)) return problems.invalid(request, reply, input);
      const { tenantNo, mode } = principalOf(request);
      return shadowBody(await store.putShadow({ tenantNo, mode, ...input, actor: actorOf(request) }));
    },
  );

  server.delete(
    '/v1/policy/shadow',
    {
      ...CHANGE,
      schema: {
        summary: 'Remove the draft',
        description: 'Its differences go with it.',
        tags: TAGS,
        response: { 200: Type.Object({ removed: Type.Boolean() }) },
      },
    },
    async (request, reply) => {
      const { tenantNo, mode } = principalOf(request);
      const removed = await store.deleteShadow({ tenantNo, mode, actor: actorOf(request) });
      return removed ? { removed } : notFound(request, reply, problems, 'shadow', 'policy');
    },
  );

  server.get(
    '/v1/policy/shadow/differences',
    {
      ...READ,
      schema: {
        summary: 'Where the draft would have decided otherwise',
        description: 'Newest first; the newest ten thousand are kept.',
        tags: TAGS,
        querystring: listQuery(),
        response: { 200: listOf(DIFFERENCE, 'Differences') },
      },
    },
    async (request) => {
      const { tenantNo, mode } = principalOf(request);
      const page = await store.shadowDifferences({ tenantNo, mode, ...pagingOf(request) });
      const texts = problems.texts(request);
      return pageBody(page, (row) => differenceBody(row, texts));
    },
  );
}

function shadowBody(shadow: ShadowState): Static<typeof SHADOW> {
  const { document, author, note, since, policyVersion, result, decided, differing } = shadow;
  return {
    document,
    author,
    note,
    since: formatTime(since),
    policy_version: policyVersion,
    result,
    decided,
    differing,
  };
}

function differenceBody(row: ShadowDifference, texts: ExplainOptions): object {
  const codesOf = (decision: ShadowDifference['decided']): string[] => decision.reasons.map(({ code }) => code);
  const decisionBody = ({ verdict, reasons }: ShadowDifference['decided']): object => ({
    verdict,
    reasons: reasons.map((one) => explainReason(one as DecidedReason, texts)),
  });
  const before = codesOf(row.decided);
  const after = codesOf(row.shadow);
  return {
    at: formatTime(row.at),
    message_id: row.messageId,
    email: row.email,
    policy_version: row.policyVersion,
    shadow_version: row.shadowVersion,
    decided: decisionBody(row.decided),
    shadow: decisionBody(row.shadow),
    added: after.filter((code) => !before.includes(code)),
    removed: before.filter((code) => !after.includes(code)),
  };
}
