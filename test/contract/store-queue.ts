/** The queue: claims with fencing numbers, fairness, the mark before the dot, and what a settle may still change. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Claimed, Principal, Settlement, Store } from '../../src/data/store.ts';
import type { PolicyDocument } from '../../src/policy/document.ts';
import { codes, decided, newPrincipal, putPolicy, submission } from '../harness/submissions.ts';
import type { Opened } from './store.ts';

const CLAIM_MS = 60_000;
const REPORT = { provider: 'test', mailbox: null, reply: '250 2.0.0 ok', class: null };

async function claimAll(store: Store, most = 100): Promise<Claimed[]> {
  return store.claim({ most, live: true });
}

async function settleAll(store: Store, claimed: readonly Claimed[]): Promise<void> {
  for (const { recipient, token } of claimed) {
    await store.settle({ recipient, token, attempt: REPORT, outcome: 'delivered' });
  }
}

export function queueContract(opened: () => Opened): void {
  const stateOf = async (principal: Principal, id: string, recipient = 0) =>
    (await opened().store.message({ ...principal, id }))?.recipients[recipient];

  async function sent(given: Parameters<typeof submission>[1] = {}, policy?: PolicyDocument) {
    const { store } = opened();
    const principal = await newPrincipal(store, policy === undefined ? {} : { policy });
    const { messageId } = decided(await store.admit(submission(principal, given)));
    return { store, principal, messageId };
  }

  it('hands a due recipient to one claimer only, with all that sending it needs', async () => {
    const { store, principal, messageId } = await sent({ body: '{"text":"hi"}' });
    const [first, second] = await Promise.all([claimAll(store), claimAll(store)]);
    const all = [...first!, ...second!];
    assert.equal(all.length, 1);
    const [claimed] = all;
    assert.equal(claimed?.messageId, messageId);
    assert.equal(claimed?.tenantId, principal.tenantId);
    assert.equal(claimed?.attempt, 1);
    assert.equal(claimed?.email, 'bob@example.com');
    assert.equal(claimed?.possibleDuplicate, false);
    assert.ok(claimed && 'inline' in claimed.content);
    assert.equal(Buffer.from(claimed.content.inline).toString(), '{"text":"hi"}');
    assert.equal((await stateOf(principal, messageId))?.state, 'sending');
  });

  it('lets a claim that ended fall due again, and refuses the late worker', async () => {
    const { store, principal, messageId } = await sent();
    const [late] = await claimAll(store);
    opened().clock.advance(CLAIM_MS);
    assert.equal(await store.mark(late!), false);
    const [next] = await claimAll(store);
    assert.equal(next?.recipientId, late?.recipientId);
    assert.ok(next!.token > late!.token);
    assert.equal(next?.attempt, 2);
    assert.equal(await store.mark(late!), false);
    const settlement = { recipient: late!.recipient, attempt: REPORT, outcome: 'delivered' as const };
    assert.equal(await store.settle({ ...settlement, token: late!.token }), false);
    assert.equal((await stateOf(principal, messageId))?.state, 'sending');
    assert.equal(await store.mark(next!), true);
    assert.equal(await store.settle({ ...settlement, token: next!.token }), true);
    assert.equal((await stateOf(principal, messageId))?.state, 'delivered');
    assert.equal(await store.settle({ ...settlement, token: next!.token }), false);
  });

  it('makes uncertain what was marked and never settled: sent again and marked, or kept for a person', async () => {
    for (const kind of ['transactional', 'marketing'] as const) {
      const { store, principal, messageId } = await sent({ kind });
      const [claimed] = await claimAll(store);
      assert.equal(await store.mark(claimed!), true);
      opened().clock.advance(CLAIM_MS);
      assert.deepEqual(await claimAll(store), []);
      assert.equal((await stateOf(principal, messageId))?.state, 'uncertain');
      const [again] = await claimAll(store);
      if (kind === 'marketing') assert.equal(again, undefined);
      else {
        assert.equal(again?.possibleDuplicate, true);
        assert.equal(again?.attempt, 2);
      }
      assert.equal((await stateOf(principal, messageId))?.possibleDuplicate, true);
      await settleAll(store, again === undefined ? [] : [again]);
    }
  });

  it('believes the answer of a marked attempt that comes late, as long as nobody tried again', async () => {
    const { store, principal, messageId } = await sent({ kind: 'marketing' });
    const [claimed] = await claimAll(store);
    await store.mark(claimed!);
    opened().clock.advance(CLAIM_MS);
    await claimAll(store);
    const { recipient, token } = claimed!;
    assert.equal(await store.settle({ recipient, token, attempt: REPORT, outcome: 'delivered' }), true);
    assert.equal((await stateOf(principal, messageId))?.state, 'delivered');
  });

  it('moves a settled recipient where its outcome says, with an event for each step', async () => {
    const cases: [
      Settlement extends infer S ? (S extends { outcome: infer O } ? O : never) : never,
      string,
      string[],
    ][] = [
      ['sent', 'sent', ['message.sent']],
      ['delivered', 'delivered', ['message.sent', 'message.delivered']],
      ['deferred', 'deferred', ['message.deferred']],
      ['bounced', 'bounced', ['message.bounced']],
      ['failed', 'failed', ['message.failed']],
      ['uncertain', 'uncertain', ['message.uncertain']],
      ['released', 'accepted', []],
    ];
    for (const [outcome, state, events] of cases) {
      const { store, principal, messageId } = await sent();
      const at = opened().clock.now + 60_000;
      const [claimed] = await claimAll(store);
      const { recipient, token } = claimed!;
      const settlement = {
        ...{ recipient, token, attempt: REPORT, outcome, hard: true, suppress: false },
        ...{ nextAttemptAt: at, resend: true, at },
      } as Settlement;
      assert.equal(await store.settle(settlement), true, outcome);
      assert.equal((await stateOf(principal, messageId))?.state, state);
      const told = opened()
        .events(principal)
        .map(({ type }) => type);
      assert.deepEqual(told, ['message.accepted', ...events]);
      assert.deepEqual(await claimAll(store), [], `${outcome} is not due at once`);
      const waits = ['deferred', 'uncertain', 'released'].includes(outcome);
      opened().clock.advance(60_000);
      const again = await claimAll(store);
      assert.equal(again.length, waits ? 1 : 0, outcome);
      await settleAll(store, again);
    }
  });

  it('serves every tenant in turn, however many wait and however few are taken at a time', async () => {
    const { store } = opened();
    const busy = await newPrincipal(store);
    await Promise.all(
      Array.from({ length: 300 }, (_, i) => store.admit(submission(busy, { to: [`p${i}@example.com`], body: `${i}` }))),
    );
    const others = await Promise.all(Array.from({ length: 6 }, () => newPrincipal(store)));
    for (const other of others) {
      for (let i = 0; i < 4; i += 1) await store.admit(submission(other, { body: `${i}` }));
    }
    const served = new Map<string, number>();
    for (let round = 0; round < 4; round += 1) {
      for (const { tenantId } of await claimAll(store, 3)) served.set(tenantId, (served.get(tenantId) ?? 0) + 1);
    }
    // Twelve places for seven tenants: nobody has two before everybody has one.
    assert.equal(served.size, 7);
    assert.ok(Math.max(...served.values()) <= 2);
  });

  it('looks again before the dot: an address suppressed meanwhile is not sent to, and gives its place back', async () => {
    const policy: PolicyDocument = { limits: [{ name: 'day', scope: 'tenant', window: 'calendar_day', max: 2 }] };
    const { store, principal } = await sent({ to: ['gone@example.com'] }, policy);
    const waiting = decided(await store.admit(submission(principal, { to: ['gone@example.com'], body: 'b' })));
    const claimed = await claimAll(store);
    const [first, second] = claimed;
    assert.equal(claimed.length, 2);
    const report = { ...REPORT, reply: '550 5.1.1 no such user' };
    const { recipient, token } = first!;
    await store.settle({ recipient, token, attempt: report, outcome: 'bounced', hard: true, suppress: true });
    assert.equal(await store.mark(second!), false);
    const stopped = await stateOf(principal, waiting.messageId);
    assert.equal(stopped?.state, 'blocked');
    assert.deepEqual(
      stopped?.later?.reasons.map(({ code }) => code),
      ['suppressed'],
    );
    const { limits } = await store.headroom({ principal, identity: null, recipient: null });
    assert.equal(limits[0]?.used, 1);
    assert.deepEqual(codes(await store.admit(submission(principal, { to: ['gone@example.com'], body: 'c' }))), [
      'suppressed',
    ]);
  });

  it('takes from a changed policy neither places nor the right to give them back', async () => {
    const { store, clock } = opened();
    const scheduled = { sendAt: clock.now + 3_600_000, expiresAt: clock.now + 1_800_000 };
    const principal = await newPrincipal(store);
    // Counted under a policy that counts nothing for the app: it expires unsent, and what others hold in the same second stays theirs.
    await store.admit(submission(principal, { ...scheduled, expiresAt: clock.now + 3_600_001 }));
    await putPolicy(store, principal, { limits: [{ name: 'day', scope: 'app', window: 'rolling_24h', max: 1 }] });
    const second = decided(
      await store.admit(submission(principal, { sendAt: scheduled.sendAt, to: ['eve@example.com'], body: 'b' })),
    );
    assert.equal(second.outcome, 'admitted');
    clock.advance(3_600_002);
    const claimed = await claimAll(store);
    assert.deepEqual(
      claimed.map(({ email }) => email),
      ['eve@example.com'],
    );
    const { limits } = await store.headroom({ principal, identity: null, recipient: null });
    assert.equal(limits[0]?.used, 1);
  });

  it('gives the place of a recipient back that expires before its departure', async () => {
    const { store, clock } = opened();
    const limits = [
      { name: 'recipients', scope: 'tenant' as const, window: 'calendar_month', max: 5 },
      { name: 'messages', scope: 'tenant' as const, window: 'calendar_month', unit: 'message' as const, max: 5 },
    ];
    const principal = await newPrincipal(store, { policy: { limits } });
    const times = { sendAt: clock.now + 60_000, expiresAt: clock.now + 61_000 };
    const to = ['a@example.com', 'b@example.com'];
    const { messageId } = decided(await store.admit(submission(principal, { ...times, to })));
    const used = async () =>
      (await store.headroom({ principal, identity: null, recipient: null })).limits.map((limit) => limit.used);
    assert.deepEqual(await used(), [2, 1]);
    clock.advance(62_000);
    assert.deepEqual(await claimAll(store), []);
    assert.equal((await stateOf(principal, messageId, 1))?.state, 'expired');
    assert.deepEqual(await used(), [0, 0]);
  });

  it('says when something is due next', async () => {
    const { store, clock } = opened();
    const principal = await newPrincipal(store);
    await store.admit(submission(principal, { sendAt: clock.now + 5000 }));
    const wait = await store.dueIn(null);
    assert.ok(wait !== null && wait <= 5000);
    clock.advance(5000);
    assert.equal(await store.dueIn(null), 0);
    assert.equal((await claimAll(store)).length, 1);
  });
}
