import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { EventFeed } from '../../src/admin/event-feed.ts';
import { type Following, follow } from '../../src/admin/event-stream.ts';
import type { EventsPage } from '../../src/data/port/events.ts';
import { EventBell } from '../../src/http/event-bell.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { hello, makeTenant, type TestTenant, trustTraffic } from '../harness/tenants.ts';
import { until } from '../harness/until.ts';

type Told = { id: string; event: string; data: { seq: number; type: string; data: Record<string, unknown> } };

/** Reads a stream until it has told as much as is asked for. */
class Reader {
  readonly told: Told[] = [];
  readonly response: Response;
  private readonly abort: AbortController;
  private readonly body: AsyncIterator<string>;
  private rest = '';

  constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.abort = abort;
    this.body = response.body!.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  }

  static async open(gateway: TestGateway, key: string, query = '', headers: Record<string, string> = {}) {
    const abort = new AbortController();
    const response = await fetch(`${gateway.url}/v1/events/stream${query}`, {
      headers: { authorization: `Bearer ${key}`, ...headers },
      signal: abort.signal,
    });
    return new Reader(response, abort);
  }

  async next(count: number): Promise<Told[]> {
    while (this.told.length < count) {
      const { value, done } = await this.body.next();
      if (done === true) throw new Error(`the stream ended after ${this.told.length} events`);
      const blocks = (this.rest + value).split('\n\n');
      this.rest = blocks.pop()!;
      for (const block of blocks) this.take(block);
    }
    return this.told;
  }

  private take(block: string): void {
    const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
    if (fields['data'] !== undefined) {
      this.told.push({ id: fields['id']!, event: fields['event']!, data: JSON.parse(fields['data']!) });
    }
  }

  async ended(): Promise<boolean> {
    for (;;) if ((await this.body.next()).done === true) return true;
  }

  close(): void {
    this.abort.abort();
  }
}

describe('the event log as a stream', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;

  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    tenant = await makeTenant(gateway);
  });
  after(() => gateway.stop());

  it('tells each event as it happens, as the list does, and goes on where it broke off', async () => {
    const first = await Reader.open(gateway, tenant.agent.key);
    assert.equal(first.response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    await hello(tenant.agent.call, 'a@one.example');
    const [event] = await first.next(1);
    assert.deepEqual(
      [event!.event, event!.data.type, event!.data.data['email']],
      ['message.accepted', 'message.accepted', 'a@one.example'],
    );
    const { data } = (await tenant.agent.call('GET', `/v1/events?after_seq=${Number(event!.id) - 1}&limit=1`)).body;
    assert.deepEqual(event!.data, data[0]);
    first.close();

    await hello(tenant.agent.call, 'b@one.example');
    await hello(tenant.agent.call, 'c@one.example');
    const second = await Reader.open(gateway, tenant.agent.key, '?after_seq=0', { 'last-event-id': event!.id });
    await hello(tenant.agent.call, 'd@one.example');
    const told = await second.next(3);
    assert.deepEqual(
      told.map(({ data: { data: about } }) => about['email']),
      ['b@one.example', 'c@one.example', 'd@one.example'],
    );
    second.close();
    await until(() => gateway.gateway.eventWaiters() === 0, 5000, 'the end of the streams');
  });

  it('tells only the types asked for, and begins with the next event unless told where', async () => {
    const some = await Reader.open(gateway, tenant.agent.key, '?types=suppression.*');
    const all = await Reader.open(gateway, tenant.agent.key, '?after_seq=0&types=message.*');
    await hello(tenant.agent.call, 'e@one.example');
    await tenant.agent.call('POST', '/v1/suppressions', { email: 'f@one.example', reason: 'manual_dnc' });
    const [only] = await some.next(1);
    assert.equal(only!.event, 'suppression.created');
    const told = await all.next(5);
    assert.deepEqual(
      told.map(({ data }) => data.seq),
      [...told.keys()].map((i) => i + 1),
    );
    some.close();
    all.close();
  });

  it('tells thousands of stored events in order, and those of other accounts never', async () => {
    const many = await makeTenant(gateway);
    // The first event: the policy was changed.
    await trustTraffic(gateway, many.id);
    const messages = Array.from({ length: 500 }, (_, i) => ({ to: `u${i}@two.example`, subject: 'Hello', text: 'x' }));
    const reader = await Reader.open(gateway, many.agent.key, '?after_seq=1');
    for (let n = 0; n < 3; n += 1) await many.agent.call('POST', '/v1/messages/batch', { messages });
    await hello(tenant.agent.call, 'other@one.example');
    const told = await reader.next(1500);
    assert.deepEqual(
      told.map(({ id }) => Number(id)),
      told.map((_, i) => i + 2),
    );
    reader.close();
  });

  it('refuses a number older than what is kept, and one that is none', async () => {
    const late = await makeTenant(gateway);
    await hello(late.agent.call, 'a@one.example');
    const db = new DatabaseSync(join(gateway.directory, 'postern.db'), { timeout: 5000 });
    const newest = 'SELECT max(space) FROM event_head';
    db.exec(`UPDATE event_head SET floor = seq WHERE space = (${newest})`);
    db.close();
    const old = await late.agent.call('GET', '/v1/events/stream', undefined, { 'last-event-id': '0' });
    assert.deepEqual([old.status, old.body.code], [410, 'cursor_expired']);
    const listed = await late.agent.call('GET', '/v1/events?after_seq=0');
    assert.deepEqual([listed.status, listed.body.code], [410, 'cursor_expired']);
    const none = await late.agent.call('GET', '/v1/events/stream', undefined, { 'last-event-id': 'x' });
    assert.deepEqual([none.status, none.body.errors[0].param], [422, 'Last-Event-ID']);
    assert.equal((await late.agent.call('GET', '/v1/events/stream?types=nothing')).status, 422);
  });

  it('ends when the gateway stops', async () => {
    const other = await startTestGateway({ POSTERN_ROLE: 'api' });
    const reader = await Reader.open(other, other.testKey);
    const [isEnded] = await Promise.all([reader.ended(), other.stop()]);
    assert.ok(isEnded);
  });
});

describe('those who follow the event log', () => {
  const space = { tenantNo: 1, mode: 'test' } as const;
  const quiet: EventsPage = { events: [], lastSeq: 7, newestSeq: 7, oldestSeq: 1, isExpired: false, oldestAt: 0 };

  function started(isAllowed: () => Promise<boolean>, heartbeatMs: number) {
    let reads = 0;
    let ring = (): void => undefined;
    const store = {
      events: async () => {
        reads += 1;
        await new Promise((resolve) => setImmediate(resolve));
        return quiet;
      },
      onEvents: (listener: (changed: readonly (typeof space)[]) => void) => {
        ring = () => listener([space]);
      },
    };
    const bell = new EventBell(store);
    const feed = new EventFeed(store);
    const from: Following = { space, after: 7, types: null, texts: { docsBase: '', locale: 'en' }, isAllowed };
    const begin = () => follow(from, { store, feed, bell, heartbeatMs }, bell.listen(space));
    return { begin, ring: () => ring(), reads: () => reads, close: () => bell.close() };
  }

  it('hear a heartbeat while nothing happens, and nothing once their key is no longer in force', async () => {
    let isAllowed = true;
    const stream = started(async () => isAllowed, 5).begin();
    assert.match((await stream.next()).value!, /^retry: /);
    assert.match((await stream.next()).value!, /^: /);
    isAllowed = false;
    assert.equal((await stream.next()).done, true);
  });

  it('read once together what one event wakes them for', async () => {
    const { begin, ring, reads, close } = started(async () => true, 60_000);
    const streams = Array.from({ length: 50 }, begin);
    await Promise.all(streams.map((stream) => stream.next()));
    const waits = streams.map((stream) => stream.next());
    await until(() => reads() > 0, 1000, 'the first read');
    const before = reads();
    ring();
    await until(() => reads() > before, 1000, 'the read after the ring');
    assert.ok(reads() <= 4, `${reads()} reads`);
    close();
    await Promise.all(waits);
  });
});
