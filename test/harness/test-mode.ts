/** What stories in test mode say often: a policy, a moved clock, a send. */
import assert from 'node:assert/strict';
import type { Mode } from '../../src/core/message.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import type { Answer, TestGateway } from './gateway.ts';

export async function setPolicy(gateway: TestGateway, document: PolicyDocument, mode: Mode = 'test'): Promise<void> {
  const { store } = gateway.gateway;
  const tenant = await store.tenantById({ id: gateway.tenantId });
  assert.ok(tenant);
  await store.putPolicy({ owner: 'operator', tenantNo: tenant.no, mode, document, author: 'a test', note: null });
}

/** Moves the test clock; `waitSeconds`: waits that long at most until what fell due has left. */
export async function moveClock(
  gateway: TestGateway,
  to: { now: string } | { advance: string },
  waitSeconds = 0,
): Promise<Answer> {
  const answer = await gateway.fetchJson('POST', `/v1/test/clock?wait=${waitSeconds}`, to);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer;
}

export function send(
  gateway: TestGateway,
  body: Record<string, unknown> = {},
  options: { key?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return gateway.fetchJson(
    'POST',
    '/v1/messages',
    { to: 'bob@example.com', subject: 'Hello', text: 'It works.', ...body },
    options,
  );
}

/** A time as the API writes it, `ms` after another. */
export function later(time: string, ms: number): string {
  return new Date(Date.parse(time) + ms).toISOString();
}
