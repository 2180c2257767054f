/** The official `@sendgrid/mail` package, unmodified, pointed at a gateway. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import sendgridClient from '@sendgrid/client';
import type { MailDataRequired } from '@sendgrid/helpers/classes/mail.js';
import sendgridMail from '@sendgrid/mail';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

const mail = {
  from: { email: 'hello@acme.example', name: 'Acme' },
  to: 'bob@example.com',
  subject: 'Hello',
  text: 'A plain word.',
};

type ResponseError = { code: number; response: { body: unknown } };

describe('the @sendgrid/mail package', () => {
  let gateway: TestGateway;
  const service = sendgridMail;

  before(async () => {
    gateway = await startTestGateway();
    // The package asks for a key of its own form, and warns of others.
    sendgridClient.setApiKey(gateway.testKey);
    sendgridClient.setDefaultRequest('baseUrl', `${gateway.url}/compat/sendgrid/`);
    service.setClient(sendgridClient);
  });
  after(() => gateway.stop());

  async function messagesTo(recipient: string): Promise<Record<string, unknown>[]> {
    return (await gateway.fetchJson('GET', `/v1/messages?recipient=${encodeURIComponent(recipient)}`)).body.data;
  }

  test('sends with an attachment, headers, categories and arguments', async () => {
    const [answer] = await service.send({
      ...mail,
      to: ['ann@example.com', { email: 'ben@example.com', name: 'Ben' }],
      cc: 'cat@example.com',
      replyTo: 'help@acme.example',
      html: '<p>A plain word.</p>',
      attachments: [{ content: Buffer.from('noted').toString('base64'), filename: 'note.txt', type: 'text/plain' }],
      headers: { 'X-Job': '42' },
      categories: ['quote'],
      customArgs: { job: '42' },
    });
    assert.equal(answer.statusCode, 202);
    const id = answer.headers['x-message-id'];
    const { body } = await gateway.fetchJson('GET', `/v1/messages/${id}`);
    assert.deepEqual(
      body.recipients.map(({ email }: { email: string }) => email),
      ['ann@example.com', 'ben@example.com', 'cat@example.com'],
    );
    assert.deepEqual(body.tags, ['quote']);
    assert.deepEqual(body.metadata, { job: '42' });
  });

  test('a refusal is a ResponseError whose body says why', async () => {
    const send = (to: string) => service.send({ ...mail, to });
    await assert.rejects(send('blocked+suppressed@simulator.postern.test'), (error: ResponseError) => {
      assert.equal(error.code, 400);
      const { errors } = error.response.body as { errors: { message: string; field: string; help: string }[] };
      assert.equal(errors[0]!.field, 'personalizations.0.to');
      assert.match(errors[0]!.help, /\/docs\/reasons\/suppressed$/);
      return /suppress/i.test(errors[0]!.message);
    });
    await assert.rejects(send('blocked+daily_quota_exceeded@simulator.postern.test'), { code: 429 });
  });

  test('where one personalization would be refused none is sent', async () => {
    const data = {
      ...mail,
      to: undefined,
      personalizations: [{ to: 'dan@example.com' }, { to: 'blocked+suppressed@simulator.postern.test' }],
    } as unknown as MailDataRequired;
    await assert.rejects(service.send(data), (error: ResponseError) => {
      const { errors } = error.response.body as { errors: { field: string }[] };
      return errors[0]!.field === 'personalizations.1.to';
    });
    assert.equal((await messagesTo('dan@example.com')).length, 0);
    const both = { ...data, personalizations: [{ to: 'eve@example.com' }, { to: 'fay@example.com' }] };
    await service.send(both as unknown as MailDataRequired);
    assert.equal((await messagesTo('eve@example.com')).length, 1);
    assert.equal((await messagesTo('fay@example.com')).length, 1);
  });

  test('the sandbox looks and sends nothing', async () => {
    const [answer] = await service.send({
      ...mail,
      to: 'gus@example.com',
      mailSettings: { sandboxMode: { enable: true } },
    });
    assert.equal(answer.statusCode, 200);
    assert.equal((await messagesTo('gus@example.com')).length, 0);
  });

  test('dynamic templates are filled in, and a time is kept', async () => {
    const template = { slug: 'hello', kind: 'transactional', subject: 'Hello {{ name }}', text: 'Dear {{ name }}.' };
    assert.equal((await gateway.fetchJson('POST', '/v1/templates', template)).status, 201);
    await service.send({
      from: mail.from,
      to: 'gil@example.com',
      templateId: 'd-hello',
      dynamicTemplateData: { name: 'Gil' },
      sendAt: Math.floor(Date.now() / 1000) + 3600,
    });
    const [message] = await messagesTo('gil@example.com');
    assert.equal(message!['subject'], 'Hello Gil');
    assert.equal(message!['status'], 'scheduled');
  });

  test('global suppressions are kept by the official client', async () => {
    const url = '/v3/asm/suppressions/global';
    const [made] = await sendgridClient.request({
      method: 'POST',
      url,
      body: { recipient_emails: ['hal@example.com'] },
    });
    assert.equal(made.statusCode, 201);
    await assert.rejects(service.send({ ...mail, to: 'hal@example.com' }), { code: 400 });
    const [, body] = await sendgridClient.request({ method: 'GET', url: `${url}/hal@example.com` });
    assert.deepEqual(body, { recipient_email: 'hal@example.com' });
    // The key may not lift what a person must.
    await assert.rejects(sendgridClient.request({ method: 'DELETE', url: `${url}/hal@example.com` }), { code: 403 });
  });
});
