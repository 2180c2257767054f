import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { newHookSecret } from '../../src/base/hook-signature.ts';
import { encodeTypeId } from '../../src/base/ids.ts';
import type { WebhookProgress, WebhookTry, WebhookWork } from '../../src/data/port/webhooks.ts';
import type { EventRow, Space } from '../../src/data/store.ts';
import { openAddresses } from '../../src/webhooks/address.ts';
import { Lane } from '../../src/webhooks/lanes.ts';
import { Outbox } from '../../src/webhooks/outbox.ts';
import { type Receiver, seqs, startReceiver } from '../harness/receiver.ts';
import { until } from '../harness/until.ts';

const LIVE: Space = { tenantNo: 1, mode: 'live' };
const SECRET = newHookSecret();
const silent = { warn: () => undefined, error: () => undefined };
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

type Place = { no: number; path: string; concurrency: number; cursor: number; done: number[]; tries: WebhookTry[] };

/** A store of one log and some endpoints, in memory. */
class Memory {
  newest = 0;
  reads = 0;
  readonly places = new Map<string, Place>();
  private readonly listeners: ((changed: readonly Space[]) => void)[] = [];
  private readonly url: string;

  constructor(url: string, paths: readonly string[], concurrency: number) {
    this.url = url;
    for (const [i, path] of paths.entries()) {
      this.places.set(path, { no: i + 1, path, concurrency, cursor: 0, done: [], tries: [] });
    }
  }

  emit(): void {
    this.newest += 1;
    for (const tell of this.listeners) tell([LIVE]);
  }

  onEvents(listener: (changed: readonly Space[]) => void): void {
    this.listeners.push(listener);
  }

  async allWebhooks({ after }: { after: number }) {
    return [...this.places.values()].filter(({ no }) => no > after).map(({ no, path }) => ({ no, id: path, ...LIVE }));
  }

  async webhookWork({ id, limit }: { id: string; limit: number }): Promise<WebhookWork> {
    this.reads += 1;
    const { no, path, concurrency, cursor, done, tries } = this.places.get(id)!;
    const last = Math.min(this.newest, cursor + limit + done.length);
    const seqs = Array.from({ length: last - cursor }, (_, i) => cursor + i + 1);
    const events = seqs.filter((seq) => !done.includes(seq)).map(eventOf);
    return {
      ...{ no, id, ...LIVE, tenantId: 'ten_1', locale: null, url: this.url + path, signature: 'standard', sealed: [] },
      ...{ concurrency, pausedReason: null, pausedAt: null, probeAt: null, generation: 0, cursor, done, tries },
      ...{ readyAt: 0, now: Date.now(), isFrozen: false, events, lastSeq: last, newestSeq: this.newest, lost: null },
    };
  }

  async progressWebhook({ no, cursor, done, tries }: WebhookProgress): Promise<boolean> {
    Object.assign([...this.places.values()].find((one) => one.no === no)!, { cursor, done, tries });
    return true;
  }
}

function eventOf(seq: number): EventRow {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, seq);
  return { id: encodeTypeId('evt', bytes), seq, type: 'message.sent', createdAt: 0, data: {} };
}

async function outboxOver(
  paths: readonly string[],
  concurrency = 1,
): Promise<{ memory: Memory; receiver: Receiver; outbox: Outbox }> {
  const receiver = await startReceiver();
  const memory = new Memory(receiver.url, paths, concurrency);
  const found = { outcome: 'found' as const, records: [{ address: '127.0.0.1', family: 4 as const }] };
  const outbox = new Outbox({
    store: memory,
    secrets: { open: () => Buffer.from(SECRET) },
    addresses: openAddresses({ addresses: async () => found }, ['127.0.0.0/8']),
    textsIn: (locale) => ({ docsBase: '', links: {}, locale }),
    log: silent,
  });
  open.push(async () => {
    await outbox.stop(0);
    await receiver.close();
  });
  return { memory, receiver, outbox };
}

test('an endpoint that waits for its next attempt is not looked at however many events come', async () => {
  const { memory, receiver, outbox } = await outboxOver(['/down']);
  receiver.answer(500);
  await outbox.start();
  memory.emit();
  await receiver.came(1);
  await until(() => outbox.figures.underWay === 0, 10_000, 'the run has ended');
  const before = memory.reads;
  for (let i = 0; i < 1000; i += 1) memory.emit();
  assert.equal(memory.reads, before);
  assert.equal(outbox.figures.underWay, 0);
});

test('events that come while a run is under way are delivered after it without a further call', async () => {
  const { memory, receiver, outbox } = await outboxOver(['/a']);
  await outbox.start();
  for (let i = 0; i < 100; i += 1) {
    memory.emit();
    if (i % 10 === 0) await receiver.came(i);
  }
  const came = await receiver.came(100);
  assert.deepEqual(
    seqs(came),
    Array.from({ length: 100 }, (_, i) => i + 1),
  );
});

test('what comes while a run is under way does not wait for the time of what failed before it', async () => {
  const { memory, receiver, outbox } = await outboxOver(['/a'], 2);
  await outbox.start();
  receiver.answer(500);
  memory.emit();
  await receiver.came(1);
  await until(() => outbox.figures.underWay === 0, 10_000, 'the run has ended');
  let answerSecond = () => undefined as unknown;
  receiver.answer((_, response) => {
    answerSecond = () => response.end();
  });
  memory.emit();
  await receiver.came(2);
  receiver.answer(200);
  memory.emit();
  const startedAt = performance.now();
  answerSecond();
  await receiver.came(1, ({ event }) => event.seq === 3);
  assert.ok(performance.now() - startedAt < 4000, 'the first is due again after five seconds');
});

test('a change of an endpoint takes effect with the next attempt', async () => {
  const { memory, receiver, outbox } = await outboxOver(['/a']);
  await outbox.start();
  let answerFirst = () => undefined as unknown;
  receiver.answer((_, response) => {
    answerFirst = () => response.end();
  });
  for (let i = 0; i < 5; i += 1) memory.emit();
  await receiver.came(1);
  memory.places.get('/a')!.path = '/b';
  outbox.watch('/a', LIVE);
  receiver.answer(200);
  answerFirst();
  const came = await receiver.came(5);
  assert.deepEqual(
    came.map(({ path }) => path),
    ['/a', '/b', '/b', '/b', '/b'],
  );
});

test('two thousand endpoints that hang delay one that does not by moments', async () => {
  const hanging = Array.from({ length: 2000 }, (_, i) => `/hang/${i}`);
  const { memory, receiver, outbox } = await outboxOver([...hanging, '/quick']);
  receiver.answer(() => undefined);
  receiver.answer(200, '/quick');
  await outbox.start();
  const startedAt = performance.now();
  memory.emit();
  await receiver.came(1, ({ path }) => path === '/quick');
  assert.ok(performance.now() - startedAt < 14_000, `${Math.round(performance.now() - startedAt)} ms`);
});

test('a lane that gave more than its room lets nobody in before that is given back', async () => {
  const lane = new Lane(1);
  const giveBack = lane.takeAnyway(3);
  const order: string[] = [];
  const waits = lane.take(1).then((back) => {
    order.push('waited');
    back();
  });
  order.push('more than there is room for');
  giveBack();
  await waits;
  assert.deepEqual(order, ['more than there is room for', 'waited']);
  assert.equal(lane.taken, 0);
});

test('a lane gives room in the order in which it was asked for', async () => {
  const lane = new Lane(2);
  const order: string[] = [];
  const first = await lane.take(2);
  const big = lane.take(2).then((giveBack) => {
    order.push('big');
    giveBack();
  });
  const small = lane.take(1).then((giveBack) => {
    order.push('small');
    giveBack();
  });
  first();
  await Promise.all([big, small]);
  assert.deepEqual(order, ['big', 'small']);
  assert.equal(lane.taken, 0);
  // More than there is room for takes all of it.
  (await lane.take(20))();
  assert.equal(lane.taken, 0);
});
