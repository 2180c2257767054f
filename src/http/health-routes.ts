/** Whether the gateway is alive, whether it can serve, and its figures. No key is asked for. */
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import type { Store } from '../data/store.ts';
import type { Metrics } from './metrics.ts';
import type { Problems } from './problems.ts';
import { oneOf } from './schemas.ts';

const ANSWER_WITHIN_MS = 3000;

export function healthRoutes(
  server: FastifyInstance,
  parts: { store: Store; problems: Problems; metrics: Metrics },
): void {
  const tags = ['Service'];
  server.get(
    '/healthz',
    {
      exposeHeadRoute: true,
      schema: {
        tags,
        summary: 'Is the process alive?',
        response: { 200: Type.Object({ status: oneOf(['ok']) }) },
      },
    },
    () => ({ status: 'ok' }),
  );
  server.get(
    '/readyz',
    {
      exposeHeadRoute: true,
      schema: {
        tags,
        summary: 'Can it serve?',
        description: 'The store answers and its data is of this version; else 503.',
        response: { 200: Type.Object({ status: oneOf(['ready']) }) },
      },
    },
    async (request, reply) => {
      const trouble = await healthWithin(parts.store, ANSWER_WITHIN_MS);
      if (trouble === null) return reply.send({ status: 'ready' });
      return parts.problems.refuse(request, reply, 'service_unavailable', {
        detail: `Postern is not ready: ${trouble}.`,
        retryAfterSeconds: 5,
      });
    },
  );
  server.get('/metrics', async (_request, reply) => {
    const { registry } = parts.metrics;
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

function healthWithin(store: Store, waitMs: number): Promise<string | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('the store does not answer'), waitMs);
    store.health().then((trouble) => {
      clearTimeout(timer);
      resolve(trouble);
    });
  });
}
