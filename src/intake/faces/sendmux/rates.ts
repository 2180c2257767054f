/** Sendmux's own limit on requests, told in `X-RateLimit-*` on every answer; a batch is one request. */
import type { FastifyRequest } from 'fastify';
import { compileRequestLimit } from '../../../http/request-rates.ts';

const NAME = 'sendmux';
const MOST = 1800;
const WINDOW_MS = 60_000;

/** For each key, in any minute. */
export const SENDMUX_LIMITS = [compileRequestLimit({ name: NAME, scope: 'key', window: 'rolling_60s', max: MOST })];

/** `X-RateLimit-Reset`: when the next place frees, and where none is taken the end of a window that began now. */
export function ownHeaders(request: FastifyRequest): Record<string, number | string> {
  const state = request.requestLimits?.find(({ name, scope }) => name === NAME && scope.kind === 'key');
  return {
    'Cache-Control': 'no-store',
    'X-RateLimit-Limit': MOST,
    'X-RateLimit-Remaining': state?.remaining ?? MOST,
    'X-RateLimit-Reset': Math.ceil((state?.resetsAt ?? Date.now() + WINDOW_MS) / 1000),
  };
}
