import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { smtpTalk, type Talk } from '../harness/smtp-talk.ts';
import { messageIn, type SmtpGateway, startSmtpGateway } from '../harness/submission.ts';

let gateway: SmtpGateway;
before(async () => {
  gateway = await startSmtpGateway();
});
after(() => gateway.stop());

async function loggedIn(): Promise<Talk> {
  const talk = await smtpTalk(gateway.smtpPort);
  await talk.say('EHLO a.example');
  const login = Buffer.from(`\0postern\0${gateway.testKey}`).toString('base64');
  assert.match(await talk.say(`AUTH PLAIN ${login}`), /^235/);
  return talk;
}

async function begin(talk: Talk, ...to: string[]): Promise<string[]> {
  await talk.say('MAIL FROM:<alice@acme.example>');
  const replies: string[] = [];
  for (const address of to) replies.push(await talk.say(`RCPT TO:<${address}>`));
  return replies;
}

async function data(talk: Talk, headers = ''): Promise<string> {
  assert.match(await talk.say('DATA'), /^354/);
  talk.write(`From: alice@acme.example\r\nSubject: x\r\n${headers}\r\nhello\r\n.\r\n`);
  return talk.reply();
}

const used = async (name: string): Promise<number> => {
  const { body } = await gateway.fetchJson('GET', '/v1/limits');
  return body.data.find((limit: { name: string }) => limit.name === name).used;
};

test('a recipient that is blocked between RCPT and data defers the whole mail, and the next try meets it at RCPT', async () => {
  const talk = await loggedIn();
  const replies = await begin(talk, 'ann@one.example', 'eve@one.example');
  assert.ok(replies.every((reply) => reply.startsWith('250')));
  await gateway.fetchJson('POST', '/v1/suppressions', { email: 'eve@one.example', reason: 'hard_bounce' });
  const count = await gateway.stored();
  assert.match(await data(talk), /^451 4\.7\.1 suppressed: .*; see http/);
  assert.equal(await gateway.stored(), count);
  const again = await begin(talk, 'ann@one.example', 'eve@one.example');
  assert.match(again[0]!, /^250/);
  assert.match(again[1]!, /^550 5\.7\.1 suppressed: /);
  assert.match(await data(talk), /^250 2\.0\.0 Accepted as msg_/);
  assert.equal(await gateway.stored(), count + 1);
  talk.end();
});

test('a mail to one recipient that is blocked meanwhile leaves nothing either', async () => {
  const talk = await loggedIn();
  await begin(talk, 'guy@one.example');
  await gateway.fetchJson('POST', '/v1/suppressions', { email: 'guy@one.example', reason: 'hard_bounce' });
  const stored = await gateway.stored();
  assert.match(await data(talk, 'X-Postern-Idempotency-Key: alone\r\n'), /^451 4\.7\.1 suppressed: /);
  assert.equal(await gateway.stored(), stored);
  // The key is still free.
  await begin(talk, 'hal@one.example');
  assert.match(await data(talk, 'X-Postern-Idempotency-Key: alone\r\n'), /^250 2\.0\.0 Accepted as msg_/);
  talk.end();
});

test('places in a limit are told at RCPT, those before it counted, and are taken by the data alone', async () => {
  await gateway.fetchJson('PUT', '/v1/policy', {
    limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: (await gateway.stored()) + 10 }],
  });
  const before = await used('daily');
  const { body } = await gateway.fetchJson('GET', '/v1/limits');
  const { remaining } = body.data[0];
  const talk = await loggedIn();
  const addresses = Array.from({ length: remaining + 1 }, (_, i) => `r${i}@one.example`);
  const replies = await begin(talk, ...addresses);
  assert.ok(replies.slice(0, -1).every((reply) => reply.startsWith('250')));
  assert.match(replies.at(-1)!, /^452 4\.7\.1 daily_quota_exceeded: /);
  assert.equal(await used('daily'), before);
  // Somebody else is quicker.
  await gateway.fetchJson('POST', '/v1/messages', { to: 'quick@one.example', subject: 'x', text: 'x' });
  assert.match(await data(talk), /^451 4\.7\.1 daily_quota_exceeded: /);
  assert.equal(await used('daily'), before + 1);
  talk.end();
  await gateway.fetchJson('PUT', '/v1/policy', { limits: [] });
});

test('what the account or the content is guilty of after the data has its own reply', async () => {
  const talk = await loggedIn();
  assert.match((await begin(talk, 'gil@one.example'))[0]!, /^250/);
  const count = await gateway.stored();
  await gateway.fetchJson('POST', '/v1/account/pause', {});
  assert.match(await data(talk), /^550 5\.7\.1 account_paused: /);
  assert.match((await begin(talk, 'gil@one.example'))[0]!, /^550 5\.7\.1 account_paused: /);
  await talk.say('RSET');
  const resumed = await gateway.fetchJson(
    'POST',
    '/v1/account/resume',
    { note: 'test' },
    {
      key: gateway.operatorKey,
      headers: { 'x-tenant': gateway.tenantId, 'x-mode': 'test' },
    },
  );
  assert.equal(resumed.status, 200);
  assert.match((await begin(talk, 'gil@one.example'))[0]!, /^250/);
  assert.match(await data(talk, 'X-Postern-Identity: nobody\r\n'), /^554 5\.6\.0 validation_failed: /);
  assert.equal(await gateway.stored(), count);
  talk.end();
});

test('a duplicate is told for good, since nothing else would end the tries', async () => {
  const talk = await loggedIn();
  await begin(talk, 'dup@one.example');
  const first = await data(talk, 'X-Postern-Dedupe-Key: d-1\r\n');
  assert.match(first, /^250/);
  await begin(talk, 'dup@one.example');
  assert.equal(messageIn(await data(talk, 'X-Postern-Dedupe-Key: d-1\r\n')), messageIn(first));
  await begin(talk, 'other@one.example');
  assert.match(await data(talk, 'X-Postern-Dedupe-Key: d-1\r\n'), /^550 5\.7\.1 duplicate: /);
  talk.end();
});

test('what the data alone tells for good is no reason to come again: marketing without consent', async () => {
  await gateway.fetchJson('PUT', '/v1/contacts/no@one.example', { consent: 'refused' });
  const talk = await loggedIn();
  assert.match((await begin(talk, 'no@one.example'))[0]!, /^250/);
  assert.match(await data(talk, 'X-Postern-Kind: marketing\r\n'), /^550 5\.7\.1 consent_missing: /);
  await begin(talk, 'no@one.example');
  assert.match(await data(talk, 'X-Postern-Kind: spam\r\n'), /^554 5\.6\.0 validation_failed: .*`kind`/);
  await begin(talk, 'yes@one.example');
  const id = messageIn(await data(talk, 'X-Postern-Kind: marketing\r\n'));
  const [mail] = await gateway.captured('yes@one.example');
  assert.match(await gateway.raw(mail.id), /^List-Unsubscribe: </m);
  assert.match(id, /^msg_/);
  talk.end();
});
