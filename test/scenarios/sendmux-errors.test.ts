/** Each code of Sendmux's error page by its real cause, in its envelope; batches, uploads, and its own limit on requests. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, makeTenant, makeTestKey, type TestTenant } from '../harness/tenants.ts';

const SEND = '/compat/sendmux/api/v1/emails/send';
const BATCH = `${SEND}/batch`;
const FILES = '/compat/sendmux/api/v1/emails/attachments';
const MESSAGE = {
  from: { email: 'al@acme.example', name: 'Al' },
  to: { email: 'bob@example.com' },
  subject: 'Hello',
  html_body: '<p>It works.</p>',
};
const RETRYABLE = new Set([
  'rate_limit_exceeded',
  'daily_limit_exceeded',
  'internal_error',
  'no_active_providers',
  'service_unavailable',
]);

describe('Sendmux’s errors', () => {
  let gateway: TestGateway;
  let operator: Call;
  let tenant: TestTenant;
  let call: Call;

  before(async () => {
    gateway = await startTestGateway();
    operator = asOperator(gateway);
    tenant = await start();
    call = tenant.agent.call;
  });
  after(() => gateway.stop());

  const start = async (body: object = {}, policy: object = {}): Promise<TestTenant> => {
    const made = await makeTenant(gateway, { name: 'acme', ...body });
    const document = { quarantine: { mode: 'off' }, ...policy };
    const set = await operator('PUT', `/v1/tenants/${made.id}/policy`, document, { 'x-mode': 'test' });
    assert.equal(set.status, 200, JSON.stringify(set.body));
    return made;
  };
  const send = (more: object = {}, by: Call = call, headers: Record<string, string> = {}): Promise<Answer> =>
    by('POST', SEND, { ...MESSAGE, ...more }, headers);
  const ok = async (answer: Promise<Answer>): Promise<Answer> => {
    const known = await answer;
    assert.ok(known.status < 300, JSON.stringify(known.body));
    return known;
  };
  /** In the envelope, with the headers of every answer; `param` null: there is none. */
  const refused = async (
    answer: Promise<Answer>,
    status: number,
    code: string,
    param: string | null,
  ): Promise<Answer> => {
    const known = await answer;
    const { ok: isOk, error, meta } = known.body;
    assert.deepEqual([known.status, isOk, error?.code], [status, false, code], JSON.stringify(known.body));
    assert.equal(error.retryable, RETRYABLE.has(code));
    assert.equal(error.param ?? null, param, JSON.stringify(error));
    assert.equal('param' in error, param !== null, 'left out where there is none');
    assert.ok(error.message.length > 20);
    assert.equal(meta.request_id, known.headers.get('x-request-id'));
    assert.equal(known.headers.get('cache-control'), 'no-store');
    for (const name of ['limit', 'remaining', 'reset']) {
      assert.match(known.headers.get(`x-ratelimit-${name}`) ?? '', /^\d+$/, `x-ratelimit-${name}`);
    }
    return known;
  };

  test('a message is queued under an id of its form, which every route knows', async () => {
    const { body } = await ok(
      send({ text_body: 'It works.', custom_headers: { 'X-Job': '42' }, return_path: 'r@acme.example' }),
    );
    assert.equal(body.ok, true);
    assert.match(body.data.message_id, /^eml_[a-z0-9]{24}$/);
    assert.equal(body.data.status, 'queued');
    const looked = await ok(call('GET', `/v1/messages/${body.data.message_id}`));
    assert.equal(looked.body.subject, 'Hello');
  });

  test('invalid_parameter, missing_parameter, validation_error: what is broken, absent, or not as it must be', async () => {
    await refused(call('POST', SEND, '{"from": '), 400, 'invalid_parameter', null);
    await refused(send({}, call, { 'idempotency-key': 'x'.repeat(256) }), 400, 'invalid_parameter', 'Idempotency-Key');
    await refused(send({ subject: undefined }), 400, 'missing_parameter', 'subject');
    await refused(send({ to: {} }), 400, 'missing_parameter', 'to.email');
    const many = await refused(
      send({ to: [{ email: 'a@b.example' }], subject: '', html_body: undefined, idempotency_key: 'no' }),
      422,
      'validation_error',
      'idempotency_key',
    );
    const fields = many.body.error.errors.map(({ field, code }: { field: string; code: string }) => [field, code]);
    assert.deepEqual(fields, [
      ['idempotency_key', 'unrecognized_keys'],
      ['to', 'invalid_type'],
      ['subject', 'too_small'],
      ['html_body', 'missing_parameter'],
    ]);
    await refused(send({ to: { email: 'nobody' } }), 422, 'validation_error', 'to.email');
    await refused(send({ from: { email: 'al@acme.example', name: 'a\r\nb' } }), 422, 'validation_error', 'from.name');
    await refused(send({ return_path: 'nobody' }), 422, 'validation_error', 'return_path');
    await refused(send({ custom_headers: { Bcc: 'x' } }), 422, 'validation_error', 'custom_headers.Bcc');
    const copies = (count: number) => Array.from({ length: count }, (_, i) => ({ email: `c${i}@example.com` }));
    await refused(send({ cc: copies(50) }), 422, 'validation_error', 'cc');
    const whole = await ok(send({ to: { email: 'full@example.com' }, cc: copies(49) }));
    assert.equal(whole.body.data.rejected, undefined);
    const file = { filename: 'a.txt', content: 'aGk=' };
    await refused(send({ attachments: new Array(11).fill(file) }), 422, 'validation_error', 'attachments');
    const program = { filename: 'run.exe', content: 'aGk=' };
    await refused(send({ attachments: [file, program] }), 422, 'validation_error', 'attachments[1]');
  });

  test('authentication_required and insufficient_permissions: the key', async () => {
    const nobody = await refused(
      gateway.fetchJson('POST', SEND, MESSAGE, { key: 'pst_test_no' }),
      401,
      'authentication_required',
      null,
    );
    assert.match(nobody.headers.get('www-authenticate') ?? '', /^Bearer/);
    const reader = await makeTestKey(gateway, tenant.id, { scopes: ['read'] });
    await refused(send({}, reader.call), 403, 'insufficient_permissions', null);
  });

  test('not_found and insufficient_permissions: the domain of the sender', async () => {
    const strict = await start({}, { senders: { require_verified_domain: 'always' } });
    const unknown = await refused(send({}, strict.agent.call), 404, 'not_found', 'from.email');
    assert.equal(unknown.body.error.errors[0].code, 'domain_not_verified');
    await ok(strict.agent.call('POST', '/v1/domains', { domain: 'acme.example' }));
    const known = await refused(send({}, strict.agent.call), 403, 'insufficient_permissions', 'from.email');
    assert.match(known.body.meta.message_id, /^eml_/);
    await ok(call('POST', '/v1/identities', { handle: 'al', from: 'al@acme.example' }));
    await ok(call('POST', '/v1/identities', { handle: 'sales', from: 'sales@acme.example' }));
    const bound = await makeTestKey(gateway, tenant.id, { scopes: ['send'], identities: ['sales'] });
    const other = await refused(send({}, bound.call), 403, 'insufficient_permissions', 'from.email');
    assert.equal(other.body.error.errors[0].code, 'sender_not_authorized');
    await refused(call('GET', `${FILES}/att_none`), 404, 'not_found', null);
  });

  test('insufficient_credits and billing_restricted: the account', async () => {
    const broke = await start({ billing: 'credits', credits: 0 });
    await refused(send({}, broke.agent.call), 402, 'insufficient_credits', null);
    await ok(operator('PATCH', `/v1/tenants/${broke.id}`, { standing: 'subscription_expired' }));
    await refused(send({}, broke.agent.call), 403, 'billing_restricted', null);
  });

  test('insufficient_permissions for a block that it has no word for: the canonical code stands in errors', async () => {
    await ok(call('POST', '/v1/suppressions', { email: 'gone@example.com', reason: 'complaint' }));
    const to = await refused(send({ to: { email: 'gone@example.com' } }), 403, 'insufficient_permissions', 'to.email');
    assert.equal(to.body.error.errors[0].code, 'suppressed');
    assert.equal(to.headers.get('x-postern-reason'), 'suppressed');
    const cc = await ok(send({ to: { email: 'fine@example.com' }, cc: [{ email: 'gone@example.com' }] }));
    assert.deepEqual(
      cc.body.data.rejected.map(({ param, code }: { param: string; code: string }) => [param, code]),
      [['cc[0].email', 'suppressed']],
    );
    const paused = await start();
    await ok(paused.person.call('POST', '/v1/account/pause', { note: 'a while' }));
    const account = await refused(send({}, paused.agent.call), 403, 'insufficient_permissions', null);
    assert.equal(account.body.error.errors[0].code, 'account_paused');
  });

  test('conflict: a contact that somebody else has', async () => {
    await ok(call('POST', '/v1/leases', { contact: 'leased@example.com', agent: 'one', ttl_seconds: 60 }));
    await refused(send({ to: { email: 'leased@example.com' } }), 409, 'conflict', 'to.email');
  });

  test('limit_exceeded: a full store', async () => {
    await ok(operator('PUT', '/v1/plans/small', { storage_bytes: 3000 }));
    const small = await start({ plan: 'small' });
    const html_body = 'A sentence that takes room. '.repeat(80);
    await ok(send({ html_body }, small.agent.call));
    await refused(send({ html_body, to: { email: 'eve@example.com' } }, small.agent.call), 409, 'limit_exceeded', null);
  });

  test('idempotency_conflict: another body; the same one gives the first answer again', async () => {
    const key = { 'idempotency-key': 'once' };
    const first = await ok(send({ to: { email: 'key@example.com' } }, call, key));
    const again = await ok(send({ to: { email: 'key@example.com' } }, call, key));
    assert.equal(again.body.data.message_id, first.body.data.message_id);
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    const other = await refused(send({ subject: 'Other' }, call, key), 409, 'idempotency_conflict', null);
    assert.equal(other.headers.get('x-postern-reason'), 'idempotency_key_reused');
  });

  test('idempotency_conflict: a key in flight is not waited for', async () => {
    const { store } = gateway.gateway;
    const admit = store.admit.bind(store);
    let goOn = (): void => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let reached = (): void => {};
    const isIn = new Promise<void>((resolve) => {
      reached = resolve;
    });
    store.admit = async (request) => {
      reached();
      await held;
      return admit(request);
    };
    const key = { 'idempotency-key': 'in-flight' };
    const first = send({ to: { email: 'flight@example.com' } }, call, key);
    await isIn;
    const second = await refused(
      send({ to: { email: 'flight@example.com' } }, call, key),
      409,
      'idempotency_conflict',
      null,
    );
    assert.equal(second.headers.get('x-postern-reason'), 'idempotency_in_progress');
    store.admit = admit;
    goOn();
    const taken = await ok(first);
    const third = await ok(send({ to: { email: 'flight@example.com' } }, call, key));
    assert.equal(third.body.data.message_id, taken.body.data.message_id);
  });

  test('payload_too_large: over 25 MB', async () => {
    await refused(send({ html_body: 'x'.repeat(27_000_000) }), 413, 'payload_too_large', null);
  });

  test('rate_limit_exceeded and daily_limit_exceeded: limits of the policy, with when to come back', async () => {
    const hour = await start({}, { limits: [{ name: 'hour', scope: 'tenant', window: 'calendar_hour', max: 1 }] });
    await ok(send({}, hour.agent.call));
    const soon = await refused(send({}, hour.agent.call), 429, 'rate_limit_exceeded', null);
    assert.ok(Number(soon.headers.get('retry-after')) > 0);
    const day = await start({}, { limits: [{ name: 'free', scope: 'tenant', window: 'calendar_day', max: 2 }] });
    await ok(day.agent.call('POST', '/v1/test/clock', { now: '2027-03-01T18:00:00Z' }));
    const three = { cc: [{ email: 'c@example.com' }] };
    await ok(send(three, day.agent.call));
    const tomorrow = await refused(send({}, day.agent.call), 429, 'daily_limit_exceeded', null);
    assert.equal(tomorrow.headers.get('retry-after'), String(6 * 3600));
    assert.equal(tomorrow.body.error.retry_at, '2027-03-02T00:00:00.000Z');
    const all = await refused(
      day.agent.call('POST', BATCH, { messages: [MESSAGE, MESSAGE] }),
      429,
      'daily_limit_exceeded',
      'messages[0]',
    );
    assert.deepEqual(all.body.data.summary, { total: 2, queued: 0, failed: 2 });
    assert.equal(all.headers.get('retry-after'), String(6 * 3600));
  });

  test('no_active_providers and service_unavailable: nothing to send through, and a platform that is paused', async () => {
    const without = await start();
    await ok(without.person.call('POST', '/v1/providers/default/deactivate', { note: 'none' }));
    await refused(send({}, without.agent.call), 503, 'no_active_providers', null);
    await refused(
      without.agent.call('POST', BATCH, { messages: [MESSAGE] }),
      503,
      'no_active_providers',
      'messages[0]',
    );
    await ok(operator('POST', '/v1/platform/pause', { note: 'works' }));
    await refused(send(), 503, 'service_unavailable', null);
    await ok(operator('POST', '/v1/platform/resume', { note: 'done' }));
    await ok(send());
  });

  test('internal_error: a fault of ours', async () => {
    const { store } = gateway.gateway;
    const admit = store.admit.bind(store);
    store.admit = () => Promise.reject(new Error('a fault'));
    const answer = await refused(send(), 500, 'internal_error', null);
    store.admit = admit;
    assert.doesNotMatch(JSON.stringify(answer.body), /a fault/);
  });

  test('a batch: each for itself, in order; one that is wrong harms no other', async () => {
    const messages = [
      { ...MESSAGE, to: { email: 'one@example.com' } },
      { ...MESSAGE, to: { email: 'not an address' } },
      { ...MESSAGE, to: { email: 'gone@example.com' } },
      { ...MESSAGE, to: { email: 'two@example.com' }, idempotency_key: 'x' },
      null,
      { ...MESSAGE, to: { email: 'three@example.com' } },
    ];
    const { body, headers } = await ok(call('POST', BATCH, { messages }, { 'idempotency-key': 'batch' }));
    assert.deepEqual(body.data.summary, { total: 6, queued: 2, failed: 4 });
    assert.deepEqual(
      body.data.results.map(({ index, status, error }: { index: number; status: string; error?: { code: string } }) => [
        index,
        status,
        error?.code ?? null,
      ]),
      [
        [0, 'queued', null],
        [1, 'failed', 'validation_error'],
        [2, 'failed', 'insufficient_permissions'],
        [3, 'failed', 'validation_error'],
        [4, 'failed', 'validation_error'],
        [5, 'queued', null],
      ],
    );
    assert.equal(body.data.results[1].message_id, null);
    assert.equal(body.data.results[1].error.param, 'to.email');
    assert.ok(headers.get('x-ratelimit-remaining'));
    const again = await ok(call('POST', BATCH, { messages }, { 'idempotency-key': 'batch' }));
    assert.equal(again.body.data.results[5].message_id, body.data.results[5].message_id);
    const wrong = await refused(
      call('POST', BATCH, { messages: [{}, {}] }),
      422,
      'validation_error',
      'messages[0].from',
    );
    assert.equal(wrong.body.data.results[1].error.code, 'missing_parameter');
    await refused(call('POST', BATCH, { messages: [] }), 422, 'validation_error', 'messages');
    await refused(call('POST', BATCH, {}), 400, 'missing_parameter', 'messages');
    await refused(call('POST', BATCH, { messages: new Array(101).fill(MESSAGE) }), 422, 'validation_error', 'messages');
  });

  test('a file is uploaded, looked at and attached', async () => {
    const upload = async (query: string, bytes: string): Promise<Answer> => {
      const headers = { authorization: `Bearer ${tenant.agent.key}`, 'content-type': 'application/octet-stream' };
      const response = await fetch(`${gateway.url}${FILES}${query}`, {
        method: 'POST',
        headers,
        body: bytes,
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    };
    const { status, headers, body } = await upload('?filename=q.pdf&content_type=application/pdf', '%PDF-1.7');
    assert.equal(status, 201, JSON.stringify(body));
    const { attachment_id: id, ...file } = body.data;
    assert.match(id, /^att_/);
    assert.equal(headers.get('location'), `${FILES}/${id}`);
    const { expires_at: until, ...rest } = file;
    assert.deepEqual(rest, { filename: 'q.pdf', content_type: 'application/pdf', size_bytes: 8 });
    const looked = await ok(call('GET', `${FILES}/${id}`));
    assert.deepEqual(looked.body.data, { attachment_id: id, ...rest, expires_at: until });
    await ok(send({ to: { email: 'file@example.com' }, attachments: [{ attachment_id: id }] }));
    const inline = { filename: 'a.txt', content: 'aGk=', type: 'text/plain', encoding: 'base64' };
    await ok(send({ to: { email: 'file2@example.com' }, attachments: [inline] }));
    const gone = send({ attachments: [{ attachment_id: 'att_none' }] });
    await refused(gone, 422, 'validation_error', 'attachments[0].attachment_id');
    await refused(upload('', 'x'), 400, 'missing_parameter', 'filename');
    await refused(upload('?filename=run.exe', 'x'), 422, 'validation_error', 'filename');
  });

  test('a file is announced, and its bytes are put with a token in place of a key', async () => {
    const UPLOADS = FILES.replace('attachments', 'attachment-uploads');
    const announce = (more: Record<string, unknown> = {}): Promise<Answer> =>
      call('POST', UPLOADS, { filename: 'q.txt', content_type: 'text/plain', size_bytes: 5, ...more });
    const put = async (
      { upload_url: url, headers }: { upload_url: string; headers: Record<string, string> },
      bytes: string,
    ): Promise<Answer> => {
      const response = await fetch(url, { method: 'PUT', headers, body: bytes });
      return { status: response.status, headers: response.headers, body: await response.json() };
    };
    const sha256 = createHash('sha256').update('hello').digest('hex');
    const { data } = (await ok(announce({ sha256 }))).body;
    assert.match(data.upload_id, /^upl_/);
    assert.equal(data.upload_url, `${gateway.url}${UPLOADS}/${data.upload_id}`);
    assert.deepEqual([data.method, data.max_size_bytes], ['PUT', 5]);
    assert.ok(Date.parse(data.expires_at) > Date.now());
    const done = await put(data, 'hello');
    assert.equal(done.status, 201, JSON.stringify(done.body));
    const { attachment_id: id } = done.body.data;
    assert.equal((await put(data, 'hello')).body.data.attachment_id, id, 'the same bytes again change nothing');
    await refused(put(data, 'other'), 422, 'validation_error', 'sha256');
    await refused(put(data, 'hello you'), 422, 'validation_error', 'size_bytes');
    assert.equal((await ok(call('GET', `${FILES}/${id}`))).body.data.filename, 'q.txt');
    await ok(send({ to: { email: 'put@example.com' }, attachments: [{ attachment_id: id }] }));

    const open = (await ok(announce())).body.data;
    await ok(put(open, 'hello'));
    await refused(put(open, 'other'), 409, 'conflict', null);
    const token = { ...open.headers, 'X-Sendmux-Upload-Token': data.headers['X-Sendmux-Upload-Token'] };
    const foreign = put({ ...open, headers: token }, 'hello');
    await refused(foreign, 403, 'insufficient_permissions', 'X-Sendmux-Upload-Token');
    const none = put({ ...open, headers: {} }, 'hello');
    await refused(none, 403, 'insufficient_permissions', 'X-Sendmux-Upload-Token');
    await refused(announce({ filename: undefined }), 400, 'missing_parameter', 'filename');
    await refused(announce({ filename: 7 }), 422, 'validation_error', 'filename');
    await refused(announce({ size_bytes: 27_000_000 }), 422, 'validation_error', 'size_bytes');
    await refused(announce({ color: 'red' }), 422, 'validation_error', 'color');
  });

  test('its description needs no key, and names every code and no path that there is not', async () => {
    const url = `${gateway.url}/compat/sendmux/api/v1/openapi.json`;
    const response = await fetch(url);
    assert.equal(response.status, 200);
    const etag = response.headers.get('etag') ?? '';
    assert.match(etag, /^W\/"/);
    assert.equal((await fetch(url, { headers: { 'if-none-match': etag } })).status, 304);
    const { paths, components } = (await response.json()) as {
      paths: Record<string, Record<string, object>>;
      components: { schemas: { Refusal: { properties: { error: { properties: { code: { enum: string[] } } } } } } };
    };
    const { enum: codes } = components.schemas.Refusal.properties.error.properties.code;
    for (const code of [...RETRYABLE, 'missing_parameter', 'idempotency_conflict'])
      assert.ok(codes.includes(code), code);
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        const asked = `/compat/sendmux/api/v1${path.replace('{id}', 'x')}`;
        const { body } = await call(method.toUpperCase(), asked);
        assert.notEqual(body.error.doc_url.split('/').at(-1), 'method_not_allowed', path);
      }
    }
  });

  test('1,800 requests a minute and key, told on every answer', async () => {
    const busy = await makeTestKey(gateway, tenant.id, { scopes: ['send'] });
    const ask = (): Promise<Answer> => busy.call('GET', `${FILES}/att_none`);
    // A minute of the clock may end meanwhile: then the count begins anew.
    for (let asked = 0, limited: Answer | null = null; limited === null; asked += 20) {
      assert.ok(asked < 6000, 'never limited');
      const answers = await Promise.all(Array.from({ length: 20 }, ask));
      limited = answers.find(({ status }) => status === 429) ?? null;
      if (limited === null) continue;
      await refused(Promise.resolve(limited), 429, 'rate_limit_exceeded', null);
      assert.equal(limited.headers.get('x-ratelimit-limit'), '1800');
      assert.equal(limited.headers.get('x-ratelimit-remaining'), '0');
      assert.ok(asked >= 1780);
      const wait = Number(limited.headers.get('retry-after'));
      assert.ok(wait >= 1 && wait <= 60, String(wait));
    }
    assert.ok((await send({}, call)).status < 300, 'another key has its own');
  });
});
