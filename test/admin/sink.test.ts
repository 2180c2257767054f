import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { captured } from '../harness/sink.ts';
import { send } from '../harness/test-mode.ts';

let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const get = (path: string, key?: string) => gateway.fetchJson('GET', path, undefined, { key });

test('captured mail shows envelope, bodies, headers and attachments as they were sent', async () => {
  const sent = await send(gateway, {
    from: 'Alice Ärger <alice@acme.example>',
    to: 'Bob@Example.com',
    subject: 'Grüße ✓',
    text: 'Hello Bob,\n\nit works.',
    html: '<p>Hello <b>Bob</b></p>',
    headers: { 'X-Order': '42' },
    attachments: [{ filename: 'angebot-ä.txt', content: 'aGVsbG8=', content_type: 'text/plain' }],
  });
  const [mail] = await captured(gateway, 1, { recipient: 'bob@example.com' });
  assert.match(mail.id, /^cap_/);
  assert.equal(mail.message_id, sent.body.id);
  assert.equal(mail.recipient_id, sent.body.recipients[0].id);
  assert.deepEqual(mail.envelope.to, ['Bob@Example.com']);
  assert.match(mail.envelope.from, /^b\+.+@bounces\.postern\.localhost$/);
  assert.equal(mail.subject, 'Grüße ✓');
  assert.equal(mail.text, 'Hello Bob,\n\nit works.');
  assert.equal(mail.html, '<p>Hello <b>Bob</b></p>');
  assert.equal(mail.headers['X-Order'], '42');
  assert.deepEqual(mail.attachments, [
    { filename: 'angebot-ä.txt', content_type: 'text/plain', size: 5, content_id: null },
  ]);
  assert.equal(mail.incomplete, null);
  assert.deepEqual((await get(`/v1/sink/${mail.id}`)).body, mail);
});

test('the raw message is a download that no browser takes for a page', async () => {
  const [mail] = await captured(gateway, 1, { recipient: 'bob@example.com' });
  const response = await fetch(`${gateway.url}/v1/sink/${mail.id}/raw`, {
    headers: { authorization: `Bearer ${gateway.testKey}` },
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'message/rfc822');
  assert.equal(response.headers.get('content-disposition'), `attachment; filename="${mail.id}.eml"`);
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
  assert.match(response.headers.get('content-security-policy') ?? '', /sandbox/);
  const raw = Buffer.from(await response.arrayBuffer());
  assert.equal(raw.length, mail.size);
  assert.match(raw.toString(), /^X-Order: 42\r$/m);
});

test('a list is newest first, in pages, and narrowed to one recipient in any form of the address', async () => {
  for (let n = 0; n < 5; n += 1) await send(gateway, { to: `page${n}@bücher.example` });
  await captured(gateway, 6);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const path: string = `/v1/sink?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`;
    const { body } = await get(path);
    assert.ok(body.data.length <= 2);
    for (const { id } of body.data) seen.push(id);
    cursor = body.next_cursor;
  } while (cursor !== null);
  assert.equal(new Set(seen).size, 6);
  assert.deepEqual(
    seen,
    (await get('/v1/sink')).body.data.map(({ id }: { id: string }) => id),
  );
  const narrowed = await get(`/v1/sink?recipient=${encodeURIComponent('PAGE3@xn--bcher-kva.example')}`);
  assert.equal(narrowed.body.data.length, 1);
  assert.deepEqual(narrowed.body.data[0].envelope.to, ['page3@bücher.example']);
});

test('a wrong address, limit, cursor or field is refused with its name', async () => {
  for (const [query, param] of [
    ['recipient=nobody', 'recipient'],
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['cursor=-1', 'cursor'],
    ['recipent=a@b.example', 'recipent'],
  ] as const) {
    const { status, body } = await get(`/v1/sink?${query}`);
    assert.equal(status, 422, query);
    assert.equal(body.errors[0].param, param);
  }
});

test('what another mode captured, and what never was, is not found alike', async () => {
  const [mail] = await captured(gateway, 1);
  for (const path of ['', '/raw']) {
    const foreign = await get(`/v1/sink/${mail.id}${path}`, gateway.liveKey);
    const never = await get(`/v1/sink/cap_01jb2m3n4p5q6r7s8t9v0w1x2y${path}`, gateway.liveKey);
    assert.equal(foreign.status, 404);
    assert.equal(foreign.body.code, 'not_found');
    const { request_id: _, ...one } = foreign.body;
    const { request_id: __, ...other } = never.body;
    assert.deepEqual(one, other);
  }
  assert.deepEqual((await get('/v1/sink', gateway.liveKey)).body.data, []);
});

test('live mail is captured too where the provider is the sink, apart from that of test mode', async () => {
  const sent = await send(gateway, { to: 'live@example.com' }, { key: gateway.liveKey });
  const [mail] = await captured(gateway, 1, { key: gateway.liveKey });
  assert.equal(mail.message_id, sent.body.id);
  assert.equal((await get('/v1/sink?recipient=live@example.com')).body.data.length, 0);
});

test('a header named like a property of every object is a header like any other', async () => {
  await send(gateway, { to: 'proto@example.com', headers: { 'X-A': '1', Constructor: '2' } });
  const [mail] = await captured(gateway, 1, { recipient: 'proto@example.com' });
  assert.equal(mail.headers.Constructor, '2');
});
