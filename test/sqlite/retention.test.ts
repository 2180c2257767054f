import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SWEEPS } from '../../src/data/port/sweeps.ts';
import type { Principal } from '../../src/data/store.ts';
import { codes, decided, newPrincipal, submission } from '../harness/submissions.ts';
import { TestWriter } from '../harness/writer.ts';

const DAY_MS = 86_400_000;
const REPORT = { provider: 'test', mailbox: null, reply: '250 ok', class: null };
const ACTOR = { name: 'a test', id: 'operator', mayApprove: true, mayOperate: true };

let writer: TestWriter;
beforeEach(() => {
  writer = new TestWriter();
});
afterEach(() => writer.close());

async function send(principal: Principal, given: Parameters<typeof submission>[1] = {}): Promise<string> {
  return decided(await writer.store.admit(submission(principal, given))).messageId;
}

async function deliverAll(): Promise<void> {
  for (const { recipient, token } of await writer.store.claim({ most: 1000, live: true })) {
    await writer.store.settle({ recipient, token, attempt: REPORT, outcome: 'delivered' });
  }
}

async function onPlan(name: string, document: object): Promise<Principal> {
  await writer.store.putPlan({ name, document, actor: ACTOR });
  const principal = await newPrincipal(writer.store);
  await writer.store.changeTenant({ tenantId: principal.tenantId, change: { plan: name }, actor: ACTOR });
  return principal;
}

/** Moves on day by day, as a gateway does that runs all the time. */
function pass(days: number): void {
  for (let day = 0; day < days; day += 1) {
    writer.now += DAY_MS;
    for (const kind of SWEEPS) writer.sweep(kind);
  }
}

const isKept = async (principal: Principal, id: string): Promise<boolean> =>
  (await writer.store.message({ ...principal, id })) !== null;

async function oldestSeq(principal: Principal): Promise<number> {
  const { oldestSeq: oldest } = await writer.store.events({ ...principal, afterSeq: null, types: null, limit: 1 });
  return oldest;
}

describe('retention by plan', () => {
  it('keeps messages, verdicts and events of each tenant as long as its plan says, and 90 days without one', async () => {
    const short = await onPlan('short', { retention_days: 20 });
    const plain = await newPrincipal(writer.store);
    const long = await onPlan('long', { retention_days: 150 });
    const tenants = [short, plain, long];
    const ids: string[] = [];
    for (const tenant of tenants) ids.push(await send(tenant));
    await deliverAll();
    const kept = async () => Promise.all(tenants.map((tenant, i) => isKept(tenant, ids[i]!)));
    const events = async () => Promise.all(tenants.map(async (tenant) => (await oldestSeq(tenant)) === 1));
    pass(19);
    assert.deepEqual(
      [await kept(), await events()],
      [
        [true, true, true],
        [true, true, true],
      ],
    );
    pass(2);
    assert.deepEqual(
      [await kept(), await events()],
      [
        [false, true, true],
        [false, true, true],
      ],
    );
    pass(76);
    assert.deepEqual(
      [await kept(), await events()],
      [
        [false, false, true],
        [false, false, true],
      ],
    );
    pass(70);
    assert.deepEqual(
      [await kept(), await events()],
      [
        [false, false, false],
        [false, false, false],
      ],
    );
    for (const tenant of tenants) {
      const page = await writer.store.events({ ...tenant, afterSeq: null, types: null, limit: 10 });
      assert.ok(page.newestSeq >= 3, 'numbers go on after what was forgotten');
    }
  });

  it('takes closed messages and what they hold of storage within a week where a plan keeps them shorter', async () => {
    const tenant = await onPlan('days', { retention_days: 2 });
    const blob = { sha256: 'a'.repeat(64), size: 5000 };
    const id = await send(tenant, { blobs: [blob] });
    const open = await send(tenant, { to: ['eve@example.com'], sendAt: writer.now + 5 * DAY_MS });
    await writer.store.claim({ most: 10, live: true }).then(async (claims) => {
      for (const { recipient, token } of claims)
        await writer.store.settle({ recipient, token, attempt: REPORT, outcome: 'delivered' });
    });
    writer.now += 2 * DAY_MS - 1000;
    writer.sweep('messages');
    assert.equal(await isKept(tenant, id), true);
    writer.now += 2000;
    assert.deepEqual(writer.sweep('messages').unused, [blob.sha256]);
    assert.equal(await isKept(tenant, id), false);
    assert.equal(await isKept(tenant, open), true, 'what has not left stays');
    pass(4);
    await deliverAll();
    pass(8);
    assert.equal(await isKept(tenant, open), false, 'and goes when it would have been archived');
    const { storageUsed } = writer.group((state) => state.spaces.get(tenant.tenantNo * 2).account);
    assert.equal(storageUsed, 0);
  });

  it('holds for what is there already when a plan changes', async () => {
    const tenant = await onPlan('some', { retention_days: 80 });
    const id = await send(tenant);
    await deliverAll();
    pass(40);
    assert.equal(await isKept(tenant, id), true);
    await writer.store.putPlan({ name: 'some', document: { retention_days: 30 }, actor: ACTOR });
    pass(1);
    assert.equal(await isKept(tenant, id), false);
    assert.notEqual(await oldestSeq(tenant), 1);
  });
});

describe('a full storage', () => {
  it('names the time at which enough has gone by itself, and takes messages again from then on', async () => {
    const tenant = await onPlan('small', { storage_bytes: 10_000 });
    const body = (octets: number) => ({ body: 'x'.repeat(octets) });
    await send(tenant, body(6000));
    await deliverAll();
    const first = writer.now;
    writer.now += DAY_MS;
    await send(tenant, body(3000));
    await deliverAll();
    const second = writer.now;
    const refused = async (octets: number) => {
      const answer = await writer.store.admit(submission(tenant, body(octets)));
      assert.deepEqual(codes(answer), ['storage_limit_exceeded']);
      return decided(answer).recipients[0]!.reasons[0]!.clearsAt;
    };
    assert.equal(await refused(4000), first + 7 * DAY_MS);
    assert.equal(await refused(8000), second + 7 * DAY_MS);
    assert.equal(await refused(10_001), null, 'it never fits');
    writer.now = first + 7 * DAY_MS - 1000;
    writer.sweep('archive');
    await refused(4000);
    writer.now += 2000;
    writer.sweep('archive');
    await send(tenant, body(4000));
  });

  it('goes by the plan’s retention where that ends sooner', async () => {
    const tenant = await onPlan('small', { storage_bytes: 1000, retention_days: 3 });
    await send(tenant, { body: 'x'.repeat(900) });
    await deliverAll();
    const sent = writer.now;
    writer.now += 60_000;
    const answer = decided(await writer.store.admit(submission(tenant, { body: 'x'.repeat(900) })));
    assert.equal(answer.recipients[0]!.reasons[0]!.clearsAt, sent + 3 * DAY_MS);
    writer.now = sent + 3 * DAY_MS + 1;
    writer.sweep('messages');
    await send(tenant, { body: 'x'.repeat(900) });
  });

  it('names no time while nothing has closed', async () => {
    const tenant = await onPlan('small', { storage_bytes: 1000 });
    await send(tenant, { body: 'x'.repeat(900), sendAt: writer.now + DAY_MS });
    const answer = decided(await writer.store.admit(submission(tenant, { body: 'x'.repeat(900) })));
    assert.equal(answer.recipients[0]!.reasons[0]!.clearsAt, null);
  });
});
