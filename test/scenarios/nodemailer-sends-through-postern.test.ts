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
