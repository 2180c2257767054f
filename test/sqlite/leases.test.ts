import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { newId } from '../../src/base/ids.ts';
import type { Actor } from '../../src/data/port/management.ts';
import type { Principal } from '../../src/data/store.ts';
import { type OpenedStore, openTestStore } from '../harness/sqlite-store.ts';
import { newPrincipal, submission } from '../harness/submissions.ts';

const ACTOR: Actor = { name: 'robot', id: 'key_1', mayApprove: false, mayOperate: false };
const MINUTE = 60_000;

let opened: OpenedStore;
let principal: Principal;
before(async () => {
  opened = await openTestStore();
  principal = await newPrincipal(opened.store);
});
after(() => opened.close());

async function acquire(contact: string, agent: string, ttlMs = MINUTE) {
  const { tenantNo, mode } = principal;
  const ids = { id: newId('lse'), token: newId('lsetok') };
  return opened.store.acquireLease({ tenantNo, mode, ...ids, contact, agent, purpose: null, ttlMs, actor: ACTOR });
}

const sendAs = async (agent: string, to: string): Promise<string> =>
  (await opened.store.admit(submission(principal, { agent, to: [to], body: newId('evt') }))).outcome;
const typesOf = (): string[] => opened.events(principal).map(({ type }) => type);

it('keeps an open lease and its token over a crash, and ends it by its time though nobody asks', async () => {
  const to = 'bob@leased.example';
  const acquired = await acquire(to, 'outreach');
  assert.ok(acquired.outcome === 'acquired');
  await opened.crash();
  await opened.reopen();
  assert.equal(await sendAs('support', to), 'refused');
  assert.equal(await sendAs('outreach', to), 'admitted');
  const { tenantNo, mode } = principal;
  const { id, token } = acquired.lease;
  const who = { agent: null, token, actor: ACTOR };
  assert.equal((await opened.store.renewLease({ tenantNo, mode, id, ttlMs: null, ...who })).outcome, 'renewed');
  opened.clock.advance(MINUTE);
  const before = typesOf().length;
  assert.equal((await opened.store.sweep({ kind: 'leases' })).count, 1);
  assert.deepEqual(typesOf().slice(before), ['lease.expired']);
  assert.equal((await opened.store.sweep({ kind: 'leases' })).count, 0);
  assert.equal(await sendAs('support', to), 'admitted');
});

it('a lease whose end has come stands in nobody’s way before its event is written', async () => {
  const to = 'amy@leased.example';
  await acquire(to, 'outreach');
  opened.clock.advance(MINUTE - 1);
  assert.equal(await sendAs('support', to), 'refused');
  opened.clock.advance(1);
  assert.equal(await sendAs('support', to), 'admitted');
  const before = typesOf().length;
  const next = await acquire(to, 'support');
  assert.equal(next.outcome, 'acquired');
  assert.deepEqual(typesOf().slice(before), ['lease.expired', 'lease.acquired']);
});

it('forgets rows of leases ninety days after their end', async () => {
  const { tenantNo, mode } = principal;
  const page = { tenantNo, mode, contact: null, agent: null, state: null, limit: 50, cursor: null };
  await opened.store.sweep({ kind: 'leases' });
  assert.ok((await opened.store.leases(page)).rows.length > 0);
  opened.clock.advance(91 * 24 * 60 * MINUTE);
  await opened.store.sweep({ kind: 'leases' });
  await opened.store.sweep({ kind: 'records' });
  assert.deepEqual((await opened.store.leases(page)).rows, []);
});
