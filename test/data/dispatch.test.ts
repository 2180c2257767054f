/** The queue: claims, marks and settlements, with the clock in the test's hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLAIM_MS, claim, dueIn, releaseDeadClaims, renew } from '../../src/data/sqlite/dispatch.ts';
import { putPolicy } from '../../src/data/sqlite/policies.ts';
import { addSuppression } from '../../src/data/sqlite/suppressions.ts';
import { openQueue, type Queue, START } from '../harness/queue.ts';

const HOUR = 3_600_000;

function suppress(queue: Queue, tenantNo: number, now: number, key: string): void {
  queue.at(now, (state) =>
    addSuppression(state, state.spaces.get(tenantNo * 2), {
      kind: 'address',
      key,
      reason: 'hard_bounce',
      expiresAt: null,
      note: null,
      source: 'test',
      message: null,
    }),
  );
}

test('a due recipient is handed out once, with a claim that nobody else gets', (t) => {
  const queue = openQueue(t);
  const messageId = queue.send(queue.tenant('a'), START);
  const [claimed, ...more] = queue.claim(START + 1);
  assert.equal(claimed?.messageId, messageId);
  assert.equal(claimed.email, 'bob@example.com');
  assert.equal(claimed.attempt, 1);
  assert.equal(more.length, 0);
  assert.equal(queue.claim(START + 2).length, 0);
  assert.equal(queue.row(claimed).state, 'sending');
});

test('a claim that nobody renews ends after a minute, and the late worker is refused', (t) => {
  const queue = openQueue(t);
  queue.send(queue.tenant('a'), START);
  const [first] = queue.claim(START);
  assert.equal(queue.claim(START + CLAIM_MS - 1).length, 0);
  const [second] = queue.claim(START + CLAIM_MS);
  assert.equal(second?.recipient, first?.recipient);
  assert.ok(second!.token > first!.token);
  assert.equal(queue.mark(START + CLAIM_MS, first!), false);
  assert.equal(queue.settle(START + CLAIM_MS, first!, { outcome: 'delivered' }), false);
  assert.equal(queue.mark(START + CLAIM_MS, second!), true);
  assert.equal(queue.settle(START + CLAIM_MS, second!, { outcome: 'delivered' }), true);
});

test('a worker whose claim has ended does not send its dot, even before another took over', (t) => {
  const queue = openQueue(t);
  queue.send(queue.tenant('a'), START);
  const [claimed] = queue.claim(START);
  assert.equal(queue.mark(START + CLAIM_MS, claimed!), false);
});

test('a renewed claim lasts a minute from its renewal; one that was lost is told', (t) => {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  queue.send(tenant, START, { to: ['a@example.com'] });
  queue.send(tenant, START, { to: ['b@example.com'] });
  const [kept, lost] = queue.claim(START);
  queue.settle(START + 1, lost!, { outcome: 'delivered' });
  const told = queue.at(START + 50_000, (state) => renew(state, { claims: [kept!, lost!] }));
  assert.deepEqual(told, [lost!.recipient]);
  assert.equal(queue.claim(START + 100_000).length, 0);
  assert.equal(queue.mark(START + 109_999, kept!), true);
});

test('what was marked and never settled is uncertain, sent again and marked as a possible duplicate', (t) => {
  const queue = openQueue(t);
  queue.send(queue.tenant('a'), START);
  const [claimed] = queue.claim(START);
  assert.equal(claimed!.possibleDuplicate, false);
  queue.mark(START, claimed!);
  assert.equal(queue.claim(START + CLAIM_MS).length, 0);
  assert.equal(queue.row(claimed!).state, 'uncertain');
  const [again] = queue.claim(START + CLAIM_MS + 1);
  assert.equal(again?.possibleDuplicate, true);
  assert.equal(again.messageId, claimed!.messageId);
  assert.equal(queue.mark(START + CLAIM_MS + 1, again), true);
  queue.settle(START + CLAIM_MS + 2, again, { outcome: 'delivered' });
  assert.deepEqual(queue.events(again), ['message.uncertain', 'message.sent', 'message.delivered']);
});

test('uncertain marketing mail is held for a person', (t) => {
  const queue = openQueue(t);
  queue.send(queue.tenant('a'), START, { kind: 'marketing' });
  const [claimed] = queue.claim(START);
  queue.mark(START, claimed!);
  queue.settle(START, claimed!, { outcome: 'uncertain', nextAttemptAt: START + HOUR });
  assert.deepEqual(queue.row(claimed!), { state: 'uncertain', due: null, attempts: 1, possibleDuplicate: true });
  assert.equal(queue.claim(START + 100 * HOUR).length, 0);
});

test('a start finds the claims of the process before: untried ones at once, marked ones uncertain', (t) => {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  queue.send(tenant, START, { to: ['untried@example.com'] });
  queue.send(tenant, START, { to: ['marked@example.com'] });
  const claims = queue.claim(START);
  const marked = claims.find(({ email }) => email === 'marked@example.com')!;
  queue.mark(START, marked);
  queue.at(START + 10, (state) => releaseDeadClaims(state));
  const again = queue.claim(START + 10).map(({ email, possibleDuplicate }) => ({ email, possibleDuplicate }));
  assert.deepEqual(again, [
    { email: 'untried@example.com', possibleDuplicate: false },
    { email: 'marked@example.com', possibleDuplicate: true },
  ]);
  assert.deepEqual(queue.events(marked), ['message.uncertain']);
});

test('what its way failed is tried at a start, when all ways are open again; what its receiver deferred waits on', (t) => {
  const queue = openQueue(t);
  queue.send(queue.tenant('a'), START, { to: ['failed@example.com', 'greylisted@example.com'] });
  const later = { nextAttemptAt: START + HOUR };
  const [failed, greylisted] = queue.claim(START);
  queue.settle(START, failed!, { ...later, outcome: 'elsewhere', otherwise: 'deferred' });
  queue.settle(START, greylisted!, { ...later, outcome: 'deferred' });
  assert.equal(queue.claim(START + 10).length, 0);
  queue.at(START + 10, (state) => releaseDeadClaims(state));
  assert.deepEqual(
    queue.claim(START + 10).map(({ email }) => email),
    ['failed@example.com'],
  );
});

test('a suppression that comes while a message is queued stops it before it is handed out', (t) => {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  queue.send(tenant, START);
  suppress(queue, tenant.tenantNo, START, 'bob@example.com');
  assert.equal(queue.claim(START + 1).length, 0);
  const row = queue.state.db.prepare('SELECT id FROM recipient').get() as { id: number };
  assert.equal(queue.row({ recipient: row.id }).state, 'blocked');
});

test('a suppression that comes while the body is on its way stops the dot', (t) => {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  queue.send(tenant, START);
  const [claimed] = queue.claim(START);
  suppress(queue, tenant.tenantNo, START + 1, 'bob@example.com');
  assert.equal(queue.mark(START + 2, claimed!), false);
  assert.equal(queue.row(claimed!).state, 'blocked');
  assert.deepEqual(queue.events(claimed!), ['message.blocked']);
  assert.equal(queue.settle(START + 3, claimed!, { outcome: 'released', at: START }), false);
});

test('an account that was suspended meanwhile sends no dot', (t) => {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  queue.send(tenant, START);
  const [claimed] = queue.claim(START);
  queue.at(START, (state) => {
    state.db.prepare("UPDATE tenant SET standing = 'suspended'").run();
    state.flushRows();
    state.spaces.forgetTenant(tenant.tenantNo);
  });
  assert.equal(queue.mark(START + 1, claimed!), false);
  assert.equal(queue.row(claimed!).state, 'blocked');
});

test('what is blocked or expires before it left gives its place in a limit back; what was tried does not', (t) => {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  queue.at(START, (state) => {
    putPolicy(state, {
      owner: 'operator',
      tenantNo: tenant.tenantNo,
      mode: 'live',
      document: { limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 1 }] },
      author: 'test',
      note: null,
    });
  });
  queue.send(tenant, START, { to: ['gone@example.com'] });
  assert.throws(() => queue.send(tenant, START), /daily_quota_exceeded/);
  suppress(queue, tenant.tenantNo, START, 'gone@example.com');
  queue.claim(START);
  queue.send(tenant, START, { to: ['late@example.com'], expiresAt: START + 1000 });
  queue.claim(START + 1000);
  queue.send(tenant, START + 1001, { to: ['tried@example.com'], expiresAt: START + 5000 });
  const [tried] = queue.claim(START + 1001);
  queue.settle(START + 1002, tried!, { outcome: 'deferred', nextAttemptAt: START + 4000 });
  queue.claim(START + 5000);
  assert.throws(() => queue.send(tenant, START + 5001), /daily_quota_exceeded/);
});

test('a deferred recipient is due at its time, and expires at its expiry and no later', (t) => {
  const queue = openQueue(t);
  queue.send(queue.tenant('a'), START, { expiresAt: START + 2 * HOUR });
  const [first] = queue.claim(START);
  queue.settle(START, first!, { outcome: 'deferred', nextAttemptAt: START + HOUR });
  assert.equal(queue.claim(START + CLAIM_MS).length, 0);
  assert.equal(queue.at(START + CLAIM_MS, dueIn), HOUR - CLAIM_MS);
  assert.equal(queue.claim(START + HOUR - 1).length, 0);
  const [second] = queue.claim(START + HOUR);
  assert.equal(second?.attempt, 2);
  queue.settle(START + HOUR, second, { outcome: 'deferred', nextAttemptAt: START + 9 * HOUR });
  assert.equal(queue.row(second).due, START + 2 * HOUR);
  queue.claim(START + 2 * HOUR - 1);
  assert.equal(queue.row(second).state, 'deferred');
  assert.equal(queue.claim(START + 2 * HOUR).length, 0);
  assert.equal(queue.row(second).state, 'expired');
  assert.deepEqual(queue.events(second), ['message.deferred', 'message.deferred', 'message.expired']);
});

test('a hard bounce that is the recipient’s fault suppresses the address, a soft one does not', (t) => {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  queue.send(tenant, START, { to: ['hard@example.com', 'soft@example.com'] });
  const [hard, soft] = queue.claim(START);
  queue.settle(START, hard!, { outcome: 'bounced', hard: true, suppress: true });
  queue.settle(START, soft!, { outcome: 'bounced', hard: false, suppress: false });
  assert.throws(() => queue.send(tenant, START, { to: ['hard@example.com'] }), /suppressed/);
  queue.send(tenant, START, { to: ['soft@example.com'] });
});

test('a released recipient is as it was before its claim', (t) => {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  queue.send(tenant, START);
  queue.send(tenant, START, { sendAt: START + HOUR, to: ['later@example.com'] });
  const [now] = queue.claim(START);
  queue.settle(START + 5, now!, { outcome: 'released', at: START + 5 });
  assert.deepEqual(queue.row(now!), { state: 'accepted', due: START + 5, attempts: 0, possibleDuplicate: false });
  assert.deepEqual(queue.events(now!), []);
  const later = queue.claim(START + HOUR).find(({ email }) => email === 'later@example.com');
  queue.settle(START + HOUR, later!, { outcome: 'released', at: START + HOUR });
  assert.equal(queue.row(later!).state, 'scheduled');
});

test('one tenant’s thousands delay no other: each gets its turn, whatever the room', (t) => {
  const queue = openQueue(t);
  const many = queue.tenant('many');
  const few = queue.tenant('few');
  const other = queue.tenant('other');
  for (let i = 0; i < 50; i++) queue.send(many, START, { to: [`p${i}@example.com`] });
  queue.send(few, START + 1, { to: ['one@example.com'] });
  queue.send(other, START + 2, { to: ['two@example.com'] });
  const turns = [queue.claim(START + 10, 1), queue.claim(START + 10, 1), queue.claim(START + 10, 1)];
  const served = turns.map(([one]) => one!.tenantNo).sort();
  assert.deepEqual(served, [many.tenantNo, few.tenantNo, other.tenantNo].sort());
  assert.equal(queue.claim(START + 10, 40).length, 40);
});

test('within a tenant the longest due goes first', (t) => {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  queue.send(tenant, START, { to: ['second@example.com'], sendAt: START + 2 });
  queue.send(tenant, START, { to: ['third@example.com'], sendAt: START + 3 });
  queue.send(tenant, START + 1, { to: ['first@example.com'] });
  assert.deepEqual(
    queue.claim(START + 10).map(({ email }) => email.split('@')[0]),
    ['first', 'second', 'third'],
  );
});

test('without room for live mail only test mail is handed out', (t) => {
  const queue = openQueue(t);
  const live = queue.tenant('live');
  const testing = queue.tenant('testing', 'test');
  queue.send(live, START);
  queue.send(testing, START);
  const claims = queue.at(START + 1, (state) => claim(state, { most: 10, live: false }));
  assert.deepEqual(
    claims.map(({ mode }) => mode),
    ['test'],
  );
});

test('a message over which workers die is tried alone after two deaths and set aside after three', (t) => {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  for (const name of ['poison', 'innocent', 'bystander']) queue.send(tenant, START, { to: [`${name}@example.com`] });
  let now = START;
  const die = (): void => {
    now += CLAIM_MS;
  };
  assert.equal(queue.claim(now).length, 3);
  die();
  assert.equal(queue.claim(now).length, 3);
  die();
  const alone = queue.claim(now);
  assert.equal(alone.length, 1);
  assert.equal(queue.claim(now).length, 0);
  const [poison] = alone;
  now += CLAIM_MS;
  const [next] = queue.claim(now);
  assert.notEqual(next?.recipient, poison?.recipient);
  assert.equal(queue.row(poison!).state, 'failed');
  queue.settle(now, next!, { outcome: 'delivered' });
  const [last] = queue.claim(now);
  queue.settle(now, last!, { outcome: 'delivered' });
  assert.deepEqual(queue.events(poison!), ['message.failed']);
  assert.equal(queue.claim(now).length, 0);
  assert.equal(queue.at(now, dueIn), null);
});

test('a worker that fails over a message says so; the third time in a row it is set aside', (t) => {
  const queue = openQueue(t);
  queue.send(queue.tenant('a'), START);
  for (const expected of ['deferred', 'deferred', 'failed']) {
    const [claimed] = queue.claim(START + HOUR);
    queue.settle(START + HOUR, claimed!, { outcome: 'crashed', nextAttemptAt: START + HOUR });
    assert.equal(queue.row(claimed!).state, expected);
  }
});

test('an attempt that ran to its end takes away the deaths before it', (t) => {
  const queue = openQueue(t);
  queue.send(queue.tenant('a'), START);
  let now = START;
  for (let round = 0; round < 4; round++) {
    const [first] = queue.claim(now);
    queue.settle(now, first!, { outcome: 'crashed', nextAttemptAt: now });
    const [second] = queue.claim(now);
    now += HOUR;
    queue.settle(now, second!, { outcome: 'deferred', nextAttemptAt: now });
    assert.equal(queue.row(second!).state, 'deferred');
  }
});

test('a worker that fails behind the dot leaves the recipient uncertain, never quietly deferred', (t) => {
  const queue = openQueue(t);
  queue.send(queue.tenant('a'), START);
  const [claimed] = queue.claim(START);
  queue.mark(START, claimed!);
  queue.settle(START, claimed!, { outcome: 'crashed', nextAttemptAt: START + 1 });
  assert.deepEqual(queue.row(claimed!), {
    state: 'uncertain',
    due: START + 1,
    attempts: 1,
    possibleDuplicate: true,
  });
});

test('a scheduled recipient that meets a full rate limit waits for its place', (t) => {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  queue.at(START, (state) =>
    putPolicy(state, {
      owner: 'operator',
      tenantNo: tenant.tenantNo,
      mode: 'live',
      document: { limits: [{ name: 'rate', scope: 'tenant', window: 'rate', per: 'minute', max: 1, burst: 1 }] },
      author: 'test',
      note: null,
    }),
  );
  const sendAt = START + HOUR;
  for (const name of ['a', 'b']) queue.send(tenant, START, { sendAt, to: [`${name}@example.com`] });
  const [first, ...more] = queue.claim(sendAt);
  assert.equal(more.length, 0);
  queue.settle(sendAt, first!, { outcome: 'delivered' });
  assert.equal(queue.claim(sendAt + 59_000).length, 0);
  assert.equal(queue.claim(sendAt + 60_000).length, 1);
});

test('recipients of one message get one copy of its content in one claim', (t) => {
  const queue = openQueue(t);
  queue.send(queue.tenant('a'), START, { to: ['a@example.com', 'b@example.com'] });
  const [first, second] = queue.claim(START);
  assert.equal(Reflect.get(first!.content, 'inline'), Reflect.get(second!.content, 'inline'));
});

test('no tenant holds more claims than remain free, however many are due and however slow its way is', (t) => {
  const queue = openQueue(t);
  const [big, small] = [queue.tenant('a'), queue.tenant('b')];
  for (let i = 0; i < 40; i += 1) queue.send(big, START, { to: [`p${i}@example.com`] });
  const take = (most: number, held: { tenantNo: number; mode: 'live'; count: number }[]) =>
    queue.at(START + 1, (state) => claim(state, { most, live: true, held }));
  const ofBig = (count: number) => ({ tenantNo: big.tenantNo, mode: 'live' as const, count });
  assert.equal(take(16, []).length, 8);
  assert.equal(take(8, [ofBig(8)]).length, 0);
  // What ends makes room for as many.
  assert.equal(take(10, [ofBig(6)]).length, 2);
  queue.send(small, START);
  const [one, ...more] = take(8, [ofBig(8)]);
  assert.equal(one?.tenantNo, small.tenantNo);
  assert.equal(more.length, 0);
});

test('what goes back for the pace of its way says so, until it is handed out again', (t) => {
  const queue = openQueue(t);
  queue.send(queue.tenant('a'), START);
  const [claimed] = queue.claim(START);
  const at = START + 5000;
  const waits = { for: 'destination_pace', until: at } as const;
  assert.equal(queue.settle(START + 1, claimed!, { outcome: 'released', at, waits }), true);
  const stored = () => queue.state.db.prepare('SELECT waits FROM recipient').get() as { waits: string | null };
  assert.deepEqual(JSON.parse(stored().waits ?? ''), waits);
  assert.deepEqual(queue.row(claimed!), { state: 'accepted', due: at, attempts: 0, possibleDuplicate: false });
  assert.equal(queue.claim(at - 1).length, 0);
  assert.equal(queue.claim(at).length, 1);
  assert.equal(stored().waits, null);
});

test('what the only way surely did not take is deferred, or ends where the no is for good', (t) => {
  const queue = openQueue(t);
  const tenant = queue.tenant('a');
  queue.send(tenant, START, { to: ['one@example.com'] });
  queue.send(tenant, START, { to: ['two@example.com'] });
  const [one, two] = queue.claim(START);
  const nextAttemptAt = START + 60_000;
  assert.equal(queue.settle(START + 1, one!, { outcome: 'elsewhere', nextAttemptAt, otherwise: 'deferred' }), true);
  assert.equal(queue.settle(START + 1, two!, { outcome: 'elsewhere', nextAttemptAt, otherwise: 'bounced' }), true);
  assert.equal(queue.row(one!).state, 'deferred');
  assert.equal(queue.row(one!).due, nextAttemptAt);
  assert.equal(queue.row(two!).state, 'bounced');
});
