import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import type { FastifyRequest } from 'fastify';
import { isPrograms, passedOn } from '../../src/http/inner.ts';

type Asked = Pick<FastifyRequest, 'raw' | 'headers'>;
const asked = (socket: unknown, headers: Record<string, string>): Asked =>
  ({ raw: { socket }, headers }) as unknown as Asked;

test('behind an inner request stands a program, unless it passes on one that came over HTTP', () => {
  assert.equal(isPrograms(asked({}, {})), true);
  assert.equal(isPrograms(asked({}, passedOn())), false);
  const [name] = Object.keys(passedOn());
  assert.equal(isPrograms(asked({}, { [name!]: 'guessed' })), true, 'nobody can say so but this process');
});

test('a request over a socket is its sender’s, whatever it says', () => {
  assert.equal(isPrograms(asked(new Socket(), {})), false);
  assert.equal(isPrograms(asked(new Socket(), passedOn())), false);
});
