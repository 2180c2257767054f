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

  test('addresses that were not written to are in the error, and in the answer where others were', async () => {
    const Bad = 'blocked+suppressed@simulator.postern.test';
    await assert.rejects(client.sendEmail({ ...mail, To: Bad }), (error: Errors.InactiveRecipientsError) => {
      assert.deepEqual(error.recipients, [Bad]);
      return true;
    });
    const sent = await client.sendEmail({ ...mail, To: `ann@example.com, ${Bad}`, Cc: 'cat@example.com' });
    assert.equal(sent.ErrorCode, 0);
    assert.equal(sent.Message, `Message OK, but will not deliver to these inactive addresses: ${Bad}`);
    assert.equal(sent.Cc, 'cat@example.com');
  });

  test('threads, repeated headers and base64 in lines are taken, and fields are named as the client knows them', async () => {
    const sent = await client.sendEmail({
      ...mail,
      Headers: [
        { Name: 'In-Reply-To', Value: '<asked@else.example>' },
        { Name: 'List-Unsubscribe', Value: '<https://acme.example/u>' },
        { Name: 'X-Part', Value: '1' },
        { Name: 'X-Part', Value: '2' },
      ],
      Attachments: [{ Name: 'a.txt', Content: 'bm90\r\nZWQ=\r\n', ContentType: 'text/plain', ContentID: '' }],
    });
    const { body } = await gateway.fetchJson('GET', `/v1/messages/${sent.MessageID}`);
    assert.equal(body.recipients[0].email, 'bob@example.com');
    const attached = [{ Name: 'a.exe', Content: 'eA==', ContentType: 'text/plain', ContentID: null }];
    await assert.rejects(
      client.sendEmail({ ...mail, Attachments: attached }),
      /^InvalidEmailRequestError: Attachments\[0\]\.Name: /,
    );
    await assert.rejects(client.sendEmail({ ...mail, TextBody: '' }), /TextBody: /);
    await assert.rejects(client.getTemplates(), /does not serve GET \/templates/);
  });

  test('lists are narrowed by all that the client can name, and go on by place', async () => {
    const own = { ...mail, From: 'lists@acme.example', Tag: 'listed', MessageStream: 'broadcast' };
    for (const n of ['1', '2', '3']) await client.sendEmail({ ...own, Subject: `List ${n}`, Metadata: { n } });
    const ids = async (filter: object) => {
      const { Messages } = await client.getOutboundMessages({ tag: 'listed', ...filter });
      return Messages.map(({ Subject }) => Subject);
    };
    assert.deepEqual(await ids({}), ['List 3', 'List 2', 'List 1']);
    assert.deepEqual(await ids({ subject: 'list 2' }), ['List 2']);
    assert.deepEqual(await ids({ metadata_n: '1' }), ['List 1']);
    assert.deepEqual(await ids({ fromEmail: 'hello@acme.example' }), []);
    assert.deepEqual(await ids({ messageStream: 'outbound' }), []);
    assert.deepEqual(await ids({ fromDate: '2999-01-01' }), []);
    const today = new Date().toISOString().slice(0, 10);
    assert.equal((await ids({ fromDate: today, toDate: today })).length, 3);
    assert.deepEqual(await ids({ count: 2, offset: 1 }), ['List 2', 'List 1']);
    assert.equal(Number((await client.getOutboundMessages({ tag: 'listed', count: 1 })).TotalCount), 2);
    await assert.rejects(client.getOutboundMessages({ fromDate: 'soon' }), /fromDate: /);
    const dump = await client.getOutboundMessageDump(
      (await client.getOutboundMessages({ count: 1 })).Messages[0]!.MessageID,
    );
    assert.equal(dump.Body, '');
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
