/** The dispatcher between a store and a next hop that both do as the test says. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Claimed, StoreFault } from '../../src/data/store.ts';
import { startComposer } from '../../src/relay/composer.ts';
import { Dispatcher, type DispatcherParts } from '../../src/relay/dispatcher.ts';
import { Mails } from '../../src/relay/mails.ts';
import { replies } from '../../src/relay/replies.ts';
import type { Carrier, Delivery, DeliveryResult } from '../../src/relay/transports/transport.ts';
import type { Way } from '../../src/relay/ways.ts';
import { ClaimStore, claimedOne, memoryBlobs, tokens } from '../harness/claims.ts';

const TAKEN: DeliveryResult = { outcome: 'taken', reply: { code: 250, enhanced: null, text: 'ok' } };

const takes: Carrier['deliver'] = async (delivery) => ((await delivery.beforeDot()) ? TAKEN : { outcome: 'stopped' });

type Started = { dispatcher: Dispatcher; store: ClaimStore; deliveries: Delivery[]; told: string[] };

function start(
  t: TestContext,
  due: Claimed[],
  deliver: Carrier['deliver'] = takes,
  change: Partial<DispatcherParts> = {},
): Started {
  const store = new ClaimStore(due);
  const composer = startComposer();
  const deliveries: Delivery[] = [];
  const told: string[] = [];
  const tell = (_fields: object, message: string): void => void told.push(message);
  const mails = new Mails({
    blobs: memoryBlobs(),
    composer,
    tokens,
    domain: 'gateway.example',
    publicUrl: 'https://gateway.example',
    keysFor: async () => [],
  });
  const carrier: Carrier = {
    deliver(delivery) {
      deliveries.push(delivery);
      return deliver(delivery);
    },
  };
  const dispatcher = new Dispatcher({
    store,
    mails,
    ways: { enter: () => ({ way: wayOver(carrier) }) },
    tokens,
    returnDomainFor: async () => 'bounces.gateway.example',
    rules: replies(),
    log: { error: tell, warn: tell, info: tell },
    ...change,
  });
  t.after(async () => {
    dispatcher.stop();
    await dispatcher.settled(100);
    await composer.close();
  });
  dispatcher.start();
  return { dispatcher, store, deliveries, told };
}

const wayOver = (carrier: Carrier, comesBack: Way['comesBack'] = null): Way => ({
  provider: 'default',
  mailbox: null,
  why: null,
  kind: 'smtp',
  carrier,
  comesBack,
  leave: () => undefined,
});

/** A promise and its hands. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

test('what is due is delivered and settled, and then nothing more is asked for', async (t) => {
  const { store, deliveries } = start(t, [claimedOne()]);
  await store.settlements(1);
  assert.equal(store.settled[0]?.outcome, 'delivered');
  const asked = store.asked.length;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(store.asked.length, asked);
  const [delivery] = deliveries;
  assert.equal(delivery!.to, 'bob@example.com');
  const content = Buffer.from(delivery!.content).toString();
  assert.match(content, /^From: Alice <alice@sender\.example>\r$/m);
  assert.match(content, /^Date: Mon, 02 Nov 2026 00:00:00 \+0000\r$/m);
});

test('the return path proves the recipient and the Message-ID the message', async (t) => {
  const claimed = claimedOne({ tenantNo: 42 });
  const { store, deliveries } = start(t, [claimed]);
  await store.settlements(1);
  const { from, content } = deliveries[0]!;
  assert.ok(from.endsWith('@bounces.gateway.example'));
  assert.equal(tokens.parseReturnPath(from)?.tenant, 42);
  const id = /^Message-ID: (<[^>]+>)\r$/m.exec(Buffer.from(content).toString())?.[1] ?? '';
  assert.equal(tokens.parseMessageId(id)?.tenant, 42);
});

test('a second copy has the same Message-ID and Date and says what it is', async (t) => {
  const first = claimedOne();
  const second = { ...first, token: 2, attempt: 2, possibleDuplicate: true };
  const { store, deliveries } = start(t, [first]);
  await store.settlements(1);
  store.add(second);
  await store.settlements(2);
  const [one, two] = deliveries.map(({ content }) => Buffer.from(content).toString());
  assert.equal(two, `X-Postern-Possible-Duplicate: 1\r\n${one}`);
});

test('new work is taken up when the store says that something is due', async (t) => {
  const { store } = start(t, []);
  store.add(claimedOne(), claimedOne());
  await store.settlements(2);
  assert.deepEqual(
    store.settled.map(({ outcome }) => outcome),
    ['delivered', 'delivered'],
  );
});

test('no more are in flight than may be, and the rest follow', async (t) => {
  let running = 0;
  let most = 0;
  const due = Array.from({ length: 20 }, () => claimedOne());
  const slow: Carrier['deliver'] = async (delivery) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return takes(delivery);
  };
  const { store } = start(t, due, slow, { mostInFlight: 3 });
  await store.settlements(20);
  assert.equal(most, 3);
});

test('test mail goes out while every place is held by live mail', async (t) => {
  const hold = gate();
  const due = Array.from({ length: 4 }, () => claimedOne());
  const { store } = start(
    t,
    due,
    async (delivery) => {
      if (delivery.to === 'bob@example.com') await hold.opened;
      return takes(delivery);
    },
    { mostInFlight: 2 },
  );
  const testing = claimedOne({ mode: 'test', email: 'tester@example.com' });
  store.add(testing);
  await store.settlements(1);
  assert.equal(store.settled[0]?.recipient, testing.recipient);
  hold.open();
  await store.settlements(5);
});

test('when the store says no before the dot nothing is sent and the recipient goes back', async (t) => {
  const { store } = start(t, []);
  store.mayGo = false;
  store.add(claimedOne());
  await store.settlements(1);
  assert.equal(store.settled[0]?.outcome, 'released');
});

test('when the store cannot answer before the dot, the dot is not sent', async (t) => {
  const { store } = start(t, []);
  store.before.mark = async () => {
    throw new StoreFault('full', 'the disk is full');
  };
  store.add(claimedOne());
  await store.settlements(1);
  assert.equal(store.settled[0]?.outcome, 'released');
});

test('a result that cannot be stored is kept and stored later, and nothing is claimed meanwhile', async (t) => {
  const { store } = start(t, []);
  let faults = 2;
  let askedWhileFull = 0;
  store.before.settle = async () => {
    if (faults === 0) return;
    faults -= 1;
    const asked = store.asked.length;
    store.add(claimedOne());
    askedWhileFull += store.asked.length - asked;
    throw new StoreFault('full', 'the disk is full');
  };
  store.add(claimedOne());
  await store.settlements(3);
  assert.equal(askedWhileFull <= 1, true);
  assert.deepEqual(new Set(store.settled.map(({ outcome }) => outcome)), new Set(['delivered']));
});

test('a store that cannot be asked for work is asked again', async (t) => {
  let faults = 1;
  const { store } = start(t, []);
  store.before.claim = async () => {
    if (faults-- > 0) throw new StoreFault('unavailable', 'away');
  };
  store.add(claimedOne());
  await store.settlements(1);
  assert.equal(store.settled[0]?.outcome, 'delivered');
});

test('a fault over one message is told, settled as such, and harms no other', async (t) => {
  const bad = claimedOne({ email: 'bad@example.com' });
  const { store, told } = start(t, [bad, claimedOne()], async (delivery) => {
    if (delivery.to === 'bad@example.com') throw new Error('a fault of ours');
    return takes(delivery);
  });
  await store.settlements(2);
  const settled = store.settled.find(({ recipient }) => recipient === bad.recipient);
  assert.equal(settled?.outcome, 'crashed');
  assert.deepEqual(told, ['an attempt failed here']);
});

test('a fault of the machine says nothing against the message', async (t) => {
  const { store } = start(t, [claimedOne()], async () => {
    throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE', syscall: 'open' });
  });
  await store.settlements(1);
  assert.equal(store.settled[0]?.outcome, 'released');
});

test('a message that cannot be put on the wire fails with its reason', async (t) => {
  const injected = claimedOne({ submission: { subject: 'a\r\nBcc: eve@example.com' } });
  const { store, deliveries } = start(t, [injected, claimedOne({ content: { gone: true } })]);
  await store.settlements(2);
  assert.deepEqual(
    store.settled.map(({ outcome }) => outcome),
    ['failed', 'failed'],
  );
  const reasons = store.settled.map(({ attempt }) => attempt?.reply).sort();
  assert.match(reasons[0]!, /content is no longer stored/);
  assert.match(reasons[1]!, /subject/);
  assert.equal(deliveries.length, 0);
});

test('a stop claims nothing more, sends no further dot and waits for those that are out', async (t) => {
  const reached = gate();
  const answer = gate();
  const looks = gate();
  const late = claimedOne({ email: 'late@example.com' });
  const out = claimedOne({ email: 'out@example.com' });
  const { store, dispatcher } = start(t, [out, late], async (delivery) => {
    if (delivery.to === 'late@example.com') await looks.opened;
    const mayGo = await delivery.beforeDot();
    if (!mayGo) return { outcome: 'stopped' };
    reached.open();
    await answer.opened;
    return TAKEN;
  });
  await reached.opened;
  dispatcher.stop();
  looks.open();
  store.add(claimedOne());
  await store.settlements(1);
  assert.deepEqual(
    store.settled.map(({ recipient, outcome }) => ({ recipient, outcome })),
    [{ recipient: late.recipient, outcome: 'released' }],
  );
  answer.open();
  await dispatcher.settled(10_000);
  assert.equal(store.settled[1]?.outcome, 'delivered');
  assert.equal(store.settled.length, 2);
});
