/** The official `postmark` package, unmodified, pointed at a gateway. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Errors, ServerClient } from 'postmark';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

const mail = { From: 'Acme <hello@acme.example>', To: 'bob@example.com', Subject: 'Hello', TextBody: 'A plain word.' };

describe('the postmark package', () => {
  let gateway: TestGateway;
  let client: ServerClient;

  before(async () => {
    gateway = await startTestGateway();
    client = new ServerClient(gateway.testKey, {
      requestHost: `${new URL(gateway.url).host}/compat/postmark`,
      useHttps: false,
    });
  });
  after(() => gateway.stop());

  test('sends to several recipients with an attachment, headers, a tag and metadata, and reads it back', async () => {
    const sent = await client.sendEmail({
      ...mail,
      To: 'Ann <ann@example.com>, "Bell, Ben" <ben@example.com>',
      Cc: 'cat@example.com',
      ReplyTo: 'help@acme.example',
      HtmlBody: '<p>A plain word.</p>',
      Tag: 'quote',
      Metadata: { job: '42' },
      Headers: [{ Name: 'X-Job', Value: '42' }],
      Attachments: [
        {
          Name: 'note.txt',
          Content: Buffer.from('noted').toString('base64'),
          ContentType: 'text/plain',
          ContentID: null,
        },
      ],
    });
    assert.equal(sent.ErrorCode, 0);
    assert.equal(sent.Message, 'OK');
    const read = await client.getOutboundMessageDetails(sent.MessageID);
    assert.deepEqual(read.Recipients, ['ann@example.com', 'ben@example.com', 'cat@example.com']);
    assert.deepEqual(read.To[1], { Email: 'ben@example.com', Name: 'Bell, Ben' });
    assert.equal(read.HtmlBody, '<p>A plain word.</p>');
    assert.deepEqual(read.Metadata, { job: '42' });
    assert.deepEqual(read.Attachments, ['note.txt']);
    const { Messages } = await client.getOutboundMessages({ tag: 'quote' });
    assert.equal(Messages[0]!.MessageID, sent.MessageID);
  });

  test('refusals are the package’s own errors, with the reason in their message', async () => {
    const send = (To: string) => client.sendEmail({ ...mail, To });
    await assert.rejects(send('blocked+suppressed@simulator.postern.test'), (error: Errors.HttpError) => {
      assert.ok(error instanceof Errors.InactiveRecipientsError);
      assert.equal(error.code, 406);
      return /suppress/i.test(error.message);
    });
    await assert.rejects(send('blocked+send_rate_exceeded@simulator.postern.test'), Errors.RateLimitExceededError);
    await assert.rejects(send('nobody'), Errors.InvalidEmailRequestError);
    const stranger = new ServerClient('pst_test_wrong', {
      requestHost: `${new URL(gateway.url).host}/compat/postmark`,
      useHttps: false,
    });
    await assert.rejects(stranger.sendEmail(mail), Errors.InvalidAPIKeyError);
  });

  test('each element of a batch has its own answer', async () => {
    const rows = await client.sendEmailBatch([mail, { ...mail, To: 'blocked+suppressed@simulator.postern.test' }]);
    assert.deepEqual(
      rows.map(({ ErrorCode }) => ErrorCode),
      [0, 406],
    );
  });

  test('templates are filled in, by alias', async () => {
    const template = { slug: 'hello', kind: 'transactional', subject: 'Hello {{ name }}', text: 'Dear {{ name }}.' };
    assert.equal((await gateway.fetchJson('POST', '/v1/templates', template)).status, 201);
    const sent = await client.sendEmailWithTemplate({
      From: mail.From,
      To: 'gil@example.com',
      TemplateAlias: 'hello',
      TemplateModel: { name: 'Gil' },
    });
    assert.equal((await client.getOutboundMessageDetails(sent.MessageID)).Subject, 'Hello Gil');
  });

  test('suppressions are added and seen, and lifting one is left to a person', async () => {
    const EmailAddress = 'hal@example.com';
    const made = await client.createSuppressions('outbound', {
      Suppressions: [{ EmailAddress }, { EmailAddress: 'none' }],
    });
    assert.deepEqual(
      made.Suppressions.map(({ Status }) => Status),
      ['Suppressed', 'Failed'],
    );
    await assert.rejects(client.sendEmail({ ...mail, To: EmailAddress }), Errors.InactiveRecipientsError);
    const dump = await client.getSuppressions('outbound');
    assert.equal(dump.Suppressions[0]!.SuppressionReason, 'ManualSuppression');
    const gone = await client.deleteSuppressions('outbound', { Suppressions: [{ EmailAddress }] });
    assert.equal(gone.Suppressions[0]!.Status, 'Failed');
  });
});
