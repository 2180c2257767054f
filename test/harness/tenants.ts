/** Tenants with keys for tests of the management API: one of a program, one of a person. */
import assert from 'node:assert/strict';
import type { Mode } from '../../src/core/message.ts';
import type { StoredMessage } from '../../src/data/store.ts';
import type { Answer, TestGateway } from './gateway.ts';

export type TestTenant = {
  id: string;
  no: number;
  /** `send`, `read` and `manage`: what a program has. */
  agent: Caller;
  /** The same and `approve`. */
  person: Caller;
};

export type Caller = { key: string; id: string; name: string; call: Call };
export type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

export function asOperator(gateway: TestGateway): Call {
  return (method, path, body, headers = {}) =>
    gateway.fetchJson(method, path, body, { key: gateway.operatorKey, headers });
}

export function caller(gateway: TestGateway, key: string, id = '', name = ''): Caller {
  return {
    key,
    id,
    name,
    call: (method, path, body, headers = {}) => gateway.fetchJson(method, path, body, { key, headers }),
  };
}

/** A key of a tenant, made by the operator. */
export async function makeTestKey(
  gateway: TestGateway,
  tenantId: string,
  body: { scopes: string[]; mode?: Mode; name?: string } & Record<string, unknown>,
): Promise<Caller> {
  const made = await asOperator(gateway)('POST', `/v1/tenants/${tenantId}/keys`, { mode: 'test', ...body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return caller(gateway, made.body.key, made.body.id, body.name);
}

export async function makeTenant(
  gateway: TestGateway,
  body: Record<string, unknown> = {},
  mode: Mode = 'test',
): Promise<TestTenant> {
  const made = await asOperator(gateway)('POST', '/v1/tenants', { name: 'acme', ...body });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { id } = made.body;
  const scopes = ['send', 'read', 'manage'];
  const row = await gateway.gateway.store.tenantById({ id });
  return {
    id,
    no: row!.no,
    agent: await makeTestKey(gateway, id, { mode, scopes, name: 'robot' }),
    person: await makeTestKey(gateway, id, { mode, scopes: [...scopes, 'approve'], name: 'Dana' }),
  };
}

/** Nothing judges what it sends: for tests that send the same to the same people. */
export async function trustTraffic(gateway: TestGateway, tenantId: string, mode: Mode = 'test'): Promise<void> {
  const path = `/v1/tenants/${tenantId}/policy`;
  const set = await asOperator(gateway)('PUT', path, { quarantine: { mode: 'off' } }, { 'X-Mode': mode });
  assert.equal(set.status, 200, JSON.stringify(set.body));
}

/** Types and data of the events of a tenant, oldest first. */
export async function eventsOf(
  gateway: TestGateway,
  tenantNo: number,
  mode: Mode = 'test',
): Promise<{ type: string; data: Record<string, unknown> }[]> {
  const { events } = await gateway.gateway.store.events({ tenantNo, mode, afterSeq: 0, types: null, limit: 1000 });
  return events.map(({ type, data }) => ({ type, data }));
}

/** A problem without what differs between two requests: its id, and the id that was asked for. */
export function withoutIds(answer: Answer, ...ids: string[]): string {
  let text = JSON.stringify({ ...answer.body, request_id: null });
  for (const id of ids) text = text.replaceAll(id, 'ID');
  return text;
}

export function hello(call: Call, to = 'bob@example.com', more: Record<string, unknown> = {}): Promise<Answer> {
  return call('POST', '/v1/messages', { to, subject: 'Hello', text: 'It works.', ...more });
}

/** What is stored of a message, as its tenant sees it in test mode. */
export async function storedMessage(gateway: TestGateway, tenantNo: number, id: string): Promise<StoredMessage> {
  const message = await gateway.gateway.store.message({ tenantNo, mode: 'test', id });
  assert.ok(message, `${id} is stored`);
  return message;
}
