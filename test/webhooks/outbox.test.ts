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

/** A store of one log and some endpoints, in memory. */
class Memory {
  newest = 0;
  reads = 0;
  readonly places = new Map<string, { no: number; path: string; cursor: number; tries: WebhookTry[] }>();
  private readonly listeners: ((changed: readonly Space[]) => void)[] = [];
  private readonly url: string;

  constructor(url: string, paths: readonly string[]) {
    this.url = url;
    for (const [i, path] of paths.entries()) this.places.set(path, { no: i + 1, path, cursor: 0, tries: [] });
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
    const { no, path, cursor, tries } = this.places.get(id)!;
    const last = Math.min(this.newest, cursor + limit);
    const events = Array.from({ length: last - cursor }, (_, i) => eventOf(cursor + i + 1));
    return {
      ...{ no, id, ...LIVE, tenantId: 'ten_1', locale: null, url: this.url + path, signature: 'standard', sealed: [] },
      ...{ concurrency: 1, pausedReason: null, pausedAt: null, probeAt: null, generation: 0, cursor, done: [], tries },
      ...{ readyAt: 0, now: Date.now(), isFrozen: false, events, lastSeq: last, newestSeq: this.newest, lost: null },
    };
  }

  async progressWebhook({ no, cursor, tries }: WebhookProgress): Promise<boolean> {
    Object.assign([...this.places.values()].find((one) => one.no === no)!, { cursor, tries });
    return true;
  }
}

function eventOf(seq: number): EventRow {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, seq);
  return { id: encodeTypeId('evt', bytes), seq, type: 'message.sent', createdAt: 0, data: {} };
}

async function outboxOver(paths: readonly string[]): Promise<{ memory: Memory; receiver: Receiver; outbox: Outbox }> {
  const receiver = await startReceiver();
  const memory = new Memory(receiver.url, paths);
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

test('six hundred endpoints that hang delay one that does not by seconds at most', async () => {
  const hanging = Array.from({ length: 600 }, (_, i) => `/hang/${i}`);
  const { memory, receiver, outbox } = await outboxOver([...hanging, '/quick']);
  receiver.answer(() => undefined);
  receiver.answer(200, '/quick');
  await outbox.start();
  const startedAt = performance.now();
  memory.emit();
  await receiver.came(1, ({ path }) => path === '/quick');
  assert.ok(performance.now() - startedAt < 12_000, `${Math.round(performance.now() - startedAt)} ms`);
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
  assert.equal(lane.takeNow(1), null);
  first();
  await Promise.all([big, small]);
  assert.deepEqual(order, ['big', 'small']);
  assert.equal(lane.taken, 0);
  // More than there is room for takes all of it.
  (await lane.take(20))();
  assert.equal(lane.taken, 0);
});
