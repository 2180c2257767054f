import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inHours, leave, mail } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

describe('looking messages up', () => {
  let gateway: TestGateway;
  const ids: Record<string, string> = {};
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    const send = async (name: string, body: Record<string, unknown>) => {
      const answer = await gateway.fetchJson('POST', '/v1/messages', body);
      ids[name] = answer.body.id ?? answer.body.message_id;
    };
    await send('sent', {
      ...mail(['Bob <bob@one.example>', 'eve@one.example'], { tags: ['quote', 'ü'], metadata: { job: '42' } }),
      from: 'Alice <alice@acme.example>',
      subject: 'The QUOTE you asked for',
    });
    await leave(gateway);
    await send('refused', mail('blocked+suppressed@simulator.postern.test', { tags: ['quote'] }));
    await send('scheduled', mail('bob@one.example', { send_at: inHours(5) }));
    await send('partial', mail(['bob@one.example', 'blocked+do_not_contact@simulator.postern.test']));
  });
  after(() => gateway.stop());
  const list = async (query: string) => {
    const { status, body } = await gateway.fetchJson('GET', `/v1/messages?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body.data.map(({ id }: { id: string }) => Object.entries(ids).find(([, known]) => known === id)?.[0]);
  };

  test('shows one as it was sent, as it stands, and all that happened', async () => {
    const { body } = await gateway.fetchJson('GET', `/v1/messages/${ids['sent']}`);
    assert.equal(body.status, 'delivered');
    assert.equal(body.from, 'Alice <alice@acme.example>');
    assert.deepEqual(body.tags, ['quote', 'ü']);
    assert.deepEqual(body.metadata, { job: '42' });
    assert.equal(body.recipients[0].name, 'Bob');
    assert.deepEqual(
      body.events.map(({ type }: { type: string }) => type),
      [
        'message.accepted',
        'message.accepted',
        'message.sent',
        'message.delivered',
        'message.sent',
        'message.delivered',
      ],
    );
    const seqs = body.events.map(({ seq }: { seq: number }) => seq);
    assert.deepEqual(seqs, [1, 2, 3, 4, 5, 6]);
    assert.equal(body.attempts.length, 2);
    const { at, recipient_id, ...attempt } = body.attempts[0];
    assert.match(at, /Z$/);
    assert.equal(recipient_id, body.recipients[0].id);
    assert.deepEqual(attempt, {
      recipient: 'bob@one.example',
      number: 1,
      outcome: 'delivered',
      provider: 'default',
      mailbox: null,
      reply: '250 2.0.0 queued',
      why: [],
      class: null,
    });
  });

  test('shows a refused one with its reasons, and how often it was repeated', async () => {
    const again = await gateway.fetchJson(
      'POST',
      '/v1/messages',
      mail('blocked+suppressed@simulator.postern.test', { tags: ['quote'] }),
    );
    assert.equal(again.body.message_id, ids['refused']);
    const { body } = await gateway.fetchJson('GET', `/v1/messages/${ids['refused']}`);
    assert.equal(body.status, 'blocked');
    assert.equal(body.repeats, 1);
    assert.equal(body.recipients[0].reasons[0].code, 'suppressed');
    assert.equal(body.content.stored, false);
    assert.match(body.content.hash, /^[0-9a-f]{64}$/);
    assert.equal(body.events[0].data.reasons[0].code, 'suppressed');
  });

  test('lists newest first, and narrows', async () => {
    assert.deepEqual(await list(''), ['partial', 'scheduled', 'refused', 'sent']);
    assert.deepEqual(await list('status=delivered'), ['sent']);
    assert.deepEqual(await list('status=partial'), ['partial']);
    assert.deepEqual(await list('status=blocked'), ['partial', 'refused']);
    assert.deepEqual(await list('tag=quote'), ['refused', 'sent']);
    assert.deepEqual(await list(`tag=${encodeURIComponent('ü')}`), ['sent']);
    assert.deepEqual(await list('recipient=BOB@one.example'), ['partial', 'scheduled', 'sent']);
    assert.deepEqual(await list('reason=do_not_contact'), ['partial']);
    assert.deepEqual(await list('q=quote+you'), ['sent']);
    assert.deepEqual(await list('q=EVE@'), ['sent']);
    assert.deepEqual(await list(`until=${new Date(Date.now() - 60_000).toISOString()}`), []);
    assert.deepEqual(await list(`since=${new Date(Date.now() - 60_000).toISOString()}&tag=quote`), ['refused', 'sent']);
  });

  test('pages without missing one or giving one twice', async () => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`;
      const { body } = await gateway.fetchJson('GET', `/v1/messages?limit=1${query}`);
      assert.ok(body.data.length <= 1);
      seen.push(...body.data.map(({ id }: { id: string }) => id));
      cursor = body.next_cursor;
    } while (cursor !== null);
    assert.deepEqual(seen, [ids['partial'], ids['scheduled'], ids['refused'], ids['sent']]);
  });

  test('refuses a filter that means nothing, and hides what is not its own', async () => {
    for (const query of [
      'status=gone',
      'reason=none',
      'since=yesterday',
      'recipient=bob',
      'limit=201',
      'cursor=-',
      'x=1',
    ]) {
      assert.equal((await gateway.fetchJson('GET', `/v1/messages?${query}`)).status, 422, query);
    }
    const live = { key: gateway.liveKey };
    assert.deepEqual((await gateway.fetchJson('GET', '/v1/messages', undefined, live)).body.data, []);
    for (const path of ['', '/verdict']) {
      const foreign = await gateway.fetchJson('GET', `/v1/messages/${ids['sent']}${path}`, undefined, live);
      assert.equal(foreign.status, 404);
      assert.equal(foreign.body.code, 'not_found');
    }
  });
});
