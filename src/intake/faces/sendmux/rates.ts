/**
 * Sendmux's own limit on requests: 1,800 in a minute of the clock for each key, told in `X-RateLimit-*` on every answer. Counted in
 * memory, on real time; a batch is one request.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problems } from '../../../http/problems.ts';

const MOST = 1800;
const WINDOW_MS = 60_000;

let window = 0;
const counts = new Map<string, number>();

function countOf(request: FastifyRequest, now: number): { key: string | null; count: number } {
  const current = Math.floor(now / WINDOW_MS);
  if (current !== window) {
    window = current;
    counts.clear();
  }
  const { caller } = request;
  if (caller === null) return { key: null, count: 0 };
  const key = `${caller.keyId} ${caller.principal?.tenantNo} ${caller.principal?.mode}`;
  return { key, count: counts.get(key) ?? 0 };
}

/** A hook for routes, behind the check of the key. */
export function limitRequests(problems: Problems) {
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const now = Date.now();
    const { key, count } = countOf(request, now);
    if (key !== null && count >= MOST) {
      const freesAt = (Math.floor(now / WINDOW_MS) + 1) * WINDOW_MS;
      const evidence = {
        ...{ limit_name: 'sendmux', unit: 'request', window: 'rolling_60s', limit: MOST },
        ...{ used: count, requested: 1, frees_at: freesAt },
      };
      problems.refuse(request, reply, 'request_rate_exceeded', { evidence, clearsAt: freesAt });
      return;
    }
    if (key !== null) counts.set(key, count + 1);
    done();
  };
}

/** What every answer carries. */
export function ownHeaders(request: FastifyRequest): Record<string, number | string> {
  const now = Date.now();
  const { count } = countOf(request, now);
  return {
    'Cache-Control': 'no-store',
    'X-RateLimit-Limit': MOST,
    'X-RateLimit-Remaining': Math.max(0, MOST - count),
    'X-RateLimit-Reset': ((Math.floor(now / WINDOW_MS) + 1) * WINDOW_MS) / 1000,
  };
}
