/** The official `@sendgrid/mail` package, unmodified, pointed at a gateway. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import sendgridClient from '@sendgrid/client';
import type { MailDataRequired } from '@sendgrid/helpers/classes/mail.js';
import sendgridMail from '@sendgrid/mail';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, makeTenant } from '../harness/tenants.ts';

const mail = {
  from: { email: 'hello@acme.example', name: 'Acme' },
  to: 'bob@example.com',
  subject: 'Hello',
  text: 'A plain word.',
};

// The packages' types hide their classes from modules.
const { Client } = sendgridClient as unknown as { Client: new () => typeof sendgridClient };
const { MailService } = sendgridMail as unknown as { MailService: new () => typeof sendgridMail };

type ResponseError = { code: number; message: string; response: { body: unknown } };

const several = (names: readonly string[], more: object = {}) =>
  ({
    ...{ from: mail.from, subject: mail.subject, text: mail.text, ...more },
    personalizations: names.map((name) => ({ to: `${name}@example.com` })),
  }) as unknown as MailDataRequired;

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

  /** What arrived, octet by octet. */
  async function captured(recipient: string): Promise<string> {
    const until = Date.now() + 20_000;
    for (;;) {
      const { body } = await gateway.fetchJson('GET', `/v1/sink?recipient=${encodeURIComponent(recipient)}`);
      if (body.data.length > 0) {
        const headers = { authorization: `Bearer ${gateway.testKey}` };
        return (await fetch(`${gateway.url}/v1/sink/${body.data[0].id}/raw`, { headers })).text();
      }
      assert.ok(Date.now() < until, `nothing arrived for ${recipient}`);
      await gateway.fetchJson('GET', '/v1/events?wait=1&types=message.delivered&after_seq=0');
    }
  }

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

  test('the reason stands in the message of the error, which is what programs log', async () => {
    const to = 'blocked+suppressed@simulator.postern.test';
    await assert.rejects(service.send({ ...mail, to }), (error: ResponseError) => {
      assert.match(error.message, /^The address is suppressed: .* Take the address off your list/);
      return true;
    });
    await assert.rejects(service.send({ ...mail, to: 'nobody' }), { message: /^personalizations\.0\.to\.0\.email: / });
    await assert.rejects(sendgridClient.request({ method: 'GET', url: '/v3/templates' }), {
      message: /does not serve GET \/v3\/templates/,
    });
  });

  test('personalizations that go past a limit together are not sent, and repeated ones are sent once', async () => {
    const policy = { limits: [{ name: 'day', scope: 'tenant', window: 'calendar_day', max: 3 }] };
    const tenant = await makeTenant(gateway);
    const path = `/v1/tenants/${tenant.id}/policy`;
    assert.equal((await asOperator(gateway)('PUT', path, policy, { 'x-mode': 'test' })).status, 200);
    const client = new Client();
    client.setApiKey(tenant.agent.key);
    client.setDefaultRequest('baseUrl', `${gateway.url}/compat/sendgrid/`);
    const own = new MailService();
    own.setClient(client);
    await assert.rejects(own.send(several(['a', 'b', 'c', 'd'])), { code: 429 });
    assert.deepEqual((await tenant.agent.call('GET', '/v1/messages')).body.data, []);
    const keyed = several(['a', 'b', 'c'], { headers: { 'Idempotency-Key': 'batch-1' } });
    const [first] = await own.send(keyed);
    const [again] = await own.send(keyed);
    assert.equal(again.headers['x-message-id'], first.headers['x-message-id']);
    assert.equal((await tenant.agent.call('GET', '/v1/messages')).body.data.length, 3);
  });

  test('a picture that the HTML shows arrives inside it, and an invitation as a file', async () => {
    const png = Buffer.from('a picture').toString('base64');
    const [answer] = await service.send({
      ...{ from: mail.from, to: 'pia@example.com', subject: 'Seen', html: '<img src="cid:logo">' },
      content: [{ type: 'text/calendar', value: 'BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n' }],
      attachments: [
        { content: png, filename: 'logo.png', type: 'image/png', disposition: 'inline', contentId: 'logo' },
        { content: png, filename: 'other.png', disposition: 'attachment' },
      ],
    });
    assert.equal(answer.statusCode, 202);
    const wire = await captured('pia@example.com');
    assert.match(wire, /Content-Disposition: inline; filename=logo\.png\r\nContent-ID: <logo>/);
    assert.match(wire, /Content-Type: image\/png\r\n.*\r\nContent-Disposition: attachment; filename=other\.png/);
    assert.match(wire, /Content-Type: text\/calendar; charset=utf-8; method=REQUEST/);
  });

  test('substitutions that grow without end are refused at once', async () => {
    const grows = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [String.fromCharCode(97 + i), 'abcdefghijkl'.repeat(9)]),
    );
    const data = { ...mail, to: undefined, substitutionWrappers: ['', ''], text: 'abcdefghijkl' };
    const personalizations = [{ to: 'sue@example.com', substitutions: grows }];
    const send = service.send({ ...data, personalizations } as unknown as MailDataRequired);
    await assert.rejects(send, { code: 400, message: /substitutions/ });
  });

  test('what waits of a batch is cancelled by its id, and what has left is not said to be', async () => {
    const [, { batch_id: batchId }] = await sendgridClient.request({ method: 'POST', url: '/v3/mail/batch' });
    const sendAt = Math.floor(Date.now() / 1000) + 3600;
    await service.send({ ...several(['tom', 'una']), sendAt, batchId } as MailDataRequired);
    const cancel = {
      method: 'POST',
      url: '/v3/user/scheduled_sends',
      body: { batch_id: batchId, status: 'cancel' },
    } as const;
    const [cancelled, body] = await sendgridClient.request(cancel);
    assert.equal(cancelled.statusCode, 201);
    assert.deepEqual(body, { batch_id: batchId, status: 'cancel' });
    assert.equal((await messagesTo('tom@example.com'))[0]!['status'], 'cancelled');
    assert.equal((await messagesTo('una@example.com'))[0]!['status'], 'cancelled');
    await assert.rejects(sendgridClient.request(cancel), { code: 409 });
    const [, seen] = await sendgridClient.request({ method: 'GET', url: `/v3/user/scheduled_sends/${batchId}` });
    assert.deepEqual(seen, [{ batch_id: batchId, status: 'cancel' }]);
    const paused = { ...cancel, body: { batch_id: batchId, status: 'pause' } };
    await assert.rejects(sendgridClient.request(paused), { code: 400, message: /pausing a batch is not served/ });
  });

  test('activity is read back by the id that was answered', async () => {
    const [answer] = await service.send({ ...mail, to: 'vic@example.com', categories: ['seen'], customArgs: { n: 7 } });
    await captured('vic@example.com');
    const query = 'to_email="vic@example.com" AND status="delivered"';
    const [, listed] = await sendgridClient.request({ method: 'GET', url: '/v3/messages', qs: { query, limit: 5 } });
    const [entry] = (listed as { messages: Record<string, unknown>[] }).messages;
    assert.equal(entry!['msg_id'], `${answer.headers['x-message-id']}.0`);
    const [, one] = await sendgridClient.request({ method: 'GET', url: `/v3/messages/${entry!['msg_id']}` });
    const shown = one as {
      status: string;
      events: { event_name: string }[];
      unique_args: object;
      categories: string[];
    };
    assert.equal(shown.status, 'delivered');
    assert.deepEqual(
      shown.events.map(({ event_name }) => event_name),
      ['processed', 'delivered'],
    );
    assert.deepEqual(shown.unique_args, { n: '7' });
    assert.deepEqual(shown.categories, ['seen']);
    const unread = sendgridClient.request({
      method: 'GET',
      url: '/v3/messages',
      qs: { query: 'last_event_time BETWEEN x' },
    });
    await assert.rejects(unread, { code: 400, message: /query/ });
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
    const [, unsubscribed] = await sendgridClient.request({ method: 'GET', url: '/v3/suppression/unsubscribes' });
    assert.deepEqual(
      (unsubscribed as { email: string }[]).map(({ email }) => email),
      ['hal@example.com'],
    );
    await gateway.fetchJson('POST', '/v1/suppressions', { email: 'ida@example.com', reason: 'hard_bounce' });
    const [, bounced] = await sendgridClient.request({ method: 'GET', url: '/v3/suppression/bounces' });
    assert.deepEqual(
      (bounced as { email: string }[]).map(({ email }) => email),
      ['ida@example.com'],
    );
    const [, none] = await sendgridClient.request({ method: 'GET', url: `${url}/ida@example.com` });
    assert.deepEqual(none, {});
    // The key may not lift what a person must.
    await assert.rejects(sendgridClient.request({ method: 'DELETE', url: `${url}/hal@example.com` }), { code: 403 });
  });
});
