import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { checkKey } from '../../src/http/check-key.ts';

test('a request whose connection was reset is dropped, and no fault of the gateway', async () => {
  const seen: string[] = [];
  const request = {
    // As Node has it for a socket that is connected no more.
    ip: undefined,
    url: '/v1/messages',
    headers: { authorization: 'Bearer k' },
    route: { config: { scopes: ['send'] } },
    raw: { socket: { destroy: () => seen.push('destroyed') } },
  } as unknown as FastifyRequest;
  const reply = { hijack: () => seen.push('let go') } as unknown as FastifyReply;
  const checks = { problems: { wordings: { of: () => undefined } } } as unknown as Parameters<typeof checkKey>[2];
  assert.equal(await checkKey(request, reply, checks), false);
  assert.deepEqual(seen, ['let go', 'destroyed']);
});
