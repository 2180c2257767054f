import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { deliverMail } from '../harness/smtp-talk.ts';
import { makeTenant, type TestTenant } from '../harness/tenants.ts';

type Sent = { id: string; thread: string; path: string; headers: Record<string, string> };

describe('a conversation', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  let port: number;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_INBOUND_PORT: '0' });
    tenant = await makeTenant(gateway);
    port = Number(gateway.gateway.listening.inbound!.split(':')[1]);
  });
  after(() => gateway.stop());
  const call = (method: string, path: string, body?: unknown) => tenant.agent.call(method, path, body);

  const send = async (to: string, more: object = {}): Promise<Sent> => {
    const { status, body } = await call('POST', '/v1/messages', { to, subject: 'Your quote', text: 'Here.', ...more });
    assert.equal(status, 202, JSON.stringify(body));
    await messageAfter(gateway.gateway.store, { tenantNo: tenant.no, mode: 'test', id: body.id }, 'message.delivered');
    const captured = (await call('GET', `/v1/sink?recipient=${to}`)).body.data[0];
    const { thread_id: thread } = (await call('GET', `/v1/messages/${body.id}`)).body;
    return { id: body.id, thread, path: captured.envelope.from, headers: captured.headers };
  };
  const answer = async (to: Sent, from: string, id: string, text = 'Yes.'): Promise<void> => {
    const data = `From: Bob <${from}>\nSubject: Re: Your quote\nMessage-ID: ${id}\nIn-Reply-To: ${to.headers['Message-ID']}\n\n${text}\n`;
    assert.match(await deliverMail(port, { from, to: to.path, data }), /^250 /);
  };
  const threads = async (query = ''): Promise<{ id: string }[]> => (await call('GET', `/v1/threads${query}`)).body.data;
  const ids = async (query = '') => (await threads(query)).map(({ id }) => id);

  test('begins with a message, is joined by its id, and answers what came last', async () => {
    const first = await send('bob@one.example');
    assert.equal(first.thread, `thr_${first.id.slice(4)}`);
    await answer(first, 'bob@one.example', '<a1@one.example>');
    const second = await send('bob@one.example', { thread_id: first.thread });
    assert.equal(second.thread, first.thread);
    assert.equal(second.headers['In-Reply-To'], '<a1@one.example>');
    assert.ok(second.headers['References']!.includes(first.headers['Message-ID']!));
    await answer(second, 'bob@one.example', '<a2@one.example>');
    const { body } = await call('GET', `/v1/threads/${first.thread}`);
    assert.deepEqual(
      body.timeline.map((entry: { type: string }) => entry.type),
      ['message', 'reply', 'message', 'reply'],
    );
    assert.equal(body.messages, 2);
    assert.equal(body.replies, 2);
    assert.equal(body.last, 'reply');
    assert.deepEqual(body.contacts, ['bob@one.example']);
    assert.equal(body.timeline[0].message.text, 'Here.');
    assert.equal(body.timeline[1].reply.text.trim(), 'Yes.');
    assert.equal(body.timeline[1].reply.from.name, 'Bob');
  });

  test('is joined by what a message answers, ours or theirs', async () => {
    const first = await send('bob@two.example');
    await answer(first, 'bob@two.example', '<b1@two.example>');
    const ours = await send('bob@two.example', { in_reply_to: first.headers['Message-ID'] });
    const theirs = await send('bob@two.example', { references: ['<elsewhere@x.example>', '<b1@two.example>'] });
    const foreign = await send('bob@two.example', { in_reply_to: '<elsewhere@x.example>' });
    assert.equal(ours.thread, first.thread);
    assert.equal(theirs.thread, first.thread);
    assert.equal(foreign.thread, `thr_${foreign.id.slice(4)}`);
    assert.equal(foreign.headers['In-Reply-To'], '<elsewhere@x.example>');
  });

  test('that is not there is refused, and so is another account’s', async () => {
    const stranger = await makeTenant(gateway);
    const { thread } = await send('bob@three.example');
    for (const thread_id of [
      'thr_x',
      thread.replace(/.$/, (c) => (c === '0' ? '1' : '0')),
      'thr_00000000000000000000000000',
    ]) {
      const { status, body } = await call('POST', '/v1/messages', {
        to: 'a@b.example',
        subject: 'a',
        text: 'b',
        thread_id,
      });
      assert.equal(status, 422);
      assert.equal(body.errors[0].param, 'thread_id');
    }
    const foreign = await stranger.agent.call('POST', '/v1/messages', {
      to: 'a@b.example',
      subject: 'a',
      text: 'b',
      thread_id: thread,
    });
    assert.equal(foreign.status, 422);
    assert.equal((await stranger.agent.call('GET', `/v1/threads/${thread}`)).status, 404);
    assert.equal((await stranger.agent.call('PATCH', `/v1/threads/${thread}`, { archived: true })).status, 404);
    assert.deepEqual((await stranger.agent.call('GET', '/v1/threads')).body.data, []);
  });

  test('comes first in the list when something happens in it, and once, on whatever page', async () => {
    const a = await send('a@list.example');
    const b = await send('b@list.example');
    const c = await send('c@list.example');
    assert.deepEqual((await ids()).slice(0, 3), [c.thread, b.thread, a.thread]);
    await answer(a, 'a@list.example', '<l1@list.example>');
    await send('b@list.example', { thread_id: b.thread });
    const all = await ids();
    assert.deepEqual(all.slice(0, 3), [b.thread, a.thread, c.thread]);
    assert.equal(new Set(all).size, all.length);
    const paged: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body } = await call('GET', `/v1/threads?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      paged.push(...body.data.map(({ id }: { id: string }) => id));
      cursor = body.next_cursor;
    }
    assert.deepEqual(paged, all);
    assert.deepEqual(await ids('?contact=A@list.example'), [a.thread]);
    assert.deepEqual(await ids('?since=2100-01-01T00:00:00Z'), []);
  });

  test('is put aside, and taken back by a reply', async () => {
    const first = await send('bob@aside.example');
    assert.equal((await call('PATCH', `/v1/threads/${first.thread}`, { archived: true })).status, 200);
    assert.deepEqual(await ids('?archived=true'), [first.thread]);
    assert.ok(!(await ids('?archived=false')).includes(first.thread));
    await answer(first, 'bob@aside.example', '<c1@aside.example>');
    assert.deepEqual(await ids('?archived=true'), []);
  });

  test('that a message was refused in has nothing of it', async () => {
    await call('POST', '/v1/suppressions', { email: 'no@refused.example', reason: 'unsubscribe' });
    const { body } = await call('POST', '/v1/messages', { to: 'no@refused.example', subject: 'a', text: 'b' });
    const message = (await call('GET', `/v1/messages/${body.message_id}`)).body;
    assert.equal(message.thread_id, null);
    assert.deepEqual(await ids('?contact=no@refused.example'), []);
    assert.equal((await call('GET', `/v1/threads/thr_${body.message_id.slice(4)}`)).status, 404);
  });

  test('with a person who is erased has nothing of them any more', async () => {
    const first = await send('bob@erased.example');
    await answer(first, 'bob@erased.example', '<d1@erased.example>', 'my secret');
    const headers = { 'X-Note': 'asked for it' };
    const erased = await tenant.person.call(
      'POST',
      '/v1/contacts/bob@erased.example/erase',
      { note: 'asked' },
      headers,
    );
    assert.ok(erased.status < 300, JSON.stringify(erased.body));
    assert.equal((await call('GET', `/v1/threads/${first.thread}`)).status, 404);
    const { data } = (await call('GET', '/v1/inbound?limit=200')).body;
    assert.ok(!JSON.stringify(data).includes('erased.example'));
  });
});
