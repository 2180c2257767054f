import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { mail } from '../harness/by-hand.ts';
import { type Serving, startServing } from '../harness/command.ts';

const OPERATOR = 'pst_op_0123456789abcdefghijklmnopqrstuvwxyz';
const directory = mkdtempSync(join(tmpdir(), 'postern-held-'));
let serving: Serving;
let keys: { agent: string; person: string };

const start = () => startServing(directory, { POSTERN_OPERATOR_KEY: OPERATOR, POSTERN_LOG: 'error' });

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
type Answer = { status: number; body: any };

async function call(key: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const response = await fetch(serving.listening.http + path, {
    method,
    headers: body === undefined ? { authorization: headers.authorization } : headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

before(async () => {
  serving = await start();
  const tenant = (await call(OPERATOR, 'POST', '/v1/tenants', { name: 'acme' })).body;
  const make = async (scopes: string[]) =>
    (await call(OPERATOR, 'POST', `/v1/tenants/${tenant.id}/keys`, { mode: 'test', scopes })).body.key;
  keys = { agent: await make(['send', 'read', 'manage']), person: await make(['read', 'approve']) };
});
after(async () => {
  await serving.stop('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

test('what is held survives a kill with its approval and its deadline', async () => {
  await call(keys.agent, 'PUT', '/v1/policy', { approvals: { mode: 'all' } });
  await call(keys.agent, 'POST', '/v1/test/clock', { now: '2027-03-01T10:00:00Z' });
  const kept = (await call(keys.agent, 'POST', '/v1/messages', mail('a@one.example'))).body;
  const forgotten = (await call(keys.agent, 'POST', '/v1/messages', mail('b@one.example'))).body;
  assert.equal(kept.status, 'held');
  await serving.stop('SIGKILL');
  serving = await start();
  assert.equal((await call(keys.agent, 'GET', `/v1/messages/${kept.id}`)).body.status, 'held');
  const { data } = (await call(keys.person, 'GET', '/v1/approvals?state=pending')).body;
  assert.equal(data.length, 2);
  const { id } = data.find((one: { message_id: string }) => one.message_id === kept.id);
  const approved = await call(keys.person, 'POST', `/v1/approvals/${id}/approve`, { note: 'fine' });
  assert.equal(approved.status, 200, JSON.stringify(approved.body));
  await serving.stop('SIGKILL');
  serving = await start();
  await call(keys.agent, 'GET', '/v1/test/clock?wait=10');
  assert.equal((await call(keys.agent, 'GET', `/v1/messages/${kept.id}`)).body.status, 'delivered');
  await call(keys.agent, 'POST', '/v1/test/clock?wait=10', { advance: 'PT24H' });
  assert.equal((await call(keys.agent, 'GET', `/v1/messages/${forgotten.id}`)).body.status, 'cancelled');
  assert.equal((await call(keys.agent, 'GET', '/v1/sink')).body.data.length, 1);
});
