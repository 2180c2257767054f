/** Mail over a pool of mailboxes and providers: chosen at acceptance, looked at again at its claim, and counted exactly. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Claimed, Principal, RecipientVerdict } from '../../src/data/store.ts';
import { newMailbox, newProvider, OPERATOR, pause, resume, turn } from '../harness/pools.ts';
import { type OpenedStore, openTestStore, START } from '../harness/sqlite-store.ts';
import { decided, newIdentity, newPrincipal, putPolicy, submission } from '../harness/submissions.ts';

const DAY = 86_400_000;
const MIDNIGHT = Math.ceil(START / DAY) * DAY;

/** Domains are told of elsewhere. */
const UNVERIFIED = { senders: { require_verified_domain: 'never' as const } };

let opened: OpenedStore;
before(async () => {
  opened = await openTestStore();
});
after(() => opened.close());

type Scene = { principal: Principal; send(to: string, given?: object): Promise<RecipientVerdict> };

async function scene(policy = {}): Promise<Scene> {
  const principal = await newPrincipal(opened.store, { policy: { ...UNVERIFIED, ...policy } });
  await newIdentity(opened.store, principal, 'alice');
  let n = 0;
  return {
    principal,
    async send(to, given = {}) {
      n += 1;
      const request = submission(principal, { to: [to], identity: 'alice', body: `{"text":"${n}"}`, ...given });
      return decided(await opened.store.admit(request)).recipients[0]!;
    },
  };
}

async function claimAll(principal: Principal): Promise<Claimed[]> {
  const claimed = await opened.store.claim({ most: 64, live: true });
  return claimed.filter(({ tenantNo }) => tenantNo === principal.tenantNo);
}

async function deliver(claimed: readonly Claimed[]): Promise<void> {
  for (const { recipient, token } of claimed) {
    assert.ok(await opened.store.mark({ recipient, token }));
    const attempt = { provider: 'x', mailbox: null, reply: '250 ok', class: null };
    assert.ok(await opened.store.settle({ recipient, token, attempt, outcome: 'delivered' }));
  }
}

async function usedOf(principal: Principal): Promise<Record<string, number>> {
  const { mailboxes, providers } = await opened.store.poolHeadroom(principal);
  const used: Record<string, number> = {};
  for (const { no, limits } of mailboxes) for (const { name, used: n } of limits) used[`m${no} ${name}`] = n;
  for (const { no, limits } of providers) for (const { name, used: n } of limits) used[`p${no} ${name}`] = n;
  return used;
}

const names = (claimed: readonly Claimed[]): (string | undefined)[] =>
  claimed.map(({ route }) => route.mailbox?.address).sort();

test('a tenant without providers or mailboxes goes by the gateway and counts nowhere else', async () => {
  const { principal, send } = await scene();
  assert.equal((await send('bob@example.com')).verdict, 'accept');
  const [claimed] = await claimAll(principal);
  assert.deepEqual(claimed!.route, {
    provider: { no: 0, id: 'default', name: 'default', kind: 'default', version: 0 },
    mailbox: null,
    why: ['only'],
  });
  await deliver([claimed!]);
});

test('mail spreads as the weights of the providers say, and within every cap', async () => {
  const { principal, send } = await scene();
  const { store } = opened;
  await newProvider(store, principal, 'one', { weight: 3 });
  await newProvider(store, principal, 'two', { weight: 1 });
  for (const [address, provider] of [
    ['a1@s.example', 'one'],
    ['a2@s.example', 'one'],
    ['b1@s.example', 'two'],
    ['b2@s.example', 'two'],
  ] as const) {
    await newMailbox(store, principal, address, { provider, identity: 'alice', dailyCap: 12 });
  }
  for (let n = 0; n < 16; n += 1) assert.equal((await send(`p${n}@example.com`)).verdict, 'accept');
  const first = await claimAll(principal);
  assert.deepEqual(names(first), [
    ...Array.from({ length: 6 }, () => 'a1@s.example'),
    ...Array.from({ length: 6 }, () => 'a2@s.example'),
    ...Array.from({ length: 2 }, () => 'b1@s.example'),
    ...Array.from({ length: 2 }, () => 'b2@s.example'),
  ]);
  await deliver(first);
  for (let n = 16; n < 48; n += 1) assert.equal((await send(`p${n}@example.com`)).verdict, 'accept');
  const refused = await send('last@example.com');
  assert.deepEqual(
    refused.reasons.map(({ code, clearsAt }) => ({ code, clearsAt })),
    [{ code: 'mailboxes_exhausted', clearsAt: MIDNIGHT }],
  );
  assert.equal(refused.reasons[0]!.evidence['at_cap'], 4);
  const rest = await claimAll(principal);
  await deliver(rest);
  assert.deepEqual(Object.values(await usedOf(principal)), [12, 12, 12, 12]);
});

test('a hundred at once at the last place of a pool let exactly one through', async () => {
  const { principal } = await scene();
  const { store } = opened;
  await newProvider(store, principal, 'one');
  await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice', dailyCap: 1 });
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) =>
      store.admit(submission(principal, { to: [`p${n}@example.com`], identity: 'alice', body: `{"text":"${n}"}` })),
    ),
  );
  assert.equal(answers.filter(({ outcome }) => outcome === 'admitted').length, 1);
  await deliver(await claimAll(principal));
});

test('who would wait gets the earliest place over the pool, and a cancelled one is free again', async () => {
  const { principal, send } = await scene();
  const { store } = opened;
  await newProvider(store, principal, 'one');
  await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice', dailyCap: 1 });
  await newMailbox(store, principal, 'b@s.example', { provider: 'one', identity: 'alice', dailyCap: 1 });
  const places: number[] = [];
  const ids: string[] = [];
  for (let n = 0; n < 5; n += 1) {
    const request = submission(principal, {
      ...{ to: [`p${n}@example.com`], identity: 'alice', onLimit: 'defer', body: `{"text":"${n}"}` },
    });
    const answer = decided(await store.admit(request));
    ids.push(answer.messageId);
    places.push(answer.recipients[0]!.departAt);
  }
  assert.deepEqual(
    places.map((at) => (at === opened.clock.now ? 'now' : Math.floor(at / 1000) * 1000)),
    ['now', 'now', MIDNIGHT, MIDNIGHT, MIDNIGHT + DAY],
  );
  assert.equal((await send('x@example.com')).verdict, 'block');
  await store.cancelMessage({ ...principal, id: ids[0]! });
  assert.equal((await send('x@example.com')).verdict, 'accept');
  assert.equal((await send('y@example.com')).verdict, 'block');
  await store.cancelMessage({ ...principal, id: ids[2]! });
  const again = await send('z@example.com', { onLimit: 'defer' });
  assert.equal(Math.floor(again.departAt / 1000) * 1000, MIDNIGHT);
  await deliver(await claimAll(principal));
});

test('a contact stays with its mailbox; when that is paused it gets another, and an event says so', async () => {
  const { principal, send } = await scene();
  const { store } = opened;
  await newProvider(store, principal, 'one');
  const a = await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice' });
  await newMailbox(store, principal, 'b@s.example', { provider: 'one', identity: 'alice' });
  const boxes: (string | undefined)[] = [];
  for (let n = 0; n < 4; n += 1) {
    await send('bob@example.com');
    const claimed = await claimAll(principal);
    boxes.push(...names(claimed));
    assert.deepEqual(claimed[0]!.route.why, n === 0 ? ['weight'] : ['affinity']);
    await deliver(claimed);
  }
  assert.deepEqual(new Set(boxes), new Set(['a@s.example']));
  await pause(store, principal, a.id);
  await send('bob@example.com');
  const moved = await claimAll(principal);
  assert.deepEqual(names(moved), ['b@s.example']);
  await deliver(moved);
  await resume(store, principal, a.id);
  await send('bob@example.com');
  const stays = await claimAll(principal);
  assert.deepEqual(names(stays), ['b@s.example']);
  await deliver(stays);
  const replaced = opened.events(principal).filter(({ type }) => type === 'mailbox.replaced');
  assert.equal(replaced.length, 1);
});

test('what was accepted moves at its claim when its mailbox does not stand any more, and takes its place along', async () => {
  const { principal, send } = await scene();
  const { store } = opened;
  await newProvider(store, principal, 'one');
  const a = await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice', dailyCap: 5 });
  const b = await newMailbox(store, principal, 'b@s.example', { provider: 'one', identity: 'alice', dailyCap: 5 });
  await send('one@example.com');
  await send('two@example.com');
  await pause(store, principal, a.id);
  const claimed = await claimAll(principal);
  assert.deepEqual(names(claimed), ['b@s.example', 'b@s.example']);
  assert.deepEqual(claimed.map(({ route }) => route.why.includes('failover')).sort(), [false, true]);
  const used = await usedOf(principal);
  assert.deepEqual([used[`m${a.no} mailbox_daily`], used[`m${b.no} mailbox_daily`]], [0, 2]);
  await deliver(claimed);
});

test('where no way is left a recipient waits and says for what; it goes as soon as one is back', async () => {
  const { principal } = await scene();
  const { store } = opened;
  await newProvider(store, principal, 'one');
  const a = await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice', dailyCap: 5 });
  const { messageId } = decided(await store.admit(submission(principal, { identity: 'alice' })));
  await pause(store, principal, a.id);
  assert.deepEqual(await claimAll(principal), []);
  const waiting = await store.message({ ...principal, id: messageId });
  const { state, waits, nextAttemptAt } = waiting!.recipients[0]!;
  assert.equal(state, 'accepted');
  assert.equal(waits?.for, 'paused');
  assert.ok(nextAttemptAt! > opened.clock.now && nextAttemptAt! <= waiting!.expiresAt);
  assert.deepEqual(waits?.candidates, [{ name: 'a@s.example', state: 'paused', health: 100 }]);
  await resume(store, principal, a.id);
  const claimed = await claimAll(principal);
  assert.deepEqual(names(claimed), ['a@s.example']);
  await deliver(claimed);
  assert.equal((await store.message({ ...principal, id: messageId }))!.recipients[0]!.waits, null);
});

test('a send over a pool that is off is refused for its providers; one whose mailboxes are paused, for them', async () => {
  const { principal, send } = await scene();
  const { store } = opened;
  const one = await newProvider(store, principal, 'one');
  const a = await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice' });
  await turn(store, principal, one.id, false);
  assert.deepEqual(
    (await send('bob@example.com')).reasons.map(({ code }) => code),
    ['no_active_provider'],
  );
  await turn(store, principal, one.id, true);
  await pause(store, principal, a.id);
  const { reasons } = await send('bob@example.com');
  assert.deepEqual(
    [reasons[0]!.code, reasons[0]!.clearsAt, reasons[0]!.clearsBy],
    ['mailboxes_exhausted', null, ['operator']],
  );
});

test('the gateway that is turned off is stood in for by own providers, by priority and then by weight', async () => {
  const { principal } = await scene();
  const { store } = opened;
  await newProvider(store, principal, 'second', { priority: 2 });
  await newProvider(store, principal, 'first', { priority: 1 });
  const send = async (n: number) => decided(await store.admit(submission(principal, { body: `${n}` })));
  await send(1);
  assert.deepEqual(
    (await claimAll(principal)).map(({ route }) => route.provider.name),
    ['default'],
  );
  await turn(store, principal, 'default', false);
  await send(2);
  const own = await claimAll(principal);
  assert.deepEqual(
    own.map(({ route }) => [route.provider.name, route.mailbox]),
    [['first', null]],
  );
  await turn(store, principal, 'first', false);
  await send(3);
  assert.deepEqual(
    (await claimAll(principal)).map(({ route }) => route.provider.name),
    ['second'],
  );
  await turn(store, principal, 'second', false);
  assert.equal((await send(4)).recipients[0]!.reasons[0]!.code, 'no_active_provider');
});

test('what one way surely did not take is tried on another at once; where none is left it is deferred', async () => {
  const { principal, send } = await scene();
  const { store } = opened;
  await newProvider(store, principal, 'one');
  await newProvider(store, principal, 'two');
  const a = await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice', dailyCap: 5 });
  const b = await newMailbox(store, principal, 'b@s.example', { provider: 'two', identity: 'alice', dailyCap: 5 });
  await send('bob@example.com');
  const [first] = await claimAll(principal);
  const attempt = { provider: 'one', mailbox: null, reply: '421 closing', class: 'infrastructure' };
  const later = opened.clock.now + 60_000;
  const elsewhere = async ({ recipient, token }: Claimed) =>
    store.settle({ recipient, token, attempt, outcome: 'elsewhere', nextAttemptAt: later, otherwise: 'deferred' });
  assert.ok(await elsewhere(first!));
  const [second] = await claimAll(principal);
  assert.notEqual(second!.route.mailbox!.no, first!.route.mailbox!.no);
  assert.ok(second!.route.why.includes('failover'));
  const used = await usedOf(principal);
  assert.equal(used[`m${a.no} mailbox_daily`]! + used[`m${b.no} mailbox_daily`]!, 1);
  assert.ok(await elsewhere(second!));
  assert.deepEqual(await claimAll(principal), []);
  opened.clock.advance(60_000);
  const third = await claimAll(principal);
  assert.equal(third.length, 1);
  await deliver(third);
});

const REFUSED = { provider: 'one', mailbox: null, reply: '535 5.7.8 wrong password', class: 'auth_failure' as const };
const HOUR = 3_600_000;

/** The only mailbox of an identity, whose provider did not take its message. */
async function failedScene() {
  const { principal } = await scene();
  const { store } = opened;
  const one = await newProvider(store, principal, 'one');
  const box = await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice' });
  const { messageId } = decided(await store.admit(submission(principal, { identity: 'alice' })));
  const fail = async (): Promise<Claimed> => {
    const [claimed] = await claimAll(principal);
    assert.ok(claimed, 'it is tried');
    const { recipient, token } = claimed;
    const nextAttemptAt = opened.clock.now + HOUR;
    const attempt = { recipient, token, attempt: REFUSED, nextAttemptAt };
    assert.ok(await store.settle({ ...attempt, outcome: 'elsewhere', otherwise: 'deferred' }));
    return claimed;
  };
  await fail();
  const waits = async () => (await store.message({ ...principal, id: messageId }))!.recipients[0]!.waits;
  const test = async (failure: string | null): Promise<void> => {
    const { version } = (await store.providerSettings({ no: one.no }))!;
    assert.ok(await store.noteProviderTest({ no: one.no, version, failure }));
  };
  return { principal, store, one, box, fail, waits, test };
}

test('what its own provider failed says so, and until when', async () => {
  const { principal, waits } = await failedScene();
  assert.deepEqual(await waits(), { for: 'repair', until: opened.clock.now + HOUR, note: REFUSED.reply });
  assert.deepEqual(await claimAll(principal), []);
  opened.clock.advance(HOUR);
  await deliver(await claimAll(principal));
});

test('what its provider failed waits no longer than that is closed, rather than for its own backoff', async () => {
  const { principal, store, one, waits } = await failedScene();
  opened.clock.advance(HOUR);
  const [claimed] = await claimAll(principal);
  const { recipient, token } = claimed!;
  const until = opened.clock.now + 300_000;
  await store.closeRoute({ provider: one.no, mailbox: null, destination: null, until, cause: REFUSED.reply });
  const nextAttemptAt = opened.clock.now + 12 * HOUR;
  await store.settle({
    recipient,
    token,
    attempt: REFUSED,
    nextAttemptAt,
    outcome: 'elsewhere',
    otherwise: 'deferred',
  });
  assert.deepEqual(await waits(), { for: 'route', until, note: REFUSED.reply });
  opened.clock.advance(300_000);
  await deliver(await claimAll(principal));
});

const OWN_PASSWORD = 'a password of the mailbox’s own';
const REPAIRS: Record<string, (failed: Awaited<ReturnType<typeof failedScene>>) => Promise<unknown>> = {
  'a test that works': ({ test }) => test(null),
  'settings that changed': ({ store, principal, one }) =>
    store.changeProvider({ ...principal, id: one.id, change: { weight: 2 }, note: null, actor: OPERATOR }),
  'switching it on again': async ({ store, principal, one }) => {
    await turn(store, principal, one.id, false);
    await turn(store, principal, one.id, true);
  },
  [OWN_PASSWORD]: ({ store, principal, box }) =>
    store.changeMailbox({
      ...{ ...principal, id: box.id, change: { sealed: Buffer.from('x') }, note: null, actor: OPERATOR },
    }),
  'its breaker’s opening': ({ store, one }) => store.openRoute({ provider: one.no, mailbox: null, destination: null }),
  'another way': async ({ store, principal }) => {
    await newProvider(store, principal, 'two');
    await newMailbox(store, principal, 'b@s.example', { provider: 'two', identity: 'alice' });
  },
};

for (const [repair, doIt] of Object.entries(REPAIRS)) {
  test(`what its provider failed is tried again at once after ${repair}, and once`, async () => {
    const failed = await failedScene();
    const { principal, store, one, box, fail } = failed;
    assert.deepEqual(await claimAll(principal), []);
    const until = opened.clock.now + HOUR;
    const closes = repair === OWN_PASSWORD ? { provider: null, mailbox: box.no } : { provider: one.no, mailbox: null };
    const route = { ...closes, destination: null };
    await store.closeRoute({ ...route, until, cause: REFUSED.reply });
    await doIt(failed);
    await fail();
    assert.deepEqual(await claimAll(principal), []);
    await store.openRoute(route);
    opened.clock.advance(HOUR);
    await deliver(await claimAll(principal));
  });
}

test('what its provider failed is not tried again because something else came or went', async () => {
  const { principal, store, test: tested } = await failedScene();
  const other = await newProvider(store, principal, 'two');
  await claimAll(principal).then((claimed) =>
    claimed.map(({ recipient, token }) =>
      store.settle({
        ...{ recipient, token, attempt: REFUSED, nextAttemptAt: opened.clock.now + HOUR },
        ...{ outcome: 'elsewhere', otherwise: 'deferred' },
      }),
    ),
  );
  const route = { provider: other.no, mailbox: null, destination: null };
  for (let n = 0; n < 5; n += 1) {
    await store.closeRoute({ ...route, until: opened.clock.now + 1000, cause: 'it comes and goes' });
    await store.openRoute(route);
    await tested('535 still wrong');
    await putPolicy(store, principal, { ...UNVERIFIED, cooldown: { per: 'recipient', seconds: n } });
    assert.deepEqual(await claimAll(principal), []);
  }
  await tested(null);
  await deliver(await claimAll(principal));
});

test('where the other way is gone before it is taken, the first one is tried again and not looked for for ever', async () => {
  const { principal, store, fail } = await failedScene();
  await newProvider(store, principal, 'two');
  const b = await newMailbox(store, principal, 'b@s.example', { provider: 'two', identity: 'alice' });
  await fail();
  await pause(store, principal, b.id);
  const [again] = await claimAll(principal);
  assert.equal(again!.route.mailbox!.address, 'a@s.example');
  await deliver([again!]);
});

test('a second copy never goes by another way than the first', async () => {
  const { principal, send } = await scene({ uncertain: { transactional: 'resend' } });
  const { store } = opened;
  await newProvider(store, principal, 'one');
  const a = await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice' });
  const b = await newMailbox(store, principal, 'b@s.example', { provider: 'one', identity: 'alice' });
  await send('bob@example.com');
  const [first] = await claimAll(principal);
  await store.mark(first!);
  await store.settle({
    ...{ recipient: first!.recipient, token: first!.token, attempt: null },
    ...{ outcome: 'uncertain', nextAttemptAt: opened.clock.now + 1000 },
  });
  const own = first!.route.mailbox!.no === a.no ? a : b;
  await pause(store, principal, own.id);
  opened.clock.advance(1000);
  assert.deepEqual(await claimAll(principal), []);
  await resume(store, principal, own.id);
  const [again] = await claimAll(principal);
  assert.equal(again!.route.mailbox!.no, own.no);
  await deliver([again!]);
});

test('a closed way is gone around, and where there is no other it is waited for until it opens', async () => {
  const { principal, send } = await scene();
  const { store } = opened;
  const one = await newProvider(store, principal, 'one');
  const two = await newProvider(store, principal, 'two');
  await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice' });
  await newMailbox(store, principal, 'b@s.example', { provider: 'two', identity: 'alice' });
  const until = opened.clock.now + 120_000;
  const close = (provider: number, destination: string | null) =>
    store.closeRoute({ provider, mailbox: null, destination, until, cause: 'it answers 421' });
  await close(one.no, null);
  await send('p1@example.com');
  await send('p2@example.com');
  const around = await claimAll(principal);
  assert.deepEqual(names(around), ['b@s.example', 'b@s.example']);
  await deliver(around);
  await close(two.no, 'example.com');
  await send('p3@example.com');
  await send('p4@elsewhere.example');
  const only = await claimAll(principal);
  assert.deepEqual(
    only.map(({ email }) => email),
    ['p4@elsewhere.example'],
  );
  await deliver(only);
  await store.openRoute({ provider: two.no, mailbox: null, destination: 'example.com' });
  const opens = await claimAll(principal);
  assert.deepEqual(
    opens.map(({ email }) => email),
    ['p3@example.com'],
  );
  await deliver(opens);
  await close(two.no, null);
  await send('p5@example.com');
  assert.deepEqual(await claimAll(principal), []);
  opened.clock.advance(120_000);
  const late = await claimAll(principal);
  assert.deepEqual(
    late.map(({ email }) => email),
    ['p5@example.com'],
  );
  await deliver(late);
});

test('the rate of a provider is kept as mail leaves: who waits says so, and none is refused for it', async () => {
  const { principal, send } = await scene();
  const { store } = opened;
  await newProvider(store, principal, 'one', { caps: { second: 2 } });
  await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice' });
  for (let n = 0; n < 6; n += 1) assert.equal((await send(`p${n}@example.com`)).verdict, 'accept');
  const left: number[] = [];
  for (let step = 0; step < 60; step += 1) {
    const claimed = await claimAll(principal);
    for (const _ of claimed) left.push(opened.clock.now);
    await deliver(claimed);
    opened.clock.advance(50);
  }
  // A tenth of a second more than two in each, so that none comes early for the provider's own count.
  assert.deepEqual(
    left.map((at) => at - left[0]!),
    [0, 550, 1100, 1650, 2200, 2750],
  );
});

test('a limit of the policy on mailboxes or providers holds for every one of them, the implied one among them', async () => {
  const limits = [{ name: 'each', scope: 'mailbox' as const, window: 'rolling_1h', max: 2 }];
  const { principal, send } = await scene({ limits });
  const { store } = opened;
  const verdicts = async (count: number) => {
    const all: string[] = [];
    for (let n = 0; n < count; n += 1) {
      const one = await send(`p${n}.${opened.clock.now}@example.com`);
      all.push(one.reasons[0]?.code ?? one.verdict);
    }
    return all;
  };
  assert.deepEqual(await verdicts(3), ['accept', 'accept', 'mailboxes_exhausted']);
  await newProvider(store, principal, 'one');
  await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice' });
  await newMailbox(store, principal, 'b@s.example', { provider: 'one', identity: 'alice' });
  assert.deepEqual(await verdicts(5), ['accept', 'accept', 'accept', 'accept', 'mailboxes_exhausted']);
  await putPolicy(store, principal, {
    ...UNVERIFIED,
    limits: [{ name: 'all', scope: 'provider', window: 'rolling_1h', max: 4 }],
  });
  assert.deepEqual(await verdicts(1), ['mailboxes_exhausted']);
  await deliver(await claimAll(principal));
});

test('a check chooses and counts nothing, whatever it says', async () => {
  const { principal } = await scene();
  const { store } = opened;
  await newProvider(store, principal, 'one');
  await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice', dailyCap: 1 });
  const request = submission(principal, { to: ['a@example.com', 'b@example.com'], identity: 'alice' });
  for (let n = 0; n < 2; n += 1) {
    const answer = await store.check(request);
    assert.ok(answer.outcome === 'checked');
    assert.deepEqual(
      answer.recipients.map(({ verdict }) => verdict),
      ['accept', 'block'],
    );
  }
});

test('caps of mailboxes and providers are told at four fifths and when they are full; a send warns once all are near', async () => {
  const { principal, send } = await scene();
  const { store } = opened;
  const one = await newProvider(store, principal, 'one', { caps: { day: 10 } });
  const a = await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice', dailyCap: 5 });
  const b = await newMailbox(store, principal, 'b@s.example', { provider: 'one', identity: 'alice', dailyCap: 5 });
  const warned: string[][] = [];
  for (let n = 0; n < 10; n += 1) {
    const { warnings } = await send(`p${n}@example.com`);
    warned.push(warnings.map(({ code, scope, evidence }) => `${code} ${scope?.kind} ${evidence['used']}`));
  }
  assert.deepEqual(warned.slice(0, 6).flat(), []);
  assert.deepEqual(warned.slice(7), [
    ['limit_approaching provider 8'],
    ['limit_approaching mailbox 5'],
    ['limit_approaching provider 10'],
  ]);
  const { events } = await store.events({ ...principal, afterSeq: null, limit: 1000, types: null });
  const told = events
    .filter(({ type }) => type.startsWith('limit.'))
    .map(({ type, data }) => `${type} ${(data['scope'] as { id: string }).id} ${data['used']} of ${data['limit']}`);
  assert.deepEqual(
    new Set(told),
    new Set([
      ...[a, b].flatMap(({ id }) => [`limit.approaching ${id} 4 of 5`, `limit.reached ${id} 5 of 5`]),
      ...[`limit.approaching ${one.id} 8 of 10`, `limit.reached ${one.id} 10 of 10`],
    ]),
  );
  assert.equal(told.length, 6);
  await deliver(await claimAll(principal));
});

test('a cap per second or minute is shown as it was set', async () => {
  const { principal, send } = await scene();
  const { store } = opened;
  await newProvider(store, principal, 'one', { caps: { second: 14, minute: 300 } });
  await newMailbox(store, principal, 'a@s.example', { provider: 'one', identity: 'alice' });
  await send('bob@example.com');
  await deliver(await claimAll(principal));
  const { providers } = await store.poolHeadroom(principal);
  assert.deepEqual(
    providers.flatMap(({ limits }) => limits.map(({ name, limit, used, remaining }) => [name, limit, used, remaining])),
    [
      ['provider_second', 14, 1, 13],
      ['provider_minute', 300, 1, 299],
    ],
  );
});
