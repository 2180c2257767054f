/** The whole road with `direct:`: MX records of a real name server, mail hosts with TLS, and what becomes of each recipient. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestDns, type TestDns } from '../harness/dns.ts';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type MailHost, startMailHost } from '../harness/mail-host.ts';
import { until } from '../harness/until.ts';

const AUTHORITY = new URL('../fixtures/tls/authority-cert.pem', import.meta.url).pathname;

let dns: TestDns;
let host: MailHost;
let plain: MailHost;

before(async () => {
  dns = await startTestDns();
  host = await startMailHost({ address: '127.0.0.2' });
  plain = await startMailHost({ address: '127.0.0.3', port: host.port, disabledCommands: ['STARTTLS'] });
  dns.setAll({
    'mx1.mail.test': { A: ['127.0.0.2'] },
    'mx2.mail.test': { A: ['127.0.0.3'] },
    'receiver.test': { MX: ['mx1.mail.test'] },
    'unencrypted.test': { MX: ['mx2.mail.test'] },
    'nomail.test': { MX: [{ exchange: '', preference: 0 }] },
    'unsure.test': { MX: ['mx1.mail.test'] },
    'quiet.test': { MX: ['mx1.mail.test'] },
  });
  dns.fail('unsure.test', 'servfail');
});
after(() => Promise.all([dns.close(), host.close(), plain.close()]));

async function gatewayWith(environment: Record<string, string>): Promise<TestGateway> {
  return startTestGateway({
    POSTERN_OUTBOUND: `direct:?port=${host.port}&tls=required&sts=no&ca=${encodeURIComponent(AUTHORITY)}`,
    POSTERN_DOMAIN: 'gw.example',
    POSTERN_DNS_SERVERS: dns.address,
    ...environment,
  });
}

async function send(gateway: TestGateway, to: string): Promise<string> {
  const body = { to, subject: 'Straight', text: 'Here it is.' };
  const sent = await gateway.fetchJson('POST', '/v1/messages', body, { key: gateway.liveKey });
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  return sent.body.id;
}

/** The first recipient, once it is in one of these states. */
async function reaches(gateway: TestGateway, id: string, states: string[]): Promise<Answer['body']> {
  let recipient: Answer['body'] = null;
  await until(
    async () => {
      const { body } = await gateway.fetchJson('GET', `/v1/messages/${id}`, undefined, { key: gateway.liveKey });
      recipient = body.recipients[0];
      return states.includes(recipient.status);
    },
    20_000,
    `${id} reaches ${states.join(' or ')}`,
  );
  return recipient;
}

async function lastEvent(gateway: TestGateway, id: string, type: string): Promise<Record<string, unknown>> {
  const { store } = gateway.gateway;
  const tenant = await store.tenantById({ id: gateway.tenantId });
  const { events } = await store.events({ tenantNo: tenant!.no, mode: 'live', afterSeq: 0, types: null, limit: 1000 });
  const ofMessage = events.filter((event) => event.type === type && event.data['message_id'] === id);
  assert.ok(ofMessage.length > 0, `${type} of ${id}`);
  return ofMessage.at(-1)!.data;
}

describe('with private addresses opened', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await gatewayWith({ POSTERN_PROVIDER_ALLOW: '127.0.0.0/8' });
  });
  after(() => gateway.stop());

  test('mail is delivered to the host that the MX record names, over verified TLS', async () => {
    const id = await send(gateway, 'b@receiver.test');
    await reaches(gateway, id, ['delivered']);
    const [taken] = host.taken;
    assert.equal(host.taken.length, 1);
    assert.equal(taken?.isSecure, true);
    assert.deepEqual(taken?.to, ['b@receiver.test']);
    assert.match(taken?.from ?? '', /^b\+[^@]+@bounces\.gw\.example$/);
    const tls = await gateway.fetchJson('GET', '/v1/providers/default/tls', undefined, {
      key: gateway.operatorKey,
      headers: { 'X-Tenant': gateway.tenantId },
    });
    assert.equal(tls.status, 200, JSON.stringify(tls.body));
    const [seen] = tls.body.data;
    assert.deepEqual(
      [seen.host, seen.outcome, seen.protocol, seen.required_by, seen.counts.verified],
      ['mx1.mail.test', 'verified', 'TLSv1.3', 'settings', 1],
    );
    const own = await gateway.fetchJson('GET', '/v1/providers/default/tls', undefined, { key: gateway.liveKey });
    assert.deepEqual(own.body.data, []);
  });

  test('nothing goes to a host without TLS', async () => {
    const id = await send(gateway, 'b@unencrypted.test');
    await reaches(gateway, id, ['deferred']);
    assert.equal(plain.taken.length, 0);
    assert.equal((await lastEvent(gateway, id, 'message.deferred'))['class'], 'tls_failure');
  });

  test('a domain that takes no mail, and one that does not exist, bounce and suppress', async () => {
    for (const to of ['b@nomail.test', 'b@absent.test']) {
      const id = await send(gateway, to);
      await reaches(gateway, id, ['bounced']);
      const bounced = await lastEvent(gateway, id, 'message.bounced');
      assert.deepEqual([bounced['class'], bounced['kind']], ['domain_not_found', 'hard'], to);
      const check = await gateway.fetchJson('GET', `/v1/suppressions/check?email=${to}`, undefined, {
        key: gateway.liveKey,
      });
      assert.equal(check.body.suppressed, true, to);
    }
  });

  test('a name server that fails bounces nothing', async () => {
    const id = await send(gateway, 'b@unsure.test');
    await reaches(gateway, id, ['deferred']);
    assert.match(String((await lastEvent(gateway, id, 'message.deferred'))['reply']), /SERVFAIL/);
  });
});

test('without that, private addresses are not connected to', async () => {
  const gateway = await gatewayWith({});
  try {
    const before = host.connections();
    const id = await send(gateway, 'b@quiet.test');
    await reaches(gateway, id, ['deferred']);
    assert.match(
      String((await lastEvent(gateway, id, 'message.deferred'))['reply']),
      /127\.0\.0\.2 is this machine itself/,
    );
    assert.equal(host.connections(), before);
  } finally {
    await gateway.stop();
  }
});
