/** 12m's conversations and events: begun, answered, gone on with, followed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { messageAfter } from '../harness/events.ts';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { deliverMail } from '../harness/smtp-talk.ts';
import { makeTenant, type TestTenant } from '../harness/tenants.ts';

const HANDLE = 'sales.acme@inboxbase.test';
const IDENTITY = `/compat/12m/v1/identities/${encodeURIComponent(HANDLE)}`;
const NOON = '2027-03-01T12:00:00.000Z';
const DAY_MS = 86_400_000;

type Row = Record<string, unknown> & { id: string; type: string; seq: number };

describe('a conversation', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  let port: number;
  let convId: string;
  let lastId: string;

  before(async () => {
    gateway = await startTestGateway({ POSTERN_INBOUND_PORT: '0' });
    tenant = await makeTenant(gateway);
    port = Number(gateway.gateway.listening.inbound!.split(':')[1]);
    await ok('POST', '/v1/test/clock', { now: NOON });
    for (const handle of [HANDLE, 'support']) {
      await ok('POST', '/v1/identities', { handle, from: `${handle.split('@')[0]}@acme.example` });
    }
  });
  after(() => gateway.stop());

  async function ok(method: string, path: string, body?: unknown): Promise<Answer['body']> {
    const answer = await tenant.agent.call(method, path, body);
    assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
  const conversation = async () => (await ok('GET', `${IDENTITY}/conversations/${convId}`)).conversation;

  /** Sends, and comes back once the mail has arrived in the sink. */
  async function send(
    body: Record<string, unknown>,
  ): Promise<{ body: Answer['body']; path: string; messageId: string }> {
    const answered = await ok('POST', `${IDENTITY}/send`, { text: 'Here it is.', ...body });
    const [newest] = (await ok('GET', '/v1/messages?limit=1')).data;
    lastId = newest.id;
    await messageAfter(gateway.gateway.store, { tenantNo: tenant.no, mode: 'test', id: lastId }, 'message.delivered');
    const [captured] = (await ok('GET', '/v1/sink?limit=1')).data;
    return { body: answered, path: captured.envelope.from, messageId: captured.headers['Message-ID'] };
  }

  test('begins with a send, and its timer of silence runs', async () => {
    const { body, path, messageId } = await send({
      to: 'kim@buyer.example',
      subject: 'Your quote',
      labels: ['campaign:spring'],
      noReplyEventAfter: '4h',
    });
    convId = body.convId;
    const shown = await conversation();
    assert.deepEqual(
      [shown.with, shown.subject, shown.messageCount, shown.archived],
      ['kim@buyer.example', 'Your quote', 1, false],
    );
    assert.deepEqual(shown.labels, ['campaign:spring']);
    assert.equal(shown.noReplyAt, shown.lastEventAt + 4 * 3_600_000);
    assert.equal(shown.lastNoReplyAt, null);
    assert.deepEqual(
      shown.events.map(({ type }: Row) => type),
      ['label_added', 'message'],
    );
    const [, { message }] = shown.events;
    assert.deepEqual([message.direction, message.to, message.text], ['outbound', ['kim@buyer.example'], 'Here it is.']);
    await ok('POST', '/v1/test/clock', { advance: 'PT1M' });
    const data = `From: Kim <kim@buyer.example>\nSubject: Re: Your quote\nMessage-ID: <k1@buyer.example>\nIn-Reply-To: ${messageId}\n\nYes, please.\n`;
    assert.match(await deliverMail(port, { from: 'kim@buyer.example', to: path, data }), /^250 /);
  });

  test('is answered, which stops the timer, and gone on with as a reply to the same person', async () => {
    const answered = await conversation();
    assert.equal(answered.noReplyAt, null);
    assert.equal(answered.messageCount, 2);
    const last = answered.events.at(-1).message;
    assert.deepEqual([last.direction, last.from, last.snippet], ['inbound', 'kim@buyer.example', 'Yes, please.']);
    await ok('POST', '/v1/test/clock', { advance: 'PT1M' });
    const { body } = await send({ convId });
    assert.deepEqual([body.convId, body.affinity, body.results[0].sendClass], [convId, 'existing', 'warm']);
    assert.equal(body.results[0].to, 'kim@buyer.example');
    const [captured] = (await ok('GET', '/v1/sink?limit=1')).data;
    assert.equal(captured.subject, 'Re: Your quote');
    assert.equal(captured.headers['In-Reply-To'], '<k1@buyer.example>');
  });

  test('runs out of time once nobody answers', async () => {
    const before = await conversation();
    assert.equal(before.noReplyAt - before.lastEventAt, DAY_MS, 'a day unless said');
    await ok('POST', '/v1/test/clock', { advance: 'P1D' });
    const shown = await conversation();
    assert.deepEqual([shown.noReplyAt, shown.lastNoReplyAt], [null, before.noReplyAt]);
    const expired = shown.events.at(-1);
    assert.deepEqual([expired.type, expired.waitedMs], ['no_reply_expired', DAY_MS]);
  });

  test('is listed by whom it is with, and is another identity’s business alone', async () => {
    const other = await send({ to: 'lee@sub.seller.example', subject: 'Hello' });
    const list = async (query: string) =>
      (await ok('GET', `${IDENTITY}/conversations${query}`)).conversations.map(({ id }: Row) => id);
    assert.deepEqual(await list(''), [other.body.convId, convId]);
    assert.deepEqual(await list('?with=Kim@Buyer.example'), [convId]);
    assert.deepEqual(await list('?withDomain=seller.example'), [other.body.convId]);
    assert.deepEqual(await list('?withDomain=eller.example'), []);
    assert.deepEqual(await list(`?since=${Date.parse(NOON) + DAY_MS}`), [other.body.convId]);
    assert.deepEqual(await list(`?until=${Date.parse(NOON) + DAY_MS - 1}`), [convId]);
    assert.deepEqual(await list('?archived=true'), []);
    const page = await ok('GET', `${IDENTITY}/conversations?limit=1`);
    assert.equal(page.conversations.length, 1);
    assert.equal(page.conversations[0].snippet, 'Here it is.');
    const next = await ok('GET', `${IDENTITY}/conversations?limit=1&cursor=${page.nextCursor}`);
    assert.deepEqual(
      next.conversations.map(({ id }: Row) => id),
      [convId],
    );
    // A cursor may be the time of the last row, and rows that a filter passes over leave no page short.
    const after = await list(`?limit=1&cursor=${page.conversations[0].lastEventAt}`);
    assert.deepEqual(after, [convId]);
    assert.deepEqual(await list(`?limit=1&until=${Date.parse(NOON) + DAY_MS - 1}`), [convId]);
    const foreign = await tenant.agent.call('GET', `/compat/12m/v1/identities/support/conversations/${convId}`);
    assert.deepEqual([foreign.status, foreign.body.error], [404, 'conversation not found']);
    const misplaced = await tenant.agent.call('POST', '/compat/12m/v1/identities/support/send', {
      convId,
      text: 'Hi.',
    });
    assert.equal(misplaced.status, 404);
    assert.deepEqual((await ok('GET', '/compat/12m/v1/identities/support/conversations')).conversations, []);
  });

  test('is put aside and taken back', async () => {
    const [{ id }] = (await ok('GET', '/v1/threads?contact=kim@buyer.example')).data;
    await ok('PATCH', `/v1/threads/${id}`, { archived: true });
    await ok('PATCH', `/v1/threads/${id}`, { archived: true });
    assert.equal((await conversation()).archived, true);
    await ok('POST', '/v1/test/clock', { advance: 'PT1M' });
    await ok('PATCH', `/v1/threads/${id}`, { archived: false });
    const shown = await conversation();
    assert.equal(shown.archived, false);
    assert.deepEqual(
      shown.events.slice(-3).map(({ type }: Row) => type),
      ['no_reply_expired', 'archived', 'unarchived'],
    );
  });

  test('tells its events in order, on from any of them, and wakes who waits', async () => {
    const { events, cursor, hasMore } = await ok('GET', `${IDENTITY}/events`);
    const silent = events.find(({ type }: Row) => type === 'email.no_reply');
    assert.deepEqual([silent.convId, silent.data.waitedMs], [convId, DAY_MS]);
    const ofOurs = events.filter((one: Row) => one['convId'] === convId);
    assert.deepEqual(
      ofOurs.map(({ type }: Row) => type),
      ['email.queued', 'email.sent', 'email.replied', 'email.queued', 'email.sent', 'email.no_reply'],
    );
    assert.equal(hasMore, false);
    const queued = ofOurs.filter(({ type }: Row) => type === 'email.queued');
    assert.deepEqual(
      queued.map(({ data }: { data: Row }) => data['sendClass']),
      ['cold_first_contact', 'warm'],
    );
    assert.match(queued[0].data.pendingId, /^psn_/);
    assert.equal(Date.parse(queued[1].data.dispatchAtIso), queued[1].data.dispatchAt);
    const seqs = events.map(({ seq }: Row) => seq);
    assert.deepEqual(
      seqs,
      [...seqs].sort((a, b) => a - b),
    );
    assert.equal(events[0].data.identity, HANDLE);
    assert.equal(Date.parse(events[0].tsIso), events[0].ts);
    const two = await ok('GET', `${IDENTITY}/events?since=${seqs[0]}&limit=2`);
    assert.deepEqual([two.events.map(({ seq }: Row) => seq), two.hasMore], [seqs.slice(1, 3), true]);
    const replied = await ok('GET', `${IDENTITY}/events?types=email.replied`);
    assert.deepEqual(
      replied.events.map(({ type }: Row) => type),
      ['email.replied'],
    );
    assert.deepEqual((await ok('GET', '/compat/12m/v1/identities/support/events')).events, []);
    const waiting = ok('GET', `${IDENTITY}/events?since=${cursor}&timeoutMs=20000&types=email.bounced`);
    await ok('POST', `${IDENTITY}/send`, { to: 'bounced@simulator.postern.test', subject: 'Hello', text: 'Hi.' });
    const woken = await waiting;
    assert.deepEqual(
      woken.events.map(({ type }: Row) => type),
      ['email.bounced'],
    );
    assert.equal(woken.events[0].data.bounceType, 'hard');
    const nothing = await ok('GET', `${IDENTITY}/events?since=${woken.cursor + 1000}`);
    assert.deepEqual(nothing.events, []);
  });

  test('each silence that it met stays in it', async () => {
    const { body } = await send({ to: 'max@buyer.example', subject: 'Hello', noReplyEventAfter: '1h' });
    await ok('POST', '/v1/test/clock', { advance: 'PT2H' });
    await send({ convId: body.convId, noReplyEventAfter: '3h' });
    await ok('POST', '/v1/test/clock', { advance: 'PT4H' });
    const { events } = (await ok('GET', `${IDENTITY}/conversations/${body.convId}`)).conversation;
    assert.deepEqual(
      events.filter(({ type }: Row) => type === 'no_reply_expired').map(({ waitedMs }: Row) => waitedMs),
      [3_600_000, 3 * 3_600_000],
    );
  });

  test('what a person cancels before it leaves is told', async () => {
    const later = new Date(Date.parse(NOON) + 9 * DAY_MS).toISOString();
    const sent = await ok('POST', '/v1/messages', {
      identity: HANDLE,
      to: 'kim@buyer.example',
      subject: 'x',
      text: 'y',
      send_at: later,
    });
    await ok('POST', `/v1/messages/${sent.id}/cancel`);
    const { events } = await ok('GET', `${IDENTITY}/events?types=email.cancelled`);
    assert.equal(events[0].data.messageId, sent.id);
  });
});
