import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { after, before, describe, it, mock } from 'node:test';
import { Authenticator } from '../../src/http/authenticate.ts';
import type { Caller } from '../../src/http/caller.ts';
import { type Carried, StraightRoad, type StraightRoute } from '../../src/http/straight-road.ts';
import { mail, setPolicy } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

type Answer = { head: string; body: Buffer };

/** One connection that is kept, on which octets are sent and whole answers are read. */
class Client {
  readonly #socket: Socket;
  #come = Buffer.alloc(0);
  #isOver = false;
  #wake: () => void = () => undefined;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (chunk: Buffer) => {
      this.#come = Buffer.concat([this.#come, chunk]);
      this.#wake();
    });
    this.#socket.on('close', () => {
      this.#isOver = true;
      this.#wake();
    });
    this.#socket.on('error', () => undefined);
  }

  send(octets: string | Buffer): void {
    this.#socket.write(octets);
  }

  /** The next answer; of one that says 100 Continue its head alone. Null: the connection ended. */
  async next(): Promise<Answer | null> {
    for (;;) {
      const answer = this.#takeOne();
      if (answer !== null) return answer;
      if (this.#isOver) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #takeOne(): Answer | null {
    const end = this.#come.indexOf('\r\n\r\n');
    if (end === -1) return null;
    const head = this.#come.toString('latin1', 0, end + 4);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#come.length < end + 4 + length) return null;
    const body = this.#come.subarray(end + 4, end + 4 + length);
    this.#come = this.#come.subarray(end + 4 + length);
    return { head, body };
  }
}

type Sent = { body: string | Buffer; headers?: Record<string, string>; path?: string };

function headOf(
  key: string,
  { body, headers = {}, path = '/v1/messages' }: Sent,
  more: Record<string, string> = {},
): string {
  const fields = {
    Host: 'x',
    Authorization: `Bearer ${key}`,
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
    ...more,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

const wholeOf = (key: string, sent: Sent): Buffer =>
  Buffer.concat([Buffer.from(headOf(key, sent)), Buffer.from(sent.body)]);

const text = (body: Record<string, unknown>): string => JSON.stringify(body);

describe('the two roads of a send', () => {
  let gateway: TestGateway;
  let client: Client;
  /** Only Fastify's road asks for it. */
  const keyChecks = mock.method(Authenticator.prototype, 'authenticate');

  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    await setPolicy(gateway, {
      // Its warnings tell of each send before.
      quarantine: { mode: 'off' },
      limits: [
        { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 5000 },
        { name: 'rate', scope: 'app', window: 'rate', per: 'second', max: 1000, burst: 5000 },
        { name: 'person', scope: 'recipient', window: 'rolling_24h', max: 500 },
      ],
    });
    client = new Client(Number(new URL(gateway.url).port));
    await straight({ body: text(mail('first@one.example')) });
  });
  after(async () => {
    client.close();
    keyChecks.mock.restore();
    await gateway.stop();
  });

  const whole = (sent: Sent): Buffer => wholeOf(gateway.testKey, sent);

  async function straight(sent: Sent): Promise<Answer> {
    client.send(whole(sent));
    return (await client.next())!;
  }

  /** The same request, its body only once it is asked for: so it goes Fastify's way. */
  async function round(sent: Sent): Promise<Answer> {
    client.send(headOf(gateway.testKey, sent, { Expect: '100-continue' }));
    const before = await client.next();
    assert.match(before!.head, /^HTTP\/1\.1 100 Continue/);
    client.send(sent.body as string);
    return (await client.next())!;
  }

  const checks = (): number => keyChecks.mock.callCount();

  const undated = ({ head, body }: Answer): string => head.replace(/^Date: .*\r\n/m, '') + body.toString('latin1');
  /** Without what no two sends share. */
  const alike = (answer: Answer): string =>
    undated(answer)
      .replaceAll(/(msg|rcp|req)_[0-9a-z]{26}/g, '$1')
      .replaceAll(/\d+(\.\d+)?/g, 'N');

  it('is the straight one for a request that came whole and whose key is known', async () => {
    const before = checks();
    const { head } = await straight({ body: text(mail('bob@one.example')) });
    assert.match(head, /^HTTP\/1\.1 202 Accepted\r\n/);
    assert.equal(checks(), before);
    assert.match((await round({ body: text(mail('bob@one.example')) })).head, /^HTTP\/1\.1 202 Accepted\r\n/);
    assert.equal(checks(), before + 1);
  });

  it('give the same answer again, octet for octet', async () => {
    for (const to of ['bob@one.example', ['jürgen@exämple.com', 'eve@one.example'], 'held@one.example']) {
      const sent = { body: text(mail(to)), headers: { 'Idempotency-Key': `same-${to}`.replaceAll(/[^!-~]/g, '-') } };
      const first = await straight(sent);
      const again = await straight(sent);
      const round1 = await round(sent);
      assert.match(first.head, /^HTTP\/1\.1 202 Accepted\r\n/);
      assert.match(again.head, /idempotent-replayed: true\r\n/);
      assert.deepEqual(again.body, first.body);
      const mine = { ...sent, headers: { ...sent.headers, 'X-Request-Id': 'mine' } };
      assert.equal(undated(await straight(mine)), undated(await round(mine)));
      assert.deepEqual(round1.body, first.body);
    }
  });

  const requests: [what: string, sent: () => Sent][] = [
    ['an accepted one', () => ({ body: text(mail('a@two.example')) })],
    ['one with an id of its own', () => ({ body: text(mail('a@two.example')), headers: { 'X-Request-Id': 'mine' } })],
    ['one that leaves later', () => ({ body: text(mail('a@two.example', { send_at: '2099-01-01T00:00:00Z' })) })],
    ['one of many recipients', () => ({ body: text(mail(['a@two.example', 'b@two.example', 'c@three.example'])) })],
    [
      'one that is partly refused',
      () => ({ body: text(mail(['a@two.example', 'blocked+suppressed@simulator.postern.test'])) }),
    ],
    ['one that is refused', () => ({ body: text(mail('blocked+suppressed@simulator.postern.test')) })],
    [
      'one that is refused in German',
      () => ({ body: text(mail('blocked+suppressed@simulator.postern.test')), headers: { 'Accept-Language': 'de' } }),
    ],
    [
      'a simulated refusal of the request',
      () => ({ body: text(mail('blocked+authentication_required@simulator.postern.test')) }),
    ],
    ['one from nobody known', () => ({ body: text(mail('a@two.example', { identity: 'nobody' })) })],
    ['an unknown field', () => ({ body: text({ ...mail('a@two.example'), colour: 1 }) })],
    ['a list', () => ({ body: '[]' })],
    ['no JSON', () => ({ body: '{"to":' })],
    ['a key that stands twice', () => ({ body: '{"to":"a@a.example","to":"b@b.example"}' })],
    ['octets that are no UTF-8', () => ({ body: Buffer.from([0x22, 0xff, 0x22]) })],
    ['a bad idempotency key', () => ({ body: text(mail('a@two.example')), headers: { 'Idempotency-Key': 'a b' } })],
    ['a template that is not there', () => ({ body: text({ to: 'a@two.example', template: { id: 'tpl_none' } }) })],
    ['an unknown conversation', () => ({ body: text(mail('a@two.example', { thread_id: 'thr_none' })) })],
    [
      'an agent named in the header',
      () => ({ body: text(mail('a@two.example')), headers: { 'X-Agent-Id': 'outreach' } }),
    ],
    ['the last one of a connection', () => ({ body: text(mail('a@two.example')), headers: { Connection: 'close' } })],
  ];
  for (const [what, sent] of requests) {
    it(`answer ${what} alike`, async () => {
      const one = await straight(sent());
      if (/connection: close/i.test(one.head)) await reconnect();
      const other = await round(sent());
      if (/connection: close/i.test(other.head)) await reconnect();
      assert.equal(alike(one), alike(other));
    });
  }

  async function reconnect(): Promise<void> {
    assert.equal(await client.next(), null);
    client = new Client(Number(new URL(gateway.url).port));
    await straight({ body: text(mail('again@one.example')) });
  }

  it('refuse the same key for another content alike', async () => {
    const headers = { 'Idempotency-Key': 'reused' };
    await straight({ body: text(mail('a@two.example')), headers });
    const other = { body: text(mail('b@two.example')), headers: { ...headers, 'X-Request-Id': 'mine' } };
    const [one, two] = [await straight(other), await round(other)];
    assert.match(one.head, /^HTTP\/1\.1 (409|422)/);
    assert.equal(alike(one), alike(two));
  });

  it('answer in order what was sent ahead', async () => {
    const before = checks();
    const ids = Array.from({ length: 40 }, (_, i) => `ahead-${i}`);
    const all = ids.map((id) => whole({ body: text(mail('many@two.example')), headers: { 'X-Request-Id': id } }));
    client.send(Buffer.concat(all));
    for (const id of ids) {
      const { head, body } = (await client.next())!;
      assert.match(head, new RegExp(`^x-request-id: ${id}\r$`, 'm'));
      assert.equal(JSON.parse(body.toString()).request_id, id);
    }
    assert.equal(checks(), before);
  });

  it('bear no more requests ahead than elsewhere', async () => {
    client.send(Buffer.concat(Array.from({ length: 1000 }, () => whole({ body: text(mail('many@two.example')) }))));
    let answers = 0;
    while ((await client.next()) !== null) answers += 1;
    assert.ok(answers < 1000, String(answers));
    await reconnect();
  });

  it('are counted alike', async () => {
    const counted = async (): Promise<number> => {
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      const line = /^postern_http_requests_total\{method="POST",route="\/v1\/messages",status="202"\} (\d+)$/m;
      return Number(line.exec(metrics)?.[1]);
    };
    const before = await counted();
    await straight({ body: text(mail('c@two.example')) });
    assert.equal(await counted(), before + 1);
    await round({ body: text(mail('c@two.example')) });
    assert.equal(await counted(), before + 2);
  });

  it('is Fastify’s for accounts that have limits on requests', async () => {
    await setPolicy(gateway, { request_rate: [{ name: 'calls', scope: 'tenant', window: 'rolling_60s', max: 500 }] });
    // A change of policy that comes over HTTP makes it read anew.
    const change = { key: gateway.operatorKey, headers: { 'X-Tenant': gateway.tenantId } };
    await gateway.fetchJson('PUT', '/v1/policy', {}, change);
    await straight({ body: text(mail('d@two.example')) });
    const before = checks();
    const { head } = await straight({ body: text(mail('d@two.example')) });
    assert.equal(checks(), before + 1);
    assert.match(head, /^ratelimit: .*"calls";r=\d+/m);
  });
});

describe('a straight road', () => {
  const caller = { scopes: new Set(['send']), principal: {} } as unknown as Caller;

  /** A server of one route, and what reached the road behind it. */
  async function serve(
    route: Partial<StraightRoute<unknown>>,
    parts: { caller?: Caller | null; hasNone?: boolean } = {},
  ) {
    const handed: (Carried | undefined)[] = [];
    const begun: unknown[] = [];
    const server = createServer((request: IncomingMessage, response: ServerResponse) => {
      handed.push(road.carriedBy(request));
      response.end();
    });
    const road = new StraightRoad({
      authenticator: { remembered: () => (parts.caller === undefined ? caller : parts.caller) },
      rates: { hasNone: () => parts.hasNone ?? true },
      connections: { know: () => undefined, begin: () => true, takes: () => true, isLastAnswer: () => false },
      idOf: () => 'req_1',
      answered: () => undefined,
    });
    road.add('/here', {
      scope: 'send',
      begin: async (_asked, body) => begun.push(body),
      answer: () => ({ status: 200, head: [], text: 'straight', isAscii: true }),
      ...route,
    });
    road.lead(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = new Client((server.address() as AddressInfo).port);
    const ask = async (sent: Sent): Promise<string> => {
      client.send(wholeOf('k', { path: '/here', ...sent }));
      return (await client.next())!.body.toString();
    };
    const close = (): void => {
      client.close();
      server.close();
    };
    return { handed, begun, road, ask, close };
  }

  it('takes what came whole and hands over nothing of it', async (t) => {
    const { handed, begun, ask, close } = await serve({});
    t.after(close);
    assert.equal(await ask({ body: '{"a":1}' }), 'straight');
    assert.deepEqual([handed, begun], [[], [{ a: 1 }]]);
  });

  const others: [what: string, sent: Sent, parts?: Parameters<typeof serve>[1]][] = [
    ['another path', { body: '{}', path: '/there' }],
    ['a path with a query', { body: '{}', path: '/here?a=1' }],
    ['another type', { body: '{}', headers: { 'Content-Type': 'text/plain' } }],
    ['a coded body', { body: '{}', headers: { 'Content-Encoding': 'gzip' } }],
    ['two keys', { body: '{}', headers: { authorization: 'Bearer k' } }],
    ['no body', { body: '' }],
    ['a key that is not known', { body: '{}' }, { caller: null }],
    ['a key for something else', { body: '{}' }, { caller: { ...caller, scopes: new Set(['read']) } }],
    ['an operator’s key', { body: '{}' }, { caller: { ...caller, principal: null } }],
    ['an account with limits on requests', { body: '{}' }, { hasNone: false }],
  ];
  for (const [what, sent, parts] of others) {
    it(`leaves ${what} to the other`, async (t) => {
      const { handed, begun, ask, close } = await serve({}, parts);
      t.after(close);
      assert.equal(await ask(sent), '');
      assert.deepEqual([handed, begun], [[undefined], []]);
    });
  }

  it('leaves everything to the other once it is closed', async (t) => {
    const { handed, road, ask, close } = await serve({});
    t.after(close);
    road.isClosed = true;
    assert.equal(await ask({ body: '{}' }), '');
    assert.deepEqual(handed, [undefined]);
  });

  const fault = new Error('a fault');
  const turned: [
    what: string,
    sent: Sent,
    route: Partial<StraightRoute<unknown>>,
    result: Carried['result'],
    isAsked: boolean,
  ][] = [
    ['what is no JSON', { body: '{' }, {}, null, false],
    ['what cannot be begun', { body: '{}' }, { begin: () => null }, null, true],
    [
      'what has no usual answer',
      { body: '{}' },
      { begin: async () => 7, answer: () => null },
      { ok: true, value: 7 },
      true,
    ],
    [
      'a fault in beginning',
      { body: '{}' },
      {
        begin: () => {
          throw fault;
        },
      },
      { ok: false, fault },
      true,
    ],
    ['a fault in doing', { body: '{}' }, { begin: () => Promise.reject(fault) }, { ok: false, fault }, true],
    [
      'a fault in answering',
      { body: '{}' },
      {
        answer: () => {
          throw fault;
        },
      },
      { ok: false, fault },
      true,
    ],
  ];
  for (const [what, sent, route, result, isAsked] of turned) {
    it(`hands over ${what} with what is known of it`, async (t) => {
      const { handed, ask, close } = await serve(route);
      t.after(close);
      assert.equal(await ask(sent), '');
      const [carried] = handed;
      assert.equal(carried!.bytes.toString(), sent.body);
      assert.equal(carried!.asked?.id, isAsked ? 'req_1' : undefined);
      assert.deepEqual(carried!.result, result);
    });
  }

  it('hands over an answer with a header that cannot be written', async (t) => {
    const bad = { status: 200, head: ['x-bad', 'a\nb'], text: '', isAscii: true };
    const { handed, ask, close } = await serve({ answer: () => bad });
    t.after(close);
    assert.equal(await ask({ body: '{}' }), '');
    assert.equal(handed[0]!.result?.ok, false);
  });
});
