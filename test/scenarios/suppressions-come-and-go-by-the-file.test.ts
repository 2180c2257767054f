import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { eventsOf, hello, makeTenant, type TestTenant } from '../harness/tenants.ts';

describe('suppressions by the file', () => {
  let gateway: TestGateway;

  before(async () => {
    gateway = await startTestGateway();
  });
  after(() => gateway.stop());

  async function put(
    tenant: TestTenant,
    file: string | ReadableStream<Uint8Array>,
    query = '',
    type = 'text/csv',
  ): Promise<Answer> {
    const response = await fetch(`${gateway.url}/v1/suppressions/import${query}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tenant.agent.key}`, 'content-type': type },
      body: file,
      ...(file instanceof ReadableStream ? { duplex: 'half' } : {}),
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  }

  async function exported(tenant: TestTenant, query = ''): Promise<string> {
    const response = await fetch(`${gateway.url}/v1/suppressions/export${query}`, {
      headers: { authorization: `Bearer ${tenant.agent.key}` },
    });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/csv; charset=utf-8');
    return response.text();
  }

  it('adds every line, reports the bad ones by number, and what is suppressed is refused', async () => {
    const tenant = await makeTenant(gateway);
    const file = [
      'status,reason,email,created',
      '5.1.1,"550 5.1.1 no such user, sorry",bob@example.com,1762000000',
      '',
      '5.1.1,"two',
      'lines",nobody,1762000000',
      '4.2.2,full,full@example.com,1762000000',
      '5.1.1,gone,eve@example.com,1762000000',
    ].join('\r\n');
    const { status, body } = await put(tenant, file);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.form, 'sendgrid');
    assert.deepEqual(
      [body.lines, body.created, body.extended, body.unchanged, body.skipped, body.invalid],
      [4, 2, 0, 0, 1, 1],
    );
    assert.deepEqual([body.errors[0].line, body.errors[0].column], [4, 'email']);
    const refused = await hello(tenant.agent.call, 'bob@example.com');
    assert.deepEqual([refused.status, refused.body.code], [422, 'suppressed']);
    assert.equal((await hello(tenant.agent.call, 'full@example.com')).status, 202);
    const events = (await eventsOf(gateway, tenant.no)).filter(({ type }) => type === 'suppression.created');
    assert.deepEqual(
      events.map(({ data }) => [data['email'], data['source']]),
      [
        ['bob@example.com', 'import'],
        ['eve@example.com', 'import'],
      ],
    );
    const audit = (await tenant.agent.call('GET', '/v1/audit')).body.data[0];
    assert.deepEqual(
      [audit.action, audit.target, audit.actor, audit.after],
      ['suppression.imported', body.id, 'robot', { form: 'sendgrid', created: 2, extended: 0, unchanged: 0 }],
    );
  });

  it('says in a dry run what would change, and changes nothing', async () => {
    const tenant = await makeTenant(gateway);
    const { body } = await put(tenant, 'email,reason\nbob@example.com,unsubscribe\n', '?dry_run=true');
    assert.deepEqual([body.dry_run, body.created], [true, 1]);
    assert.equal((await hello(tenant.agent.call)).status, 202);
    assert.equal((await tenant.agent.call('GET', '/v1/suppressions')).body.data.length, 0);
  });

  it('never loosens: an end that lies earlier changes nothing, a later one does', async () => {
    const tenant = await makeTenant(gateway);
    const add = (email: string, expires_at: string | null) =>
      tenant.agent.call('POST', '/v1/suppressions', { email, reason: 'unsubscribe', expires_at });
    await add('ever@example.com', null);
    await add('some@example.com', '2090-01-01T00:00:00Z');
    const file = [
      'email;reason;expires_at',
      'ever@example.com;unsubscribe;2050-01-01T00:00:00Z',
      'some@example.com;unsubscribe;2095-01-01T00:00:00Z',
    ].join('\n');
    const { body } = await put(tenant, file);
    assert.deepEqual([body.created, body.extended, body.unchanged], [0, 1, 1]);
    const { data } = (await tenant.agent.call('GET', '/v1/suppressions')).body;
    const ends = Object.fromEntries(data.map((row: Record<string, string>) => [row['email'], row['expires_at']]));
    assert.deepEqual(ends, { 'ever@example.com': null, 'some@example.com': '2095-01-01T00:00:00.000Z' });
  });

  it('asks for the reason of a file that names none', async () => {
    const tenant = await makeTenant(gateway);
    const asked = await put(tenant, 'bob@example.com\neve@example.com\n');
    assert.deepEqual([asked.status, asked.body.errors[0].param], [422, 'reason']);
    const { body } = await put(tenant, 'bob@example.com\neve@example.com\n', '?reason=manual_dnc');
    assert.deepEqual([body.form, body.lines, body.created], ['list', 2, 2]);
  });

  it('refuses what is no such file, saying what is', async () => {
    const tenant = await makeTenant(gateway);
    const other = await put(tenant, 'name,telephone\nBob,1\n');
    assert.deepEqual([other.status, other.body.errors[0].param], [422, 'header']);
    assert.match(other.body.errors[0].message, /name, telephone/);
    assert.equal((await put(tenant, '')).status, 422);
    assert.equal((await put(tenant, '{}', '', 'application/json')).status, 415);
    const open = await put(tenant, 'email,reason\na@b.example,unsubscribe\n"c@d.example,unsubscribe\n');
    assert.deepEqual([open.status, open.body.created, open.body.errors[0].line], [200, 1, 3]);
  });

  it('stops at 25 MB, however the file comes', async () => {
    const tenant = await makeTenant(gateway);
    const chunk = Buffer.from(`x,${'y'.repeat(1021)}\n`.repeat(1024));
    let left = 27;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        left -= 1;
        if (left === 26) controller.enqueue(Buffer.from('email,reason\nbob@example.com,unsubscribe\n'));
        else if (left > 0) controller.enqueue(chunk);
        else controller.close();
      },
    });
    const refused = await put(tenant, endless).catch(() => null);
    if (refused !== null) assert.deepEqual([refused.status, refused.body.code], [413, 'payload_too_large']);
    const { data } = (await tenant.agent.call('GET', '/v1/suppressions')).body;
    assert.ok(data.length <= 1);
  });

  it('exports what another account imports, with nothing in it that a spreadsheet would run', async () => {
    const [from, to] = [await makeTenant(gateway), await makeTenant(gateway)];
    const add = (body: object) => from.agent.call('POST', '/v1/suppressions', body);
    await add({ email: '+tag@example.com', reason: 'unsubscribe', note: '=HYPERLINK("http://x.example")' });
    await add({ domain: 'example.org', reason: 'legal_request', expires_at: '2090-01-01T00:00:00Z', note: 'a, "b"' });
    const csv = await exported(from);
    const cells = csv.split('\r\n').flatMap((line) => line.split(','));
    assert.ok(
      cells.every((cell) => !/^"?[=+\-@\t]/.test(cell)),
      csv,
    );
    const { body } = await put(to, csv);
    assert.deepEqual([body.form, body.lines, body.created], ['postern', 2, 2]);
    const shown = async (tenant: TestTenant) => {
      const { data } = (await tenant.agent.call('GET', '/v1/suppressions')).body;
      return data
        .map(({ email, domain, reason, since, expires_at, note }: Record<string, unknown>) =>
          JSON.stringify({ email, domain, reason, since, expires_at, note }),
        )
        .sort();
    };
    assert.deepEqual(await shown(to), await shown(from));
    assert.equal((await exported(from, '?reason=unsubscribe')).split('\r\n').length, 3);
  });

  it('takes ten thousand lines while sends go on', async () => {
    const tenant = await makeTenant(gateway);
    const lines = Array.from({ length: 10_000 }, (_, i) => `user${i}@example.com,unsubscribe`);
    const importing = put(tenant, `email,reason\n${lines.join('\n')}\n`);
    const sent = await hello(tenant.agent.call, 'someone@example.net');
    assert.equal(sent.status, 202);
    const { body } = await importing;
    assert.equal(body.created, 10_000);
    assert.equal((await exported(tenant)).split('\r\n').length, 10_002);
  });
});
