/** The whole road with Amazon SES as the gateway's own provider: what it takes is sent, and what nobody answered is not repeated at once. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import PostalMime from 'postal-mime';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type FakeSes, startFakeSes } from '../harness/ses.ts';

let ses: FakeSes;
let gateway: TestGateway;

before(async () => {
  ses = await startFakeSes();
  gateway = await startTestGateway({
    POSTERN_OUTBOUND: `ses://AKIAEXAMPLE:secret@eu-west-1?endpoint=${ses.endpoint}&configuration_set=postern`,
    POSTERN_DOMAIN: 'gw.example',
  });
});
after(async () => {
  await gateway.stop();
  await ses.close();
});

async function send(to: string): Promise<string> {
  const body = { to, subject: 'Through SES', text: 'Here it is.' };
  const sent = await gateway.fetchJson('POST', '/v1/messages', body, { key: gateway.liveKey });
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  return sent.body.id;
}

async function nameOf(id: string): Promise<{ tenantNo: number; mode: 'live'; id: string }> {
  const tenant = await gateway.gateway.store.tenantById({ id: gateway.tenantId });
  return { tenantNo: tenant!.no, mode: 'live', id };
}

test('what SES takes is sent, with our tag and the message as it was composed', async () => {
  const id = await send('b@rcpt.example');
  const message = await messageAfter(gateway.gateway.store, await nameOf(id), 'message.sent');
  assert.equal(message.recipients[0]?.state, 'sent');
  const [taken] = ses.sends;
  assert.deepEqual([taken?.to, taken?.configurationSet], [['b@rcpt.example'], 'postern']);
  assert.match(taken?.tags['postern-recipient'] ?? '', /^[a-z2-7]{48}$/);
  assert.equal((await PostalMime.parse(taken!.raw)).subject, 'Through SES');
});

test('a recipient nobody answered about is uncertain, and waits three minutes for an event before a second copy', async () => {
  ses.meet('reset');
  const before = ses.sends.length;
  const id = await send('c@rcpt.example');
  const message = await messageAfter(gateway.gateway.store, await nameOf(id), 'message.uncertain');
  const [recipient] = message.recipients;
  assert.equal(recipient?.state, 'uncertain');
  assert.ok((recipient?.nextAttemptAt ?? 0) > Date.now() + 150_000);
  assert.equal(ses.sends.length, before + 1);
});

test('a region that is none stops the start with a sentence', async () => {
  await assert.rejects(startTestGateway({ POSTERN_OUTBOUND: 'ses://nowhere' }), /POSTERN_OUTBOUND .* region/);
});
