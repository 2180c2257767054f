import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { messageIn, type SmtpGateway, startSmtpGateway } from '../harness/submission.ts';

let gateway: SmtpGateway;
before(async () => {
  gateway = await startSmtpGateway();
});
after(() => gateway.stop());

const ALICE = '"Alice Äpfel" <alice@acme.example>';

test('a mail of nodemailer arrives with its parts, and the reply names the message', async () => {
  const picture = Buffer.from('89504e470d0a1a0a0001', 'hex');
  const { response } = await gateway.sendMail({
    from: ALICE,
    to: 'Bob Bär <bob@one.example>',
    cc: 'carol@two.example',
    bcc: 'dan@three.example',
    replyTo: 'help@acme.example',
    subject: 'Grüße 🎉',
    text: 'Hällo\n.a dot\nbye',
    html: '<p>Hällo <img src="cid:logo@acme"></p>',
    headers: { 'X-Job': 'ünïcode', 'X-Twice': ['one', 'two'] },
    attachments: [
      { filename: 'rechnung ä.pdf', content: Buffer.from('%PDF-1.4 x'), contentType: 'application/pdf' },
      { filename: 'logo.png', content: picture, cid: 'logo@acme' },
    ],
  });
  assert.match(response, /^250 2\.0\.0 Accepted as msg_/);
  const [mail] = await gateway.captured('bob@one.example');
  assert.equal(mail.subject, 'Grüße 🎉');
  assert.match(mail.text, /^Hällo\n\.a dot\nbye\n?$/);
  assert.match(mail.html, /cid:logo@acme/);
  const raw = await gateway.raw(mail.id);
  assert.match(raw, /^To: =\?.*<bob@one\.example>/m);
  assert.match(raw, /^Cc: carol@two\.example/m);
  assert.match(raw, /^Reply-To: help@acme\.example/m);
  assert.match(raw, /^X-Twice: one\r\nX-Twice: two/m);
  assert.match(raw, /^X-Original-Message-ID: </m);
  assert.match(raw, /^Content-Disposition: inline/m);
  assert.equal(raw.match(/^DKIM-Signature:/gm)?.length, 1);
  assert.equal(raw.match(/^From:/gm)?.length, 1);
  assert.doesNotMatch(raw, /dan@three|^Bcc|nodemailer/im);
  const { body } = await gateway.fetchJson('GET', `/v1/messages/${messageIn(response)}`);
  assert.deepEqual(
    body.recipients.map(({ email }: { email: string }) => email),
    ['bob@one.example', 'carol@two.example', 'dan@three.example'],
  );
  await gateway.captured('dan@three.example');
});

test('a recipient that is suppressed is refused by itself, and the others get the mail as it was written', async () => {
  await gateway.fetchJson('POST', '/v1/suppressions', { email: 'eve@one.example', reason: 'hard_bounce' });
  const mail = { from: ALICE, to: 'eve@one.example, fay@one.example', subject: 'Both', text: 'x' };
  const { response, rejected } = await gateway.sendMail(mail);
  assert.deepEqual(rejected, ['eve@one.example']);
  assert.match(response, /msg_/);
  const [captured] = await gateway.captured('fay@one.example');
  assert.match(await gateway.raw(captured.id), /^To: eve@one\.example, fay@one\.example/m);
  await assert.rejects(
    gateway.sendMail({ ...mail, to: 'eve@one.example' }),
    (error: Error & { rejectedErrors?: Error[] }) => {
      assert.match(
        error.message,
        /550 5\.7\.1 suppressed: .*; see http:\/\/127\.0\.0\.1:\d+\/docs\/reasons\/suppressed/,
      );
      return true;
    },
  );
});

test('the headers of Postern are read and do not go out', async () => {
  const { response } = await gateway.sendMail({
    from: ALICE,
    to: 'gil@one.example',
    subject: 'Tagged',
    text: 'x',
    headers: {
      'X-Postern-Tag': ['quote', 'spring'],
      'X-Postern-Metadata-Job': '42',
      'X-Postern-Agent': 'outreach-1',
      'X-Postern-Send-At': '2999-01-01T00:00:00Z',
    },
  });
  const { body } = await gateway.fetchJson('GET', `/v1/messages/${messageIn(response)}`);
  assert.deepEqual(body.tags, ['quote', 'spring']);
  assert.deepEqual(body.metadata, { job: '42' });
  assert.equal(body.agent, 'outreach-1');
  assert.equal(body.recipients[0].status, 'scheduled');
  await assert.rejects(
    gateway.sendMail({ from: ALICE, to: 'gil@one.example', text: 'x', headers: { 'X-Postern-Tagg': 'x' } }),
    /554 5\.6\.0 validation_failed: .*X-Postern-Tagg/,
  );
});

test('the same key sends once, by whichever door it comes', async () => {
  const mail = {
    ...{ from: 'alice@acme.example', to: 'hal@one.example', subject: 'Once', text: 'x\n' },
    headers: { 'X-Postern-Idempotency-Key': 'once-1' },
  };
  const first = await gateway.sendMail(mail);
  const again = await gateway.sendMail(mail);
  assert.equal(messageIn(again.response), messageIn(first.response));
  await assert.rejects(gateway.sendMail({ ...mail, text: 'y' }), /554 5\.5\.4 idempotency_key_reused: /);
  const { status, body } = await gateway.fetchJson(
    'POST',
    '/v1/messages',
    { from: 'alice@acme.example', to: 'hal@one.example', subject: 'Other', text: 'x' },
    { headers: { 'idempotency-key': 'once-1' } },
  );
  assert.equal(status, 409);
  assert.equal(body.code, 'idempotency_key_reused');
});

test('a wrong key and a wrong user are refused alike, and so is a key that may not send', async () => {
  const mail = { from: ALICE, to: 'bob@one.example', subject: 'x', text: 'x' };
  const wrong = /535 5\.7\.8 The user or the key is wrong/;
  await assert.rejects(gateway.sendMail(mail, { pass: 'pst_test_nothing' }), wrong);
  await assert.rejects(gateway.sendMail(mail, { user: 'nobody' }), wrong);
  await assert.rejects(gateway.sendMail(mail, { pass: gateway.operatorKey }), wrong);
  const made = await gateway.fetchJson('POST', '/v1/keys', { mode: 'test', scopes: ['read'] });
  await assert.rejects(
    gateway.sendMail(mail, { pass: made.body.key }),
    /535 5\.7\.8 insufficient_permissions: .*`send`/,
  );
});

test('an identity logs in by its handle and sends as itself', async () => {
  await gateway.fetchJson('POST', '/v1/identities', { handle: 'ann', from: 'Ann <ann@acme.example>' });
  const { response } = await gateway.sendMail(
    { from: 'ann@acme.example', to: 'ida@one.example', subject: 'As Ann', text: 'x' },
    { user: 'ann' },
  );
  const { body } = await gateway.fetchJson('GET', `/v1/messages/${messageIn(response)}`);
  assert.equal(body.identity, 'ann');
  const other = {
    from: 'ann@acme.example',
    to: 'ida@one.example',
    text: 'x',
    headers: { 'X-Postern-Identity': 'bea' },
  };
  await assert.rejects(gateway.sendMail(other, { user: 'ann' }), /554 5\.6\.0 .*X-Postern-Identity/);
});

test('what the content or the account is guilty of is told after the data in its own words, and nothing is stored', async () => {
  const count = await gateway.stored();
  const mail = { from: ALICE, to: 'jon@one.example', subject: 'x', text: 'x' };
  const program = { filename: 'run.exe', content: Buffer.from('x') };
  await assert.rejects(gateway.sendMail({ ...mail, attachments: [program] }), /554 5\.7\.1 attachment_rejected: /);
  assert.equal(await gateway.stored(), count);
});

test('every reason that can be simulated is told as its reply', async () => {
  const { body } = await gateway.fetchJson('GET', '/v1/reasons');
  const { sendMail } = gateway;
  let told = 0;
  for (const { code, http, smtp } of body.data) {
    if (http === null || smtp === null) continue;
    const to = `blocked+${code}@simulator.postern.test`;
    await assert.rejects(sendMail({ from: ALICE, to, subject: 'x', text: 'x' }), (error: Error) => {
      assert.match(
        error.message,
        new RegExp(`\\b\\d{3} [245]\\.\\d+\\.\\d+ ${code}: .*; see http://\\S+/docs/reasons/${code}`),
      );
      told += 1;
      return true;
    });
  }
  assert.ok(told > 40);
});
