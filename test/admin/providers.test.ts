import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { startTestDns } from '../harness/dns.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, eventsOf, hello, makeTenant, type TestTenant } from '../harness/tenants.ts';

const TLS = new URL('../fixtures/tls/', import.meta.url);

let gateway: TestGateway;
let operator: Call;
const servers: { close: () => unknown }[] = [];

before(async () => {
  gateway = await startTestGateway({ POSTERN_PROVIDER_ALLOW: '127.0.0.0/8' });
  operator = asOperator(gateway);
});
after(async () => {
  for (const server of servers) server.close();
  await gateway.stop();
});

/** A real SMTP server; answers with its port and what it was told. */
async function smtpServer(options: SMTPServerOptions = {}): Promise<{ port: number; heard: string[] }> {
  const heard: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) => {
      heard.push(`auth ${username}`);
      if (password === 'correct horse') done(null, { user: username });
      else done(new Error('Username and Password not accepted'));
    },
    onMailFrom: (_from, _session, done) => {
      heard.push('mail');
      done();
    },
    ...options,
  });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  servers.push(server);
  return { port: (server.server.address() as AddressInfo).port, heard };
}

const params = (answer: { body: { errors: { param: string }[] } }) => answer.body.errors.map(({ param }) => param);
const forTenant = ({ id }: TestTenant) => ({ 'X-Tenant': id, 'X-Mode': 'test' });

async function tested(call: Call, id: string): Promise<{ ok: boolean; detail: string; state: string }> {
  const answer = await call('POST', `/v1/providers/${id}/test`);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

test('a provider is added, shown by id and name, changed, listed behind the default one, and removed', async () => {
  const { agent, no } = await makeTenant(gateway);
  const made = await agent.call('POST', '/v1/providers', {
    name: 'first',
    url: 'smtp://relay.example.com:587',
    weight: 3,
    priority: 2,
    caps: { day: 500, second: null },
    ehlo_name: 'mail.acme.example',
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.match(made.body.id, /^prv_/);
  const { kind, state, weight, priority, caps, ehlo_name, has_credentials } = made.body;
  assert.deepEqual(
    { kind, state, weight, priority, caps, ehlo_name, has_credentials },
    {
      ...{ kind: 'smtp', state: 'active', weight: 3, priority: 2, caps: { day: 500 } },
      ...{ ehlo_name: 'mail.acme.example', has_credentials: false },
    },
  );
  for (const name of [made.body.id, 'first']) {
    assert.deepEqual((await agent.call('GET', `/v1/providers/${name}`)).body, made.body);
  }
  const changed = await agent.call('PATCH', '/v1/providers/first', { name: 'main', weight: 5, caps: { day: 400 } });
  assert.deepEqual(
    [changed.status, changed.body.name, changed.body.weight, changed.body.caps],
    [200, 'main', 5, { day: 400 }],
  );
  const listed = await agent.call('GET', '/v1/providers');
  assert.deepEqual(
    listed.body.data.map(({ id, name }: { id: string; name: string }) => [id, name]),
    [
      ['default', 'default'],
      [made.body.id, 'main'],
    ],
  );
  assert.equal((await agent.call('DELETE', '/v1/providers/main')).status, 200);
  assert.equal((await agent.call('GET', `/v1/providers/${made.body.id}`)).status, 404);
  const types = (await eventsOf(gateway, no)).map(({ type }) => type).filter((type) => type.startsWith('provider.'));
  assert.deepEqual(types, ['provider.created', 'provider.updated', 'provider.deleted']);
});

test('a list of providers is paged, the default one among them', async () => {
  const { agent } = await makeTenant(gateway);
  for (const name of ['a', 'b', 'c']) await agent.call('POST', '/v1/providers', { name, url: 'sink:' });
  const names: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await agent.call('GET', `/v1/providers?limit=1${cursor === null ? '' : `&cursor=${cursor}`}`);
    assert.equal(page.body.data.length, 1);
    names.push(page.body.data[0].name);
    cursor = page.body.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(names, ['default', 'c', 'b', 'a']);
});

test('what is wrong with a provider is told by field, with a remedy', async () => {
  const { agent } = await makeTenant(gateway);
  const refused: [Record<string, unknown>, string, RegExp][] = [
    [{ url: 'ftp://host' }, 'url', /smtp:\/\/user:pass@host:port/],
    [{ url: 'smtp://a:b@' }, 'url', /./],
    [{ url: 'smtp://host?tls=maybe' }, 'url', /tls must be/],
    [{ url: 'smtp://host', ehlo_name: 'a b' }, 'ehlo_name', /./],
    [{ url: 'smtp://10.1.2.3' }, 'url', /private network.*POSTERN_PROVIDER_ALLOW/],
    [{ url: 'smtp://[::ffff:192.168.0.1]:25' }, 'url', /POSTERN_PROVIDER_ALLOW/],
    [{ url: 'smtp://169.254.169.254' }, 'url', /link-local/],
    [{ url: 'ses://eu-west-1' }, 'url', /key/],
    [{ url: 'ses://k:s@Europe' }, 'url', /region/],
    [{ url: 'ses://k:s@eu-west-1?endpoint=http://10.0.0.1' }, 'url', /private network/],
    [{ url: 'smtp://u:p@host', credentials: { user: 'u', pass: 'p' } }, 'url', /once/],
    [{ url: 'sink:', caps: { day: 0 } }, 'caps.day', /./],
    [{ url: 'sink:', weight: 0 }, 'weight', /./],
  ];
  for (const [body, param, words] of refused) {
    const answer = await agent.call('POST', '/v1/providers', { name: 'x', ...body });
    assert.equal(answer.status, 422, JSON.stringify([body, answer.body]));
    assert.deepEqual(params(answer), [param], JSON.stringify(body));
    assert.match(answer.body.errors[0].message, words);
  }
  for (const name of ['default', 'prv_1', '']) {
    assert.deepEqual(params(await agent.call('POST', '/v1/providers', { name, url: 'sink:' })), ['name']);
  }
  await agent.call('POST', '/v1/providers', { name: 'x', url: 'sink:' });
  const taken = await agent.call('POST', '/v1/providers', { name: 'x', url: 'sink:' });
  assert.deepEqual([taken.status, taken.body.code], [409, 'state_conflict']);
});

test('credentials are never shown again, nor is there a trace of them in the data folder or in the audit log', async () => {
  const { agent } = await makeTenant(gateway);
  const secrets = ['hunter2secret', 'tr0ub4dor', 'imapSecret99', 'mailboxSecret77', 'AKIAVERYSECRET'];
  const answers = [
    await agent.call('POST', '/v1/providers', { name: 'a', url: 'smtp://u:hunter2secret@relay.example.com' }),
    await agent.call('PATCH', '/v1/providers/a', { credentials: { user: 'u', pass: 'tr0ub4dor' } }),
    await agent.call('POST', '/v1/providers', { name: 'b', url: 'ses://AKIAVERYSECRET:tr0ub4dor@eu-west-1' }),
    await agent.call('POST', '/v1/mailboxes', {
      address: 'alice@acme.example',
      provider: 'a',
      credentials: { user: 'alice', pass: 'mailboxSecret77' },
      imap: { url: 'imaps://alice:imapSecret99@imap.example.com' },
    }),
    await agent.call('PATCH', '/v1/providers/a', { url: 'smtp://u:hunter2secret@relay.example.com:0x' }),
    await agent.call('GET', '/v1/providers'),
    await agent.call('GET', '/v1/mailboxes'),
    await agent.call('GET', '/v1/events'),
    await agent.call('GET', '/v1/audit'),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [201, 200, 201, 201, 422, 200, 200, 200, 200],
  );
  assert.deepEqual([answers[0]!.body.has_credentials, answers[0]!.body.url], [true, 'smtp://relay.example.com:587']);
  const { url, has_credentials } = answers[3]!.body.imap;
  assert.deepEqual([url, has_credentials], ['imaps://imap.example.com', true]);
  const said = JSON.stringify(answers.map(({ body }) => body));
  for (const secret of secrets) assert.ok(!said.includes(secret), secret);
  const files = readdirSync(gateway.directory, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  assert.ok(files.some(({ name }) => name.endsWith('.db') || name.endsWith('.sqlite')));
  for (const { parentPath, name } of files) {
    const bytes = readFileSync(join(parentPath, name));
    for (const secret of secrets) assert.equal(bytes.indexOf(secret), -1, `${secret} stands in ${name}`);
  }
});

test('credentials do not follow a provider to another host', async () => {
  const { agent, no } = await makeTenant(gateway);
  const { store } = gateway.gateway;
  await agent.call('POST', '/v1/providers', { name: 'a', url: 'smtp://u:p@relay.example.com:587' });
  await agent.call('POST', '/v1/mailboxes', {
    ...{ address: 'alice@acme.example', provider: 'a', credentials: { user: 'alice', pass: 'own' } },
  });
  const has = async () => {
    const [provider, mailbox] = await Promise.all([
      store.provider({ tenantNo: no, mode: 'test', id: 'a' }),
      store.mailbox({ tenantNo: no, mode: 'test', id: 'alice@acme.example' }),
    ]);
    return [provider?.hasCredentials, mailbox?.hasCredentials];
  };
  await agent.call('PATCH', '/v1/providers/a', { url: 'smtp://relay.example.com:587?connections=4' });
  assert.deepEqual(await has(), [true, true], 'the same host keeps them');
  await agent.call('PATCH', '/v1/providers/a', { url: 'smtp://relay.example.com:587?tls=never' });
  assert.deepEqual(await has(), [false, false], 'without TLS they would be seen');
  await agent.call('PATCH', '/v1/providers/a', { url: 'smtp://u:p@relay.example.com:587' });
  await agent.call('PATCH', '/v1/mailboxes/alice@acme.example', { credentials: { user: 'alice', pass: 'own' } });
  assert.deepEqual(await has(), [true, true]);
  await agent.call('PATCH', '/v1/providers/a', { url: 'smtp://elsewhere.example.net' });
  assert.deepEqual(await has(), [false, false], 'another host gets none');
});

test('a test connects, signs in and sends nothing, and says in words what is wrong', async () => {
  const { agent, no } = await makeTenant(gateway);
  const good = await smtpServer();
  await agent.call('POST', '/v1/providers', { name: 'a', url: `smtp://u:correct%20horse@127.0.0.1:${good.port}` });
  const passed = await tested(agent.call, 'a');
  assert.deepEqual([passed.ok, passed.state], [true, 'active'], passed.detail);
  assert.deepEqual(good.heard, ['auth u']);
  await agent.call('PATCH', '/v1/providers/a', { credentials: { user: 'u', pass: 'wrong' } });
  const refused = await tested(agent.call, 'a');
  assert.deepEqual([refused.ok, refused.state], [false, 'error']);
  assert.match(refused.detail, /Username and Password not accepted/);
  const shown = await agent.call('GET', '/v1/providers/a');
  assert.deepEqual([shown.body.state, shown.body.state_note], ['error', refused.detail]);
  assert.notEqual(shown.body.tested_at, null);
  await agent.call('PATCH', '/v1/providers/a', { credentials: { user: 'u', pass: 'correct horse' } });
  assert.deepEqual((await tested(agent.call, 'a')).state, 'active');
  assert.equal((await agent.call('GET', '/v1/providers/a')).body.state_note, null);
  const types = (await eventsOf(gateway, no)).map(({ type }) => type).filter((type) => /failing|recovered/.test(type));
  assert.deepEqual(types, ['provider.failing', 'provider.recovered']);
});

test('each way in which a connection can fail is told apart', async () => {
  const { agent } = await makeTenant(gateway);
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port: nobody } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, 'close');
  const selfSigned = await smtpServer({
    disabledCommands: [],
    cert: readFileSync(new URL('localhost-cert.pem', TLS)),
    key: readFileSync(new URL('localhost-key.pem', TLS)),
  });
  const plain = await smtpServer();
  const cases: [string, RegExp][] = [
    [`smtp://127.0.0.1:${nobody}`, /ECONNREFUSED|refused/],
    ['smtp://nowhere.invalid', /no host|no address|resolve/i],
    [`smtp://localhost:${selfSigned.port}?tls=required`, /certificate/],
    [`smtp://localhost:${plain.port}?tls=required`, /STARTTLS/],
  ];
  for (const [i, [url, words]] of cases.entries()) {
    const name = `p${i}`;
    assert.equal((await agent.call('POST', '/v1/providers', { name, url })).status, 201);
    const { ok, detail, state } = await tested(agent.call, name);
    assert.deepEqual([ok, state], [false, 'error'], url);
    assert.match(detail, words, url);
  }
});

test('an address that is not allowed is refused when it is named, and when a name leads to it', async () => {
  const dns = await startTestDns();
  const { port, heard } = await smtpServer();
  const strict = await startTestGateway({ POSTERN_DNS_SERVERS: dns.address });
  try {
    const call: Call = (method, path, body) => strict.fetchJson(method, path, body);
    const local = await call('POST', '/v1/providers', { name: 'l', url: `smtp://localhost:${port}` });
    assert.deepEqual([local.status, params(local)], [422, ['url']]);
    dns.set('relay.example.com', { A: ['127.0.0.1'] });
    await call('POST', '/v1/providers', { name: 'n', url: `smtp://u:p@relay.example.com:${port}` });
    const { ok, detail, state } = await tested(call, 'n');
    assert.deepEqual([ok, state], [false, 'error']);
    assert.match(detail, /127\.0\.0\.1 is this machine itself/);
    dns.fail('relay.example.com', 'servfail');
    assert.match((await tested(call, 'n')).detail, /relay\.example\.com/);
    assert.deepEqual(heard, [], 'nobody was connected to');
  } finally {
    await strict.stop();
    await dns.close();
  }
});

test('a provider is turned off and on; one that is off stays off whatever a test says', async () => {
  const { agent, person } = await makeTenant(gateway);
  await agent.call('POST', '/v1/providers', { name: 'a', url: 'sink:' });
  const off = await agent.call('POST', '/v1/providers/a/deactivate', { note: 'maintenance' });
  assert.deepEqual([off.status, off.body.state, off.body.state_note], [200, 'inactive', 'maintenance']);
  assert.equal((await agent.call('POST', '/v1/providers/a/deactivate')).status, 409);
  assert.deepEqual(await tested(agent.call, 'a').then(({ ok, state }) => [ok, state]), [true, 'inactive']);
  assert.equal((await agent.call('POST', '/v1/providers/a/activate')).body.state, 'active');
  await person.call('POST', '/v1/providers/a/deactivate');
  const refused = await agent.call('POST', '/v1/providers/a/activate');
  assert.deepEqual([refused.status, refused.body.code], [403, 'human_decision_required']);
  assert.equal((await person.call('POST', '/v1/providers/a/activate')).body.param, 'note');
  const on = await person.call('POST', '/v1/providers/a/activate', { note: 'repaired' });
  assert.deepEqual([on.status, on.body.state], [200, 'active']);
});

test("the gateway's own provider is turned off for one tenant and mode alone, and its settings are nobody's else", async () => {
  const one = await makeTenant(gateway);
  const other = await makeTenant(gateway);
  const shown = await one.agent.call('GET', '/v1/providers/default');
  assert.deepEqual([shown.body.state, shown.body.kind, shown.body.url], ['active', 'sink', null]);
  assert.equal((await one.agent.call('POST', '/v1/providers/default/deactivate')).body.state, 'inactive');
  assert.equal((await other.agent.call('GET', '/v1/providers/default')).body.state, 'active');
  const { store } = gateway.gateway;
  assert.equal((await store.provider({ tenantNo: one.no, mode: 'live', id: 'default' }))?.state, 'active');
  for (const [method, body] of [['PATCH', { weight: 2 }], ['DELETE']] as const) {
    const refused = await one.agent.call(method, '/v1/providers/default', body);
    assert.deepEqual([refused.status, refused.body.code], [409, 'state_conflict']);
  }
  assert.equal((await one.agent.call('POST', '/v1/providers/default/activate')).body.state, 'active');
  assert.equal((await hello(one.agent.call, 'bob@example.com')).status, 202);
  assert.deepEqual(await tested(one.agent.call, 'default').then(({ ok }) => ok), true);
});

test('raising a cap needs a person, lowering does not', async () => {
  const { agent, person } = await makeTenant(gateway);
  await agent.call('POST', '/v1/providers', { name: 'a', url: 'sink:', caps: { day: 100, hour: 10 } });
  for (const caps of [{ day: 101, hour: 10 }, { day: 100 }, null]) {
    const refused = await agent.call('PATCH', '/v1/providers/a', { caps });
    assert.deepEqual([refused.status, refused.body.code], [403, 'human_decision_required'], JSON.stringify(caps));
  }
  const lower = await agent.call('PATCH', '/v1/providers/a', { caps: { day: 50, hour: 10, minute: 5 } });
  assert.deepEqual([lower.status, lower.body.caps], [200, { day: 50, hour: 10, minute: 5 }]);
  const raised = await person.call('PATCH', '/v1/providers/a', { caps: { day: 500 }, note: 'new contract' });
  assert.deepEqual([raised.status, raised.body.caps], [200, { day: 500 }]);
});

test('a provider that mailboxes are on cannot be removed, and the answer says what to do', async () => {
  const { agent } = await makeTenant(gateway);
  await agent.call('POST', '/v1/providers', { name: 'a', url: 'sink:' });
  await agent.call('POST', '/v1/mailboxes', { address: 'alice@acme.example', provider: 'a' });
  const refused = await agent.call('DELETE', '/v1/providers/a');
  assert.deepEqual([refused.status, refused.body.code], [409, 'state_conflict']);
  assert.match(refused.body.detail, /alice@acme\.example.*another provider/);
  await agent.call('PATCH', '/v1/mailboxes/alice@acme.example', { provider: 'default' });
  assert.equal((await agent.call('DELETE', '/v1/providers/a')).status, 200);
});

test("another tenant's providers do not exist, by id or by name", async () => {
  const one = await makeTenant(gateway);
  const other = await makeTenant(gateway);
  const made = await one.agent.call('POST', '/v1/providers', { name: 'secret', url: 'sink:' });
  for (const name of [made.body.id, 'secret']) {
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['PATCH', '', { weight: 2 }],
      ['DELETE', '', undefined],
      ['POST', '/test', undefined],
      ['POST', '/activate', undefined],
      ['POST', '/deactivate', undefined],
    ] as const) {
      const answer = await other.agent.call(method, `/v1/providers/${name}${path}`, body);
      assert.deepEqual([answer.status, answer.body.code], [404, 'not_found'], `${method} ${path}`);
    }
    const mailbox = await other.agent.call('POST', '/v1/mailboxes', { address: 'a@b.example', provider: name });
    assert.deepEqual([mailbox.status, params(mailbox)], [422, ['provider']]);
  }
  assert.equal((await other.agent.call('POST', '/v1/providers', { name: 'secret', url: 'sink:' })).status, 201);
  const live = await operator('GET', '/v1/providers', undefined, { ...forTenant(one), 'X-Mode': 'live' });
  assert.equal(live.body.data.length, 1);
});
