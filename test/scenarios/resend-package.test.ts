/** The official `resend` package, unmodified, pointed at a gateway. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Resend } from 'resend';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, makeTenant } from '../harness/tenants.ts';

const mail = { from: 'Acme <hello@acme.example>', to: 'bob@example.com', subject: 'Hello', text: 'A plain word.' };

describe('the resend package', () => {
  let gateway: TestGateway;
  let resend: Resend;

  before(async () => {
    gateway = await startTestGateway();
    resend = new Resend(gateway.testKey, { baseUrl: `${gateway.url}/compat/resend` });
  });
  after(() => gateway.stop());

  async function captured(
    recipient: string,
  ): Promise<{ id: string; subject: string; text: string; headers: Record<string, string> }> {
    const until = Date.now() + 20_000;
    for (;;) {
      const { body } = await gateway.fetchJson('GET', `/v1/sink?recipient=${encodeURIComponent(recipient)}`);
      if (body.data.length > 0) return body.data[0];
      assert.ok(Date.now() < until, `nothing arrived for ${recipient}`);
      await gateway.fetchJson('GET', '/v1/events?wait=1&types=message.delivered&after_seq=0');
    }
  }

  test('sends with several recipients, an attachment, tags, headers and a key, once', async () => {
    const payload = {
      ...mail,
      to: ['ann@example.com', 'ben@example.com'],
      cc: 'cat@example.com',
      replyTo: 'help@acme.example',
      html: '<p>A plain word.</p>',
      attachments: [{ filename: 'note.txt', content: Buffer.from('noted') }],
      tags: [{ name: 'job', value: '42' }],
      headers: { 'X-Job': '42' },
    };
    const first = await resend.emails.send(payload, { idempotencyKey: 'quote-42' });
    assert.equal(first.error, null);
    assert.match(first.data!.id, /^[0-9a-f-]{36}$/);
    const again = await resend.emails.send(payload, { idempotencyKey: 'quote-42' });
    assert.equal(again.data!.id, first.data!.id);
    const other = await resend.emails.send({ ...payload, subject: 'Another' }, { idempotencyKey: 'quote-42' });
    assert.equal(other.error!.name, 'invalid_idempotent_request');

    assert.equal((await captured('ann@example.com')).subject, 'Hello');
    const read = await resend.emails.get(first.data!.id);
    assert.equal(read.error, null);
    assert.deepEqual(read.data!.to, ['ann@example.com', 'ben@example.com']);
    assert.deepEqual(read.data!.cc, ['cat@example.com']);
    assert.deepEqual(read.data!.reply_to, ['help@acme.example']);
    assert.equal(read.data!.html, '<p>A plain word.</p>');
    assert.deepEqual(read.data!.tags, [{ name: 'job', value: '42' }]);
  });

  test('a refusal says why, and what to do, in the package’s own error', async () => {
    const { data, error } = await resend.emails.send({ ...mail, to: 'blocked+suppressed@simulator.postern.test' });
    assert.equal(data, null);
    assert.equal(error!.name, 'validation_error');
    assert.equal(error!.statusCode, 422);
    assert.match(error!.message, /suppress/i);
    const unknown = await resend.emails.get('00000000-0000-0000-0000-000000000000');
    assert.equal(unknown.error!.name, 'not_found');
    const broken = await resend.emails.send({ ...mail, to: 'nobody' });
    assert.match(broken.error!.message, /to/);
    const stranger = new Resend('re_wrong', { baseUrl: `${gateway.url}/compat/resend` });
    assert.equal((await stranger.emails.send(mail)).error!.name, 'invalid_api_key');
  });

  test('a scheduled email is moved and then cancelled', async () => {
    const sent = await resend.emails.send({ ...mail, scheduledAt: new Date(Date.now() + 3_600_000).toISOString() });
    const { id } = sent.data!;
    const later = new Date(Date.now() + 7_200_000).toISOString();
    assert.equal((await resend.emails.update({ id, scheduledAt: later })).data!.id, id);
    const read = await resend.emails.get(id);
    assert.equal(read.data!.last_event, 'scheduled');
    assert.equal(read.data!.scheduled_at, later);
    assert.equal((await resend.emails.cancel(id)).data!.id, id);
    assert.equal((await resend.emails.get(id)).data!.last_event, 'canceled');
    assert.equal((await resend.emails.cancel(id)).error!.statusCode, 409);
  });

  test('a strict batch is sent whole or not at all, a permissive one says which were refused', async () => {
    const bad = { ...mail, to: 'blocked+suppressed@simulator.postern.test' };
    const strict = await resend.batch.send([{ ...mail, to: 'dan@example.com' }, bad]);
    assert.equal(strict.error!.name, 'validation_error');
    const { body } = await gateway.fetchJson('GET', '/v1/messages?recipient=dan%40example.com');
    assert.equal(body.data.length, 0);
    const permissive = await resend.batch.send([mail, bad], { batchValidation: 'permissive' });
    assert.equal(permissive.data!.data.length, 1);
    assert.deepEqual(
      permissive.data!.errors.map(({ index }) => index),
      [1],
    );
    const both = await resend.batch.send([
      { ...mail, to: 'eve@example.com' },
      { ...mail, to: 'fay@example.com' },
    ]);
    assert.equal(both.data!.data.length, 2);
  });

  test('a strict batch that would go past a limit sends nothing, and a repeated one answers as it did', async () => {
    const policy = { limits: [{ name: 'day', scope: 'tenant', window: 'calendar_day', max: 3 }] };
    const tenant = await makeTenant(gateway);
    const path = `/v1/tenants/${tenant.id}/policy`;
    assert.equal((await asOperator(gateway)('PUT', path, policy, { 'x-mode': 'test' })).status, 200);
    const mine = new Resend(tenant.agent.key, { baseUrl: `${gateway.url}/compat/resend` });
    const to = (names: string[]) => names.map((name) => ({ ...mail, to: `${name}@example.com` }));
    const over = await mine.batch.send(to(['a', 'b', 'c', 'd']));
    assert.equal(over.error!.name, 'daily_quota_exceeded');
    assert.match(over.error!.message, /\[3\]/);
    assert.deepEqual((await mine.emails.list()).data!.data, []);
    const three = to(['a', 'b', 'c']);
    const first = await mine.batch.send(three, { idempotencyKey: 'batch-1' });
    assert.equal(first.data!.data.length, 3, JSON.stringify(first.error));
    // The limit is used up by now, and the answer is the first one again.
    const again = await mine.batch.send(three, { idempotencyKey: 'batch-1' });
    assert.deepEqual(again.data, first.data);
    assert.equal(again.headers!['idempotent-replayed'], 'true');
    const grown = await mine.batch.send(to(['a', 'b', 'c', 'd']), { idempotencyKey: 'batch-1' });
    assert.equal(grown.error!.name, 'invalid_idempotent_request');
  });

  test('a strict batch that brings its account into quarantine says how many were sent', async () => {
    const tenant = await makeTenant(gateway);
    const mine = new Resend(tenant.agent.key, { baseUrl: `${gateway.url}/compat/resend` });
    const same = Array.from({ length: 60 }, () => ({ ...mail, to: 'one@example.com' }));
    const { data, error } = await mine.batch.send(same);
    assert.equal(data, null);
    const [, sent] = /^\[\d+\]: The first (\d+) were sent, and no more: .*quarantine/.exec(error!.message) ?? [];
    const emails = (await mine.emails.list({ limit: 100 })).data!.data;
    assert.equal(emails.filter(({ last_event }) => last_event !== 'suppressed').length, Number(sent));
  });

  test('a permissive batch of which nothing is refused has an empty list of errors', async () => {
    const { data } = await resend.batch.send([mail], { batchValidation: 'permissive' });
    assert.deepEqual(data!.errors, []);
  });

  test('threads, types and names of files, and loose times are taken as Resend takes them', async () => {
    const sent = await resend.emails.send({
      ...mail,
      to: 'fil@example.com',
      headers: {
        'In-Reply-To': '<asked@else.example>',
        References: '<asked@else.example>',
        'List-Unsubscribe': '<x:y>',
      },
      attachments: [
        { filename: 'Rechnung-é.pdf', content: Buffer.from('%PDF').toString('base64') },
        { content: 'eA==' },
      ],
    });
    assert.equal(sent.error, null);
    const { id } = await captured('fil@example.com');
    const raw = await fetch(`${gateway.url}/v1/sink/${id}/raw`, {
      headers: { authorization: `Bearer ${gateway.testKey}` },
    });
    const wire = await raw.text();
    assert.match(wire, /^In-Reply-To: <asked@else\.example>\r$/m);
    const { message_id } = (await resend.emails.get(sent.data!.id)).data!;
    assert.ok(wire.includes(`Message-ID: ${message_id}\r\n`), `${message_id} is not in ${wire}`);
    assert.match(wire, /Content-Type: application\/pdf/);
    assert.match(wire, /filename=attachment-2/);
    for (const scheduledAt of ['in 1 hour', '2030-08-05 11:52:01.858+02']) {
      const { data, error } = await resend.emails.send({ ...mail, scheduledAt });
      assert.equal(error, null, error?.message);
      assert.equal((await resend.emails.get(data!.id)).data!.last_event, 'scheduled');
    }
    const { error } = await resend.emails.send({ ...mail, scheduledAt: 'some day' });
    assert.match(error!.message, /scheduled_at/);
  });

  test('what is not served says so by its name', async () => {
    for (const { error } of [
      await resend.templates.list(),
      await resend.emails.metrics(),
      await resend.domains.list(),
    ]) {
      assert.equal(error!.name, 'not_found');
      assert.match(error!.message, /does not serve GET \/(templates|emails\/metrics|domains)/);
    }
  });

  test('templates are filled in', async () => {
    const template = {
      slug: 'quote-ready',
      kind: 'transactional',
      subject: 'Quote for {{ name }}',
      text: 'Dear {{ name }}.',
    };
    assert.equal((await gateway.fetchJson('POST', '/v1/templates', template)).status, 201);
    const sent = await resend.emails.send({
      from: mail.from,
      to: 'gil@example.com',
      template: { id: 'quote-ready', variables: { name: 'Gil' } },
    });
    assert.equal(sent.error, null);
    assert.equal((await captured('gil@example.com')).subject, 'Quote for Gil');
  });

  test('lists go on after the last email seen', async () => {
    const first = await resend.emails.list({ limit: 2 });
    assert.equal(first.data!.has_more, true);
    const { id } = first.data!.data.at(-1)!;
    const second = await resend.emails.list({ limit: 2, after: id });
    const ids = [...first.data!.data, ...second.data!.data].map((one) => one.id);
    assert.equal(new Set(ids).size, 4);
    const back = await resend.emails.list({ limit: 2, before: ids[3]! });
    assert.deepEqual(
      back.data!.data.map((one) => one.id),
      ids.slice(1, 3),
    );
    assert.equal(back.data!.has_more, true);
  });

  test('suppressions are added, found, and lifted by a person alone', async () => {
    const email = 'hal@example.com';
    const { data } = await resend.suppressions.add({ email });
    assert.match(data!.id, /^[0-9a-f-]{36}$/);
    assert.equal((await resend.emails.send({ ...mail, to: email })).error!.name, 'validation_error');
    assert.equal((await resend.suppressions.get(email)).data!.origin, 'manual');
    assert.equal((await resend.suppressions.get(data!.id)).data!.email, email);
    assert.ok((await resend.suppressions.list()).data!.data.some((one) => one.email === email));
    assert.match((await resend.suppressions.remove(email)).error!.message, /person/i);
    const person = await gateway.fetchJson(
      'POST',
      `/v1/tenants/${gateway.tenantId}/keys`,
      { mode: 'test', scopes: ['send', 'read', 'manage', 'approve'] },
      { key: gateway.operatorKey },
    );
    const approving = new Resend(person.body.key, { baseUrl: `${gateway.url}/compat/resend` });
    assert.equal((await approving.suppressions.remove(email)).data!.deleted, true);
    assert.equal((await resend.emails.send({ ...mail, to: email })).error, null);
    assert.equal((await resend.suppressions.get(email)).error!.name, 'not_found');
    const batch = await resend.suppressions.batch.add({ emails: ['ivy@example.com', 'jon@example.com'] });
    assert.equal(batch.data!.data.length, 2);
    const first = await resend.suppressions.list({ limit: 1 });
    assert.equal(first.data!.has_more, true);
    const rest = await resend.suppressions.list({ limit: 1, after: first.data!.data[0]!.id });
    assert.equal(rest.data!.has_more, false);
    assert.deepEqual([...first.data!.data, ...rest.data!.data].map((one) => one.email).sort(), [
      'ivy@example.com',
      'jon@example.com',
    ]);
    const back = await resend.suppressions.list({ limit: 1, before: rest.data!.data[0]!.id });
    assert.deepEqual(back.data!.data, first.data!.data);
  });
});
