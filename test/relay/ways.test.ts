/** The ways out: what carries a claim, what has to wait, and what is learnt from its end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClosedRoute, Route, RouteName } from '../../src/data/port/routing.ts';
import type { Claimed } from '../../src/data/store.ts';
import { judge, teachingOf } from '../../src/relay/judgement.ts';
import { replies } from '../../src/relay/replies.ts';
import { TransportBook } from '../../src/relay/transport-book.ts';
import type { DeliveryResult, Transport } from '../../src/relay/transports/transport.ts';
import { type Entered, type Way, Ways } from '../../src/relay/ways.ts';
import { claimedOne } from '../harness/claims.ts';

const NOW = Date.UTC(2026, 10, 2);
const TAKEN: DeliveryResult = { outcome: 'taken', reply: { code: 250, enhanced: null, text: 'ok' } };
const no = (
  outcome: 'not_taken' | 'deferred' | 'refused',
  stage: 'connect' | 'auth' | 'mail' | 'rcpt',
  code: number | null,
  text: string,
) => ({ outcome, stage, reply: { code, enhanced: null, text } }) as const;
const REFUSED = no('not_taken', 'connect', null, 'connect ECONNREFUSED');

const transport: Transport = { deliver: async () => TAKEN, close: async () => undefined };

function world() {
  let clock = 0;
  const closed: ClosedRoute[] = [];
  const opened: RouteName[] = [];
  const log = { error: () => undefined, warn: () => undefined, info: () => undefined };
  const book = new TransportBook({
    store: {
      providerSettings: async ({ no }) =>
        ({ ...{ id: `prv_${no}`, kind: 'smtp', url: 'smtp://h', sealed: null, ehloName: null, version: 1 } }) as never,
      mailboxSettings: async ({ no }) =>
        ({ id: `mbx_${no}`, sealed: no === 9 ? Buffer.from('own') : null, version: 1 }) as never,
    },
    open: () => ({ transport }),
    openSealed: () => ({ user: 'u', pass: 'p' }),
  });
  const ways = new Ways({
    store: {
      capture: async () => true,
      closeRoute: async (route) => {
        closed.push(route);
        return null;
      },
      openRoute: async (name) => {
        opened.push(name);
        return null;
      },
    },
    outbound: { kind: 'smtp', transport },
    book,
    log,
    clock: () => clock,
  });
  const carry = async (claimed: Claimed, result: DeliveryResult): Promise<Entered> => {
    const entered = await ways.enter(claimed, NOW + clock);
    if ('way' in entered) await leave(entered.way, result);
    return entered;
  };
  const leave = async (way: Way, result: DeliveryResult): Promise<void> => {
    const teaching = teachingOf(result, judge(result, way.kind, replies()));
    await way.leave({ teaching, family: null, why: 'reply' in result ? result.reply.text : '', now: NOW + clock });
  };
  const pass = (ms: number): void => {
    clock += ms;
  };
  return { ways, carry, leave, closed, opened, pass };
}

function over(provider: number, mailbox: number | null, email = 'bob@example.com', version = 1): Claimed {
  const route: Route = {
    provider: { no: provider, id: `prv_${provider}`, name: `provider ${provider}`, kind: 'smtp', version },
    mailbox:
      mailbox === null ? null : { no: mailbox, id: `mbx_${mailbox}`, address: `m${mailbox}@acme.example`, version: 1 },
    why: ['weight'],
  };
  return claimedOne({ route, email });
}

test('attempts name the provider and the mailbox of the route', async () => {
  const { carry } = world();
  const entered = await carry(over(3, 4), TAKEN);
  assert.ok('way' in entered);
  assert.deepEqual([entered.way.provider, entered.way.mailbox], ['provider 3', 'm4@acme.example']);
  const own = await carry(claimedOne(), TAKEN);
  assert.ok('way' in own);
  assert.deepEqual([own.way.provider, own.way.mailbox], ['default', null]);
});

test('test mail goes to the sink under the name of its route', async () => {
  const { carry } = world();
  const routed = await carry({ ...over(3, 4), mode: 'test' }, TAKEN);
  assert.ok('way' in routed);
  assert.deepEqual(
    [routed.way.provider, routed.way.mailbox, routed.way.kind],
    ['provider 3', 'm4@acme.example', 'sink'],
  );
  const plain = await carry(claimedOne({ mode: 'test', email: 'bounced@simulator.postern.test' }), TAKEN);
  assert.ok('way' in plain);
  assert.equal(plain.way.provider, 'simulator');
});

test('a provider that cannot be reached is closed, tried by one mail alone, and opened when that arrives', async () => {
  const { ways, carry, leave, closed, opened, pass } = world();
  for (let i = 0; i < 3; i += 1) await carry(over(3, 4), REFUSED);
  assert.deepEqual(closed, [
    { provider: 3, mailbox: null, destination: null, until: NOW + 5000, cause: 'connect ECONNREFUSED' },
  ]);
  const waiting = await carry(over(3, 5), TAKEN);
  assert.ok('at' in waiting && waiting.waits === null);
  assert.ok('way' in (await carry(over(2, 6), TAKEN)));
  pass(5000);
  const probe = await ways.enter(over(3, 4), NOW + 5000);
  assert.ok('way' in probe);
  // The store keeps the others away until the probe is back.
  assert.ok(closed.at(-1)!.until > NOW + 5000);
  assert.ok('at' in (await ways.enter(over(3, 4), NOW + 5000)));
  assert.deepEqual(opened, []);
  await leave(probe.way, TAKEN);
  assert.deepEqual(opened, [{ provider: 3, mailbox: null, destination: null }]);
  assert.ok('way' in (await carry(over(3, 4), TAKEN)));
});

test('a probe that fails closes the provider for twice as long', async () => {
  const { carry, closed, pass } = world();
  for (let i = 0; i < 3; i += 1) await carry(over(3, 4), REFUSED);
  pass(5000);
  await carry(over(3, 4), REFUSED);
  assert.equal(closed.at(-1)?.until, NOW + 5000 + 10_000);
});

test('a provider that was changed is tried before its time, by one mail alone', async () => {
  const { ways, carry, leave, closed, opened } = world();
  const wrong = no('not_taken', 'auth', 535, 'Authentication credentials invalid');
  await carry(over(3, 4), wrong);
  const closings = closed.length;
  assert.ok('at' in (await carry(over(3, 4), TAKEN)));
  const probe = await ways.enter(over(3, 5, 'p1@example.com', 2), NOW);
  assert.ok('way' in probe);
  for (const late of [over(3, 4), over(3, 4, 'p2@example.com', 2)]) {
    assert.ok('at' in (await ways.enter({ ...late, recipient: late.recipient + 1 }, NOW)));
  }
  assert.ok(closed.length > closings, 'the store keeps the others away meanwhile');
  assert.deepEqual(opened, []);
  await leave(probe.way, TAKEN);
  assert.deepEqual(opened, [{ provider: 3, mailbox: null, destination: null }]);
});

test('a wrong password closes the mailbox it belongs to, or the provider it is shared by', async () => {
  const wrong = no('not_taken', 'auth', 535, 'Authentication credentials invalid');
  const { carry, closed } = world();
  await carry(over(3, 9), wrong);
  await carry(over(2, 4), wrong);
  assert.deepEqual(
    closed.map(({ provider, mailbox }) => [provider, mailbox]),
    [
      [null, 9],
      [2, null],
    ],
  );
});

test('a sender that the gateway has provider does not take closes it to nobody', async () => {
  const { carry, closed } = world();
  for (let i = 0; i < 20; i += 1) await carry(claimedOne(), no('refused', 'mail', 550, 'Sender denied'));
  for (let i = 0; i < 20; i += 1) await carry(claimedOne(), no('refused', 'rcpt', 554, 'Relay access denied'));
  assert.deepEqual(closed, []);
});

test('a destination that defers all mail of one mailbox is closed to that one alone', async () => {
  const { carry, closed, pass } = world();
  const blocked = no('deferred', 'rcpt', 451, 'Your IP has a poor reputation');
  for (let i = 0; i < 30 && closed.length === 0; i += 1) {
    await carry(over(3, 4, `p${i}@picky.example`), blocked);
    pass(60_000);
  }
  const [{ provider, mailbox, destination }] = closed as [ClosedRoute];
  assert.deepEqual([provider, mailbox, destination], [3, 4, 'picky.example']);
  assert.ok('at' in (await carry(over(3, 4, 'x@picky.example'), TAKEN)));
  assert.ok('way' in (await carry(over(3, 5, 'x@elsewhere.example'), TAKEN)));
});

test('greylisting slows and closes nothing', async () => {
  const { carry, closed } = world();
  const grey = no('deferred', 'rcpt', 451, 'Greylisted, come back later');
  for (let i = 0; i < 50; i += 1) assert.ok('way' in (await carry(over(3, 4, `p${i}@grey.example`), grey)));
  assert.deepEqual(closed, []);
});

test('a throttle makes the next ones wait, and says for what and until when', async () => {
  const { ways, carry } = world();
  const under = await Promise.all(Array.from({ length: 8 }, () => ways.enter(over(3, 4), NOW)));
  for (const entered of under) assert.ok('way' in entered);
  await carry(over(3, 4), no('deferred', 'rcpt', 452, 'Too many messages, slow down'));
  const waits: (string | null)[] = [];
  let furthest = 0;
  for (let i = 0; i < 10; i += 1) {
    const entered = await ways.enter(over(3, 4), NOW);
    assert.ok('at' in entered, JSON.stringify(entered));
    waits.push(entered.waits?.for ?? null);
    assert.equal(entered.waits?.until, entered.at);
    furthest = Math.max(furthest, entered.at);
  }
  assert.deepEqual(new Set(waits), new Set(['mailbox_pace']));
  assert.ok(furthest > NOW + 500);
});

test('a server that goes silent behind each dot is left before it takes more', async () => {
  const { carry, closed } = world();
  const silent: DeliveryResult = { outcome: 'uncertain', reply: { code: null, enhanced: null, text: 'no answer' } };
  for (let i = 0; i < 3; i += 1) await carry(over(3, 4), silent);
  assert.equal(closed.length, 1);
});
