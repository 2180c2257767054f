/**
 * A tenant with two providers and four mailboxes: mail spreads as the weights say and within every cap; a provider that fails is
 * left, and used again once it works. What arrived is read from the servers' own logs.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type MailHost, startMailHost } from '../harness/mail-host.ts';
import { asOperator, type Call, eventsOf, makeTenant, type TestTenant } from '../harness/tenants.ts';
import { until } from '../harness/until.ts';

let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway({ POSTERN_PROVIDER_ALLOW: '127.0.0.0/8' });
});
after(() => gateway.stop());

type Server = { host: MailHost; users: () => Map<string, number>; ids: () => string[]; failing: boolean };

/** Takes mail of whoever signs in; while `failing` it says 421 to whoever connects. */
async function server(port = 0): Promise<Server> {
  const started: Server = {
    failing: false,
    host: await startMailHost({
      port,
      allowInsecureAuth: true,
      disabledCommands: ['STARTTLS'],
      onAuth: (auth, _session, done) => done(null, { user: auth.username ?? '' }),
      onConnect: (_session, done) => {
        if (!started.failing) return done();
        done(Object.assign(new Error('4.3.2 Too busy now'), { responseCode: 421 }));
      },
    }),
    users() {
      const counts = new Map<string, number>();
      for (const { user } of this.host.taken) counts.set(user, (counts.get(user) ?? 0) + 1);
      return counts;
    },
    ids() {
      return this.host.taken.map(
        ({ content, to }) => `${/^Message-ID: (\S+)/im.exec(content.toString())?.[1]} ${to[0]}`,
      );
    },
  };
  return started;
}

async function ok(call: Call, path: string, body: unknown): Promise<Record<string, string>> {
  const answer = await call('POST', path, body);
  assert.ok(answer.status < 300, `${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function tenantWith(servers: Record<string, { port: number; weight: number }>, cap: number | null) {
  const tenant = await makeTenant(gateway, { trust: 'established' }, 'live');
  const policy = { senders: { require_verified_domain: 'never' }, quarantine: { mode: 'off' } };
  const set = await asOperator(gateway)('PUT', `/v1/tenants/${tenant.id}/policy`, policy, { 'X-Mode': 'live' });
  assert.equal(set.status, 200, JSON.stringify(set.body));
  const { call } = tenant.agent;
  await ok(call, '/v1/identities', { handle: 'alice', from: 'alice@acme.example' });
  for (const [name, { port, weight }] of Object.entries(servers)) {
    await ok(call, '/v1/providers', { name, url: `smtp://127.0.0.1:${port}?tls=never`, weight });
    for (const no of [1, 2]) {
      const box = `${name}${no}`;
      const credentials = { user: box, pass: 'secret' };
      const fields = { address: `${box}@acme.example`, provider: name, identity: 'alice', credentials };
      await ok(call, '/v1/mailboxes', cap === null ? fields : { ...fields, daily_cap: cap });
    }
  }
  return tenant;
}

let last = 0;

async function send(tenant: TestTenant) {
  last += 1;
  const body = { identity: 'alice', to: `person${last}@mail${last}.example`, subject: `No ${last}`, text: 'hello' };
  return tenant.agent.call('POST', '/v1/messages', body);
}

async function sendMany(tenant: TestTenant, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const sent = await send(tenant);
    assert.equal(sent.status, 202, JSON.stringify(sent.body));
    ids.push(sent.body.id);
  }
  return ids;
}

test('mail spreads as the weights say, and within every cap', async (t) => {
  const [a, b] = [await server(), await server()];
  t.after(() => Promise.all([a.host.close(), b.host.close()]));
  const tenant = await tenantWith({ a: { port: a.host.port, weight: 3 }, b: { port: b.host.port, weight: 1 } }, 12);
  await sendMany(tenant, 24);
  await until(() => a.host.taken.length + b.host.taken.length === 24, 60_000, 'the first 24 arrive');
  assert.ok(a.host.taken.length >= 16 && a.host.taken.length <= 20, `${a.host.taken.length} of 24 to the heavier`);
  // Twice as many as there are places: each is filled and none is overfilled.
  const answers = [];
  for (let i = 0; i < 48; i += 1) answers.push(await send(tenant));
  const refused = answers.filter(({ status }) => status !== 202);
  assert.equal(refused.length, 24);
  for (const { body } of refused) assert.equal(body.code, 'mailboxes_exhausted');
  await until(() => a.host.taken.length + b.host.taken.length === 48, 60_000, 'all that have a place arrive');
  assert.deepEqual([...a.users(), ...b.users()].sort(), [
    ['a1', 12],
    ['a2', 12],
    ['b1', 12],
    ['b2', 12],
  ]);
});

test('when a provider fails its mail moves, none is lost and none sent twice, and it comes back by itself', async (t) => {
  const [a, b] = [await server(), await server()];
  let again: Server | null = null;
  t.after(() => Promise.all([b.host.close(), a.host.close(), again?.host.close()]));
  const tenant = await tenantWith({ a: { port: a.host.port, weight: 1 }, b: { port: b.host.port, weight: 1 } }, null);
  const sent = await sendMany(tenant, 10);
  await until(() => a.host.taken.length + b.host.taken.length === 10, 60_000, 'mail arrives by both');
  assert.equal(a.host.taken.length, 5);

  // Kept connections end, new ones hear 421; then nobody listens any more.
  a.failing = true;
  const early = a.host.taken.length;
  const { port } = a.host;
  await a.host.close();
  const busy = await server(port);
  busy.failing = true;
  sent.push(...(await sendMany(tenant, 10)));
  await until(() => b.host.taken.length === 15, 60_000, 'all goes by the one that works');
  await busy.host.close();
  sent.push(...(await sendMany(tenant, 5)));
  await until(() => b.host.taken.length === 20, 60_000, 'all goes by the one that works');
  assert.equal(a.host.taken.length, early);

  const whole = await Promise.all(sent.map((id) => tenant.agent.call('GET', `/v1/messages/${id}`)));
  const failed = whole.flatMap(({ body }) => body.attempts).filter(({ outcome }) => outcome === 'deferred');
  assert.ok(failed.length > 0);
  for (const { provider, mailbox } of failed) {
    assert.equal(provider, 'a');
    assert.match(mailbox, /^a[12]@acme\.example$/);
  }
  const moved = whole.find(({ body }) => body.attempts.length > 1);
  const lastTry = moved?.body.attempts.at(-1);
  assert.equal(lastTry.provider, 'b');
  assert.ok(lastTry.why.includes('failover'), JSON.stringify(lastTry));
  const types = async () => (await eventsOf(gateway, tenant.no, 'live')).map(({ type }) => type);
  assert.ok((await types()).includes('provider.failing'));

  again = await server(port);
  const back = again;
  const arrived = async (): Promise<boolean> => {
    if (back.host.taken.length > 2) return true;
    sent.push(...(await sendMany(tenant, 1)));
    return false;
  };
  await until(arrived, 60_000, 'mail goes by the first one again');
  assert.ok((await types()).includes('provider.recovered'));
  const logs = (): string[] => [...a.ids(), ...busy.ids(), ...b.ids(), ...back.ids()];
  await until(() => logs().length >= sent.length, 60_000, 'all arrives');
  assert.equal(logs().length, sent.length);
  assert.equal(new Set(logs()).size, sent.length);
  for (const id of sent) {
    assert.equal((await tenant.agent.call('GET', `/v1/messages/${id}`)).body.status, 'delivered');
  }
});
