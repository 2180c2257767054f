import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const post = (body: string, headers: Record<string, string> = {}) =>
  gateway.fetchJson('POST', '/v1/messages', body, { headers });

/** Sends bytes as they are and gives back everything that came until the connection closed. */
function raw(bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}

const head = (lines: string[]): string =>
  [
    'POST /v1/messages HTTP/1.1',
    'Host: x',
    `Authorization: Bearer ${gateway.testKey}`,
    ...lines,
    'Connection: close',
    '',
    '',
  ].join('\r\n');

const BODIES: [name: string, body: string, status: number, code: string, param?: string][] = [
  ['a key given twice', '{"to":"a@a.example","to":"b@b.example"}', 400, 'malformed_request'],
  ['a key given twice through an escape', '{"to":"a@a.example","t\\u006f":"b@b.example"}', 400, 'malformed_request'],
  [
    'a key in other case',
    '{"To":"a@a.example","to":"a@a.example","subject":"s","text":"t"}',
    422,
    'validation_failed',
    'To',
  ],
  [
    '__proto__ as a field',
    '{"__proto__":{"isAdmin":true},"to":"a@a.example","subject":"s","text":"t"}',
    422,
    'validation_failed',
    '__proto__',
  ],
  [
    'a number beyond doubles',
    '{"to":"a@a.example","subject":"s","text":"t","send_at":1e400}',
    422,
    'validation_failed',
    'send_at',
  ],
  [
    'an integer beyond 2^53',
    '{"to":"a@a.example","subject":"s","text":"t","send_at":9007199254740993}',
    422,
    'validation_failed',
    'send_at',
  ],
  ['a lone surrogate', '{"to":"a@a.example","subject":"\\ud800","text":"t"}', 422, 'validation_failed', 'subject'],
  ['an escaped NUL', '{"to":"a@a.example","subject":"a\\u0000b","text":"t"}', 422, 'validation_failed', 'subject'],
  ['nesting beyond the cap', `{"metadata":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`, 400, 'malformed_request'],
  [
    'a million recipients',
    `{"to":[${'"a@a.example",'.repeat(999_999)}"a@a.example"],"subject":"s","text":"t"}`,
    422,
    'validation_failed',
  ],
  ['a list for a body', '[]', 422, 'validation_failed'],
  ['a bare string', '"x"', 422, 'validation_failed'],
  ['half a document', '{"to":', 400, 'malformed_request'],
];

for (const [name, body, status, code, param] of BODIES) {
  test(`${name} is answered ${status} ${code}`, async () => {
    const answer = await post(body);
    assert.equal(answer.status, status, JSON.stringify(answer.body).slice(0, 300));
    assert.equal(answer.body.code, code);
    if (param !== undefined) {
      assert.ok(
        answer.body.errors.some((error: { param: string }) => error.param === param),
        JSON.stringify(answer.body.errors),
      );
    }
    assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
  });
}

test('__proto__ as a metadata key is data', async () => {
  const answer = await post(
    '{"to":"a@a.example","subject":"s","text":"t","metadata":{"__proto__":"x","constructor":"y"}}',
  );
  assert.equal(answer.status, 202);
  const stored = await gateway.fetchJson('GET', `/v1/messages/${answer.body.id}`);
  assert.deepEqual(Object.entries(stored.body.metadata), [
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
});

test('bytes that are no UTF-8 are malformed', async () => {
  const body = Buffer.concat([Buffer.from('{"subject":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]);
  const request = head(['Content-Type: application/json', `Content-Length: ${body.length}`]);
  assert.match(await raw(Buffer.concat([Buffer.from(request), body])), /^HTTP\/1\.1 400 .*"malformed_request"/s);
});

test('a content encoding is refused before the body is read', async () => {
  const answer = await post('{}', { 'content-encoding': 'gzip' });
  assert.equal(answer.status, 415);
  assert.equal(answer.body.code, 'unsupported_media_type');
});

test('a body that is no JSON by its type is refused', async () => {
  const answer = await post('to=a', { 'content-type': 'application/x-www-form-urlencoded' });
  assert.deepEqual([answer.status, answer.body.code], [415, 'unsupported_media_type']);
});

test('a body announced as too large is refused before it is sent', async () => {
  const answer = await raw(head(['Content-Type: application/json', 'Content-Length: 50000000']));
  assert.match(answer, /^HTTP\/1\.1 413 .*"payload_too_large"/s);
});

test('Content-Length beside Transfer-Encoding is a bad request', async () => {
  const answer = await raw(
    `${head(['Content-Type: application/json', 'Content-Length: 2', 'Transfer-Encoding: chunked'])}2\r\n{}\r\n0\r\n\r\n`,
  );
  assert.match(answer, /^HTTP\/1\.1 400 /);
});

test('a request line that is none is a problem too', async () => {
  assert.match(await raw('NONSENSE\r\n\r\n'), /^HTTP\/1\.1 400 .*"malformed_request"/s);
});

test('a path that cannot be decoded is a problem like any other', async () => {
  for (const path of ['/v1/messages/%ff', '/v1/messages/%', '/%E0%A4%A']) {
    const answer = await gateway.fetchJson('GET', path);
    assert.deepEqual([answer.status, answer.body?.code, answer.body?.status], [400, 'malformed_request', 400], path);
    assert.equal(answer.headers.get('x-request-id'), answer.body.request_id);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
  }
});

test('a request id is kept when it is plain and replaced when it is not', async () => {
  const kept = await gateway.fetchJson('GET', '/v1/nowhere', undefined, { headers: { 'x-request-id': 'abc-1.2_3' } });
  assert.equal(kept.headers.get('x-request-id'), 'abc-1.2_3');
  const replaced = await gateway.fetchJson('GET', '/v1/nowhere', undefined, { headers: { 'x-request-id': 'a b' } });
  assert.match(replaced.headers.get('x-request-id') ?? '', /^req_/);
});

test('every way of not having a key gives the same answer', async () => {
  const bodies = new Set<string>();
  for (const authorization of [
    '',
    'Basic abc',
    'Bearer x',
    `Bearer pst_live_${'a'.repeat(55)}`,
    `Bearer ${gateway.testKey}x`,
  ]) {
    const response = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: {
        ...(authorization === '' ? {} : { authorization }),
        'x-request-id': 'same',
        'content-type': 'application/json',
      },
      body: '{}',
    });
    assert.equal(response.status, 401);
    assert.equal(response.headers.get('www-authenticate'), 'Bearer');
    assert.equal(response.headers.get('x-risk-level'), null);
    bodies.add(await response.text());
  }
  assert.equal(bodies.size, 1);
});

/** Requests that two servers in a row could read as two different ones, or that Node would answer in words of its own. */
const ODD: [name: string, lines: string, status: number, code: string][] = [
  ['without a Host', 'GET /v1/me HTTP/1.1\r\n', 400, 'malformed_request'],
  ['with two Hosts', 'GET /v1/me HTTP/1.1\r\nHost: a\r\nhost: b\r\n', 400, 'malformed_request'],
  [
    'with two keys',
    'GET /v1/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n',
    400,
    'malformed_request',
  ],
  [
    'with a body packed for its way',
    'POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n',
    400,
    'malformed_request',
  ],
  [
    'with a coding that ends nowhere',
    'POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n',
    400,
    'malformed_request',
  ],
  ['of a method that bodies go with', 'QUERY /v1/me HTTP/1.1\r\nHost: a\r\n', 405, 'method_not_allowed'],
  ['to another server', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n', 405, 'method_not_allowed'],
  ['that expects more than 100', 'GET /v1/me HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n', 401, 'authentication_required'],
  ['with headers of 20 kB', `GET /v1/me HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(20_000)}\r\n`, 431, 'malformed_request'],
  [
    'without a key, whose body is broken',
    'POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n-1\r\nX: y\r\n',
    401,
    'authentication_required',
  ],
  [
    'for a path that is nowhere, with a body',
    'POST /v9 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n',
    404,
    'not_found',
  ],
];

for (const [name, lines, status, code] of ODD) {
  test(`a request ${name} is one problem of ${status} ${code}`, async () => {
    const answer = await raw(`${lines}Connection: close\r\n\r\n`);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), answer.slice(0, 200));
    assert.equal(answer.match(/^HTTP\/1\.1 /gm)?.length, 1, 'one answer and no second');
    assert.match(answer, /\r\nx-request-id: req_/i);
    const problem = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
    assert.deepEqual([problem.status, problem.code], [status, code]);
  });
}

test('a request that names the whole URL is answered like its path, in the words that belong there', async () => {
  const answer = await raw(
    'POST http://other.example/compat/resend/emails HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1\.1 401 /);
  assert.match(answer, /"name":"missing_api_key"/);
});

test('a look at whether it lives may do without the answer', async () => {
  const answer = await raw('HEAD /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.equal(answer.slice(answer.indexOf('\r\n\r\n') + 4), '');
});
