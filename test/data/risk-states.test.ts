import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Principal, Store } from '../../src/data/store.ts';
import { featuresOf } from '../../src/policy/risk/features.ts';
import { type OpenedStore, openTestStore } from '../harness/sqlite-store.ts';
import { newPrincipal as anyPrincipal, putPolicy, submission } from '../harness/submissions.ts';

/** An account whose score is computed in both modes: stores of tests have it off. */
async function newPrincipal(store: Store, options: Parameters<typeof anyPrincipal>[1]): Promise<Principal> {
  const principal = await anyPrincipal(store, options);
  for (const mode of ['live', 'test'] as const) {
    await putPolicy(store, { ...principal, mode }, { quarantine: { mode: 'warn' } });
  }
  return principal;
}

function featuresOfText(text: string) {
  const content = { from: null, replyTo: [], subject: 'An offer', text, html: null, inReplyTo: null, attachments: [] };
  return featuresOf(content);
}

const admit = (store: Store, principal: Principal, to: string, text: string) =>
  store.admit(submission(principal, { to: [to], content: featuresOfText(text) }));

describe('what the risk score remembers', () => {
  let opened: OpenedStore;
  before(async () => {
    opened = await openTestStore();
  });
  after(() => opened.close());

  test('is there after a crash as it was before, with the quarantine it had led to', async () => {
    const principal = await newPrincipal(opened.store, { tenant: { trust: 'new' } });
    await putPolicy(opened.store, principal, { quarantine: { mode: 'enforce' } });
    for (let n = 0; n < 6; n += 1) await admit(opened.store, principal, 'bob@example.com', 'hi');
    const before = await opened.store.riskOf(principal);
    assert.ok(before.score > 20, `${before.score}`);
    await opened.crash();
    await opened.reopen();
    assert.deepEqual(await opened.store.riskOf(principal), before);
    for (let n = 0; n < 20; n += 1) await admit(opened.store, principal, 'bob@example.com', 'hi');
    const quarantine = await opened.store.quarantineOf(principal);
    assert.equal(quarantine?.state, 'active');
    await opened.crash();
    await opened.reopen();
    assert.deepEqual(await opened.store.quarantineOf(principal), quarantine);
    assert.equal((await admit(opened.store, principal, 'eve@example.com', 'hi')).outcome, 'refused');
  });

  test('is of one mode alone', async () => {
    const live = await newPrincipal(opened.store, { tenant: { trust: 'new' } });
    const test: Principal = { ...live, mode: 'test' };
    for (let n = 0; n < 9; n += 1) await admit(opened.store, test, 'bob@example.com', 'hi');
    assert.ok((await opened.store.riskOf(test)).score > (await opened.store.riskOf(live)).score + 20);
  });

  test('begins with good history where the operator trusts the tenant, from the first or later', async () => {
    const trusted = await newPrincipal(opened.store, { tenant: { trust: 'established' } });
    const known = (await opened.store.riskOf(trusted)).signals.find(({ name }) => name === 'good_history');
    assert.ok(known !== undefined && known.contribution < 0);
    const fresh = await newPrincipal(opened.store, { tenant: { trust: 'new' } });
    assert.equal(
      (await opened.store.riskOf(fresh)).signals.some(({ name }) => name === 'good_history'),
      false,
    );
    const actor = { name: 'operator', id: 'operator', mayApprove: true, mayOperate: true };
    await opened.store.changeTenant({ tenantId: fresh.tenantId, change: { trust: 'established' }, actor });
    assert.equal(
      (await opened.store.riskOf(fresh)).signals.some(({ name }) => name === 'good_history'),
      true,
    );
  });

  test('does not change for a check or a refused simulator address', async () => {
    const principal = await newPrincipal(opened.store, { mode: 'test', tenant: { trust: 'new' } });
    const before = await opened.store.riskOf(principal);
    for (let n = 0; n < 9; n += 1) {
      const checked = submission(principal, { content: featuresOfText('hi') });
      assert.equal((await opened.store.check(checked)).outcome, 'checked');
    }
    assert.deepEqual(await opened.store.riskOf(principal), before);
  });
});

describe('likeness of accounts', () => {
  let opened: OpenedStore;
  before(async () => {
    opened = await openTestStore();
  });
  after(() => opened.close());

  const OFFER =
    'Dear NAME, our warehouse clears its stock of garden furniture this week and every chair, table and bench in it goes for less than half of what it cost in spring. Answer this message before NUMBER and we keep a set for you until the weekend, free of any charge for delivery or storage.';
  const OTHER =
    'The minutes of our meeting are below: we agreed to move the release to the second week of the month, to let the translators read everything once more, and to ask the printers for a new date as soon as possible.';
  const offer = (n: number): string => OFFER.replace('NAME', `Person${n * 7919}`).replace('NUMBER', String(n * 31 + 4));

  const tenants = (count: number, trust: 'new' | 'established' = 'new'): Promise<Principal[]> =>
    Promise.all(Array.from({ length: count }, () => newPrincipal(opened.store, { tenant: { trust } })));
  const look = async (): Promise<void> => {
    const { store, clock } = opened;
    // Rows lag behind until nothing else is to do.
    for (let more = true; more; ) ({ more } = await store.sweep({ kind: 'ledger' }));
    await store.noteLikeness({ found: await store.alikeAccounts({ now: clock.now }) });
  };
  const likenessOf = async (principal: Principal): Promise<number> => {
    const { signals } = await opened.store.riskOf(principal);
    return signals.find(({ name }) => name === 'likeness')?.value ?? 0;
  };

  test('is found where new accounts send one wording, whatever names and numbers differ, and nowhere else', async () => {
    const ring = await tenants(4);
    const pair = await tenants(2);
    for (let n = 0; n < 12; n += 1) await admit(opened.store, ring[n % 4]!, `p${n}@example.com`, offer(n));
    for (const principal of pair) await admit(opened.store, principal, 'q@example.com', OTHER);
    await look();
    for (const principal of ring) assert.ok((await likenessOf(principal)) >= 80);
    for (const principal of pair) assert.equal(await likenessOf(principal), 0, 'two accounts are no ring');
  });

  test('counts from one other account on that is in quarantine', async () => {
    const [first, second] = (await tenants(2)) as [Principal, Principal];
    const wording = OTHER.replace('release', 'harvest').replace('translators', 'gardeners');
    await admit(opened.store, first, 'a@example.com', wording);
    await admit(opened.store, second, 'b@example.com', wording);
    const actor = { name: 'operator', id: 'operator', mayApprove: true, mayOperate: true };
    const { tenantId, mode } = first;
    await opened.store.quarantineTenant({ tenantId, mode, note: 'Fraud.', releaseAt: null, actor });
    await look();
    assert.ok((await likenessOf(second)) >= 80);
  });

  test('is none where a known account uses the wording too', async () => {
    const ring = await tenants(4);
    const [known] = (await tenants(1, 'established')) as [Principal];
    const text =
      'Your invoice for the month is attached. It is due within fourteen days; the account to pay into stands at its end, and whoever has a question about it may simply answer this message or call the number on the first page.';
    for (const principal of [...ring, known]) await admit(opened.store, principal, 'x@example.com', text);
    await look();
    for (const principal of [...ring, known]) assert.equal(await likenessOf(principal), 0);
  });
});
