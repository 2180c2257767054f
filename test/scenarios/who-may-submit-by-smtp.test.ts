import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestDns } from '../harness/dns.ts';
import { domainsOf } from '../harness/domains.ts';
import { messageIn, type SmtpGateway, startSmtpGateway } from '../harness/submission.ts';

const MAIL = { from: 'alice@acme.example', to: 'bob@one.example', subject: 'x', text: 'x' };

async function keyOf(gateway: SmtpGateway, more: object): Promise<{ id: string; pass: string }> {
  const { status, body } = await gateway.fetchJson('POST', '/v1/keys', { mode: 'test', scopes: ['send'], ...more });
  assert.equal(status, 201, JSON.stringify(body));
  return { id: body.id, pass: body.key };
}

test('a key holds where and as long as it says, and for whom', async (t) => {
  const gateway = await startSmtpGateway();
  t.after(() => gateway.stop());
  const wrong = /535 5\.7\.8 The user or the key is wrong/;
  const elsewhere = await keyOf(gateway, { allow_ips: ['192.0.2.0/24'] });
  await assert.rejects(gateway.sendMail(MAIL, elsewhere), wrong);
  const here = await keyOf(gateway, { allow_ips: ['127.0.0.0/8'] });
  assert.match((await gateway.sendMail(MAIL, here)).response, /^250/);
  await gateway.fetchJson('DELETE', `/v1/keys/${here.id}`);
  await assert.rejects(gateway.sendMail(MAIL, here), wrong);
  const agents = await keyOf(gateway, { agent: 'outreach-1' });
  const { response } = await gateway.sendMail(MAIL, agents);
  const { body } = await gateway.fetchJson('GET', `/v1/messages/${messageIn(response)}`);
  assert.equal(body.agent, 'outreach-1');
  const other = { ...MAIL, headers: { 'X-Postern-Agent': 'outreach-2' } };
  await assert.rejects(gateway.sendMail(other, agents), /550 5\.7\.1 insufficient_permissions: /);
});

test('who is in From, and who is in the envelope, needs a verified domain where mail can leave', async (t) => {
  const dns = await startTestDns();
  t.after(() => dns.close());
  const gateway = await startSmtpGateway({
    ...{ POSTERN_OUTBOUND: 'smtp://192.0.2.1:25', POSTERN_DOMAIN: 'mail.gateway.example', POSTERN_ROLE: 'api' },
    POSTERN_DNS_SERVERS: dns.address,
  });
  t.after(() => gateway.stop());
  const pass = gateway.liveKey;
  await assert.rejects(gateway.sendMail(MAIL, { pass }), /550 5\.7\.1 domain_not_verified: /);
  await domainsOf(gateway, pass).verified(dns, 'acme.example');
  assert.match((await gateway.sendMail(MAIL, { pass })).response, /^250/);
  const to = 'bob@one.example';
  for (const [mail, reply] of [
    [{ ...MAIL, from: 'alice@evil.example' }, /550 5\.7\.1 domain_not_verified: /],
    // The envelope is another's, or its From is.
    [{ ...MAIL, envelope: { from: 'alice@evil.example', to } }, /550 5\.7\.1 domain_not_verified: /],
    [
      { ...MAIL, from: 'ceo@bank.example', envelope: { from: 'alice@acme.example', to } },
      /550 5\.7\.1 domain_not_verified: /,
    ],
    [{ ...MAIL, from: ['alice@acme.example', 'ceo@bank.example'] }, /550 5\.7\.1 /],
    [{ ...MAIL, from: '"alice@acme.example" <ceo@bank.example>' }, /550 5\.7\.1 domain_not_verified: /],
    [
      {
        envelope: { from: 'alice@acme.example', to },
        raw: 'From: alice@acme.example\r\nfrom: ceo@bank.example\r\n\r\nx',
      },
      /550 5\.7\.1 /,
    ],
  ] as const) {
    // biome-ignore lint/suspicious/noExplicitAny: nodemailer's types know one sender alone
    await assert.rejects(gateway.sendMail(mail as any, { pass }), reply, JSON.stringify(mail));
  }
  const bounced = await gateway.sendMail({ ...MAIL, envelope: { from: '', to } }, { pass });
  assert.match(bounced.response, /^250/);
  const spoofed = await gateway.sendMail({ ...MAIL, sender: 'ceo@bank.example' }, { pass });
  assert.match(spoofed.response, /^250/);
  const { body } = await gateway.fetchJson('GET', `/v1/messages/${messageIn(spoofed.response)}`, undefined, {
    key: pass,
  });
  assert.doesNotMatch(JSON.stringify(body), /bank\.example/);
});
