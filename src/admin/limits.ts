/** What is left of each limit. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { type LimitBody, limitBody } from '../http/limit-state.ts';
import { notFound, principalOf } from './answers.ts';
import type { AdminDeps } from './deps.ts';
import { isIssue, readEmail } from './emails.ts';
import { CLOSED, orNull } from './shapes.ts';

const QUERY = Type.Object(
  {
    identity: Type.Optional(Type.String({ maxLength: 100, description: 'Handle or id: its limits and its cap too.' })),
    recipient: Type.Optional(
      Type.String({ maxLength: 254, description: 'An address: limits of it and its domain too.' }),
    ),
  },
  CLOSED,
);

const LIMIT = Type.Object({
  name: Type.String(),
  scope: Type.Object({ kind: Type.String(), id: Type.String() }),
  unit: Type.String(),
  window: Type.String(),
  limit: Type.Integer(),
  used: Type.Integer(),
  remaining: Type.Integer(),
  resets_at: orNull(Type.String(), { description: 'When `remaining` next grows; null when nothing is used.' }),
  full_limit: Type.Optional(Type.Integer({ description: 'On probation alone: the limit when it is over.' })),
});

const LIMITS = Type.Object({
  data: Type.Array(LIMIT),
  binding: orNull(Type.String(), { description: 'The limit on sends with the smallest remaining share.' }),
});

/** The limit of which the smallest share remains; of equal ones that with fewer places. */
export function bindingOf(limits: readonly Pick<LimitBody, 'name' | 'limit' | 'remaining'>[]): string | null {
  let binding: Pick<LimitBody, 'name' | 'limit' | 'remaining'> | null = null;
  for (const limit of limits) {
    // A limit of nothing has no share left.
    const share =
      binding === null
        ? -1
        : limit.remaining * Math.max(1, binding.limit) - binding.remaining * Math.max(1, limit.limit);
    if (binding === null || share < 0 || (share === 0 && limit.remaining < binding.remaining)) binding = limit;
  }
  return binding?.name ?? null;
}

export function limitRoutes(server: FastifyInstance, { store, problems }: AdminDeps): void {
  server.get(
    '/v1/limits',
    {
      config: { scopes: ['read', 'send'] },
      schema: {
        summary: 'What is left of each limit',
        tags: ['Policy'],
        querystring: QUERY,
        response: { 200: LIMITS },
      },
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { identity, recipient } = request.query as { identity?: string; recipient?: string };
      const address = recipient === undefined ? null : readEmail(recipient, 'recipient');
      if (address !== null && isIssue(address)) return problems.invalid(request, reply, [address]);
      if (identity !== undefined) {
        const { tenantNo, mode } = principal;
        const known = await store.identity({ tenantNo, mode, id: identity });
        if (known === null) return notFound(request, reply, problems, 'identity', identity);
      }
      const { limits } = await store.headroom({ principal, identity: identity ?? null, recipient: address });
      const data = limits.map(limitBody);
      // Of requests this one counts already.
      const ofRequests = (request.requestLimits ?? []).map(limitBody);
      return { data: [...data, ...ofRequests], binding: bindingOf(data) };
    },
  );
}
