import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeTypeId } from '../../src/base/ids.ts';
import { openSecrets } from '../../src/base/secrets.ts';
import { openTokens } from '../../src/base/tokens.ts';
import { fileBlobs } from '../../src/data/blobs.ts';
import { InboundReader } from '../../src/returns/inbound-reader.ts';
import { Inbox } from '../../src/returns/inbox.ts';
import { ATTEMPT, claimDue, mail, tenantNoOf } from '../harness/by-hand.ts';
import { startTestGateway } from '../harness/gateway.ts';
import { deliverMail } from '../harness/smtp-talk.ts';

const SECRET = 's'.repeat(40);

test('a bounce that overtakes the answer to its final dot waits for it', async (t) => {
  const gateway = await startTestGateway({ POSTERN_ROLE: 'api', POSTERN_INBOUND_PORT: '0', POSTERN_SECRET: SECRET });
  t.after(() => gateway.stop());
  const { store } = gateway.gateway;
  const port = Number(gateway.gateway.listening.inbound!.split(':')[1]);
  const { id } = (await gateway.fetchJson('POST', '/v1/messages', mail('bob@rcpt.example'))).body;
  const [claimed] = await claimDue(gateway);
  const { recipient, token, recipientId } = claimed!;
  await store.mark({ recipient, token });
  const tokens = openTokens(openSecrets([{ version: 1, secret: SECRET }]));
  const named = { id: decode('rcp', recipientId), tenant: await tenantNoOf(gateway) };
  const path = tokens.makeReturnPath(named, 'bounces.postern.localhost');
  const data = `From: MAILER-DAEMON@mx.example\nSubject: Undelivered Mail\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; bob@rcpt.example\nAction: failed\nStatus: 5.1.1\n`;
  const answered = deliverMail(port, { from: '', to: path, data });
  const until = performance.now() + 300;
  while (performance.now() < until) await store.dueIn(null);
  assert.equal((await gateway.fetchJson('GET', `/v1/messages/${id}`)).body.status, 'sending');
  await store.settle({ recipient, token, attempt: ATTEMPT, outcome: 'delivered' });
  assert.match(await answered, /^250 /);
  const { body } = await gateway.fetchJson('GET', `/v1/messages/${id}`);
  assert.deepEqual(
    body.events.map(({ type }: { type: string }) => type),
    ['message.accepted', 'message.sent', 'message.delivered', 'message.bounced'],
  );
});

test('a letter found in a mailbox counts by the msg-id that it answers, and only for its own account', async (t) => {
  const gateway = await startTestGateway({ POSTERN_SECRET: SECRET });
  t.after(() => gateway.stop());
  const { store } = gateway.gateway;
  const tenantNo = await tenantNoOf(gateway);
  const { body } = await gateway.fetchJson('POST', '/v1/messages', mail(['bob@rcpt.example', 'eve@rcpt.example']));
  const tokens = openTokens(openSecrets([{ version: 1, secret: SECRET }]));
  const messageId = tokens.makeMessageId({ id: decode('msg', body.id), tenant: tenantNo }, 'postern.localhost');
  const reader = new InboundReader(new URL('../../src/inbound-thread.ts', import.meta.url));
  t.after(() => reader.close());
  const inbox = new Inbox({ store, blobs: fileBlobs(`${gateway.directory}/blobs`), reader, tokens });
  const letter = (from: string, answers: string) =>
    Buffer.from(
      `From: ${from}\r\nSubject: Re: x\r\nMessage-ID: <m1@x.example>\r\nReferences: <a@b> ${answers}\r\n\r\nYes`,
    );
  const found = (no: number, octets: Buffer) =>
    inbox.takeFound(no, { octets, channel: 'imap', mailFrom: null, rcptTo: null });
  assert.equal((await found(tenantNo, letter('eve@rcpt.example', '<a@b.example>'))).outcome, 'unproven');
  assert.equal((await found(tenantNo + 1, letter('eve@rcpt.example', messageId))).outcome, 'unproven');
  const taken = await found(tenantNo, letter('Eve <EVE@rcpt.example>', messageId));
  assert.ok(taken.outcome === 'taken');
  assert.equal(taken.applied[0]!.recipientId, body.recipients[1].id);
  assert.equal((await found(tenantNo, letter('Eve <EVE@rcpt.example>', messageId))).outcome, 'known');
  const inbound = (await gateway.fetchJson('GET', `/v1/inbound/${taken.id}`)).body;
  assert.equal(inbound.channel, 'imap');
  assert.equal(inbound.proof, 'message_id');
  assert.equal(inbound.envelope.from, null);
});

function decode(prefix: string, id: string): Uint8Array {
  return decodeTypeId(prefix, id)!;
}
