import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type Call, eventsOf, makeTenant, type TestTenant, trustTraffic } from '../harness/tenants.ts';

type Hook = { id: string; url: string; secret: string };
type Answer = { status: number; body: { data: Record<string, unknown>[] } & Record<string, unknown> };

describe('a hook for what came back', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  let other: TestTenant;
  let call: Call;
  let hook: Hook;
  let count = 0;
  before(async () => {
    gateway = await startTestGateway();
    tenant = await makeTenant(gateway);
    other = await makeTenant(gateway);
    for (const { id } of [tenant, other]) await trustTraffic(gateway, id);
    call = tenant.agent.call;
    const made = await call('POST', '/v1/return-hooks', { name: 'our provider' });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    hook = made.body;
  });
  after(() => gateway.stop());

  /** Written from the specification of Standard Webhooks, not with the code that checks it. */
  const signed = (id: string, timestamp: string, body: string, secret = hook.secret): string =>
    `v1,${createHmac('sha256', Buffer.from(secret.replace('whsec_', ''), 'base64'))
      .update(`${id}.${timestamp}.${body}`)
      .digest('base64')}`;
  const seconds = (ms = Date.now()): string => String(Math.floor(ms / 1000));
  const post = async (items: unknown, more: Record<string, string> = {}, to = hook): Promise<Answer> => {
    const body = typeof items === 'string' ? items : JSON.stringify(items);
    const id = more['webhook-id'] ?? crypto.randomUUID();
    const timestamp = more['webhook-timestamp'] ?? seconds();
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': signed(id, timestamp, body, to.secret),
      ...more,
    };
    const response = await fetch(to.url, { method: 'POST', headers, body });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  };
  const send = async (from = tenant): Promise<{ id: string; email: string }> => {
    count += 1;
    const email = `person${count}@example.com`;
    const { body } = await from.agent.call('POST', '/v1/messages', {
      to: email,
      subject: 'Hi',
      text: `Number ${count}`,
    });
    await messageAfter(gateway.gateway.store, { tenantNo: from.no, mode: 'test', id: body.id }, 'message.delivered');
    return { id: body.id, email };
  };
  const outcomes = ({ status, body }: Answer): unknown[] => {
    assert.equal(status, 200, JSON.stringify(body));
    return body.data.map(({ outcome }) => outcome);
  };

  test('shows its secret once', async () => {
    assert.match(hook.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    const one = await call('GET', `/v1/return-hooks/${hook.id}`);
    assert.equal(one.status, 200);
    assert.ok(!JSON.stringify(one.body).includes(hook.secret));
    const list = await call('GET', '/v1/return-hooks');
    assert.equal(list.body.data.length, 1);
    assert.ok(!JSON.stringify(list.body).includes('whsec_'));
    assert.equal((await other.agent.call('GET', `/v1/return-hooks/${hook.id}`)).status, 404);
    assert.equal((await other.agent.call('DELETE', `/v1/return-hooks/${hook.id}`)).status, 404);
  });

  test('applies a list and says item by item what became of it', async () => {
    const [one, two, three, four] = [await send(), await send(), await send(), await send()];
    const answer = await post([
      { kind: 'bounce', message_id: one.id, reply: '550 5.1.1 <x@example.com>: user unknown' },
      { kind: 'complaint', email: two.email },
      { kind: 'bounce', message_id: three.id, reply: '552 5.2.2 mailbox full' },
      { kind: 'reply', message_id: four.id, at: new Date().toISOString() },
      { kind: 'delivered', message_id: four.id },
      { kind: 'bounce', message_id: 'msg_nobody' },
      { kind: 'bounce' },
      { kind: 'reply', message_id: four.id, reply: 'hello' },
      { kind: 'complaint', message_id: four.id, at: '2099-01-01T00:00:00Z' },
    ]);
    assert.deepEqual(outcomes(answer), [
      ...['applied', 'applied', 'applied', 'applied', 'known'],
      ...['not_found', 'invalid', 'invalid', 'impossible_time'],
    ]);
    const suppressed = async (email: string): Promise<boolean> =>
      (await call('GET', `/v1/suppressions/check?email=${email}`)).body.suppressed;
    assert.deepEqual(await Promise.all([one, two, three, four].map(({ email }) => suppressed(email))), [
      ...[true, true, false, false],
    ]);
    const events = await eventsOf(gateway, tenant.no);
    const bounced = events.filter(({ type }) => type === 'message.bounced').map(({ data }) => data);
    assert.deepEqual(
      bounced.map((data) => data['class']),
      ['unknown_user', 'mailbox_full'],
    );
    assert.ok(bounced.every((data) => data['reported'] === true));
  });

  test('carries out a list of which some items are no reports at all', async () => {
    const { id } = await send();
    const answer = await post([
      { kind: 'opened', message_id: id },
      5,
      null,
      { kind: 'bounce', message_id: id, class: 'bad' },
      { kind: 'complaint', message_id: id },
      { kind: 'reply', message_id: id, score: 3 },
    ]);
    assert.deepEqual(outcomes(answer), ['invalid', 'invalid', 'invalid', 'invalid', 'applied', 'invalid']);
    const details = answer.body.data.map(({ detail }) => detail);
    assert.match(String(details[0]), /^kind must be /);
    assert.match(String(details[1]), /^The item must be object/);
    assert.equal(details[5], 'There is no field score.');
    for (const list of [[], {}, Array.from({ length: 501 }, () => ({ kind: 'reply', message_id: id }))]) {
      const { status, body } = await post(list);
      assert.deepEqual([status, body['code']], [422, 'validation_failed']);
    }
  });

  test('carries a call out once, however often it comes', async () => {
    const { id } = await send();
    const headers = { 'webhook-id': 'evt-1' };
    const items = [{ kind: 'complaint', message_id: id }];
    const answers = await Promise.all([post(items, headers), post(items, headers), post(items, headers)]);
    const all = answers.map((answer) => outcomes(answer)[0]).sort();
    assert.deepEqual(all, ['applied', 'replayed', 'replayed']);
    const complaints = (await eventsOf(gateway, tenant.no)).filter(({ data }) => data['message_id'] === id);
    assert.equal(complaints.filter(({ type }) => type === 'message.complained').length, 1);
  });

  test('takes a list of five hundred', async () => {
    const { id } = await send();
    const items = Array.from({ length: 500 }, () => ({ kind: 'delivered', message_id: id }));
    assert.deepEqual(new Set(outcomes(await post(items))), new Set(['known']));
    assert.equal((await post([...items, items[0]])).status, 422);
  });

  test('takes nothing that is not signed with its secret, now, as it came', async () => {
    const { id, email } = await send();
    const items = [{ kind: 'complaint', message_id: id }];
    const body = JSON.stringify(items);
    const minute = 60_000;
    const lies: [string, Record<string, string>][] = [
      ['no signature', { 'webhook-signature': '' }],
      ['another version', { 'webhook-signature': signed('a', seconds(), body).replace('v1', 'v2'), 'webhook-id': 'a' }],
      ['another body', { 'webhook-signature': signed('b', seconds(), '[]'), 'webhook-id': 'b' }],
      ['another id', { 'webhook-signature': signed('c', seconds(), body), 'webhook-id': 'd' }],
      [
        'another secret',
        { 'webhook-signature': signed('e', seconds(), body, `whsec_${btoa('x'.repeat(32))}`), 'webhook-id': 'e' },
      ],
      ['an empty secret', { 'webhook-signature': signed('e', seconds(), body, 'whsec_'), 'webhook-id': 'e' }],
      ['too old', { 'webhook-timestamp': seconds(Date.now() - 6 * minute) }],
      ['too early', { 'webhook-timestamp': seconds(Date.now() + 6 * minute) }],
      ['no time', { 'webhook-timestamp': '' }],
      ['a time of another kind', { 'webhook-timestamp': '1e9' }],
      ['an endless id', { 'webhook-id': 'x'.repeat(300) }],
    ];
    for (const [what, headers] of lies) {
      const answer = await post(items, headers);
      assert.equal(answer.status, 401, what);
    }
    assert.equal((await call('GET', `/v1/suppressions/check?email=${email}`)).body.suppressed, false);
    const timestamp = seconds();
    const several = `v1,AAAA v2,x ${signed('f', timestamp, body)}`;
    const headers = { 'webhook-id': 'f', 'webhook-timestamp': timestamp, 'webhook-signature': several };
    assert.deepEqual(outcomes(await post(items, headers)), ['applied'], 'one of several signatures is enough');
  });

  test('looks at nothing but its own tenant', async () => {
    const foreign = await send(other);
    assert.deepEqual(outcomes(await post([{ kind: 'complaint', message_id: foreign.id }])), ['not_found']);
    assert.deepEqual(outcomes(await post([{ kind: 'complaint', email: foreign.email }])), ['not_found']);
  });

  test('refuses what is no list, too large, or for no hook', async () => {
    assert.equal((await post('{"kind":"bounce"}')).status, 422);
    assert.equal((await post('[')).status, 400);
    assert.equal((await post('[{"kind":"bounce","kind":"reply"}]')).status, 400);
    assert.equal((await post([])).status, 422);
    assert.deepEqual(outcomes(await post([{ kind: 'nonsense' }])), ['invalid']);
    assert.equal((await post(JSON.stringify([{ kind: 'x'.repeat(1_100_000) }]))).status, 413);
    const another = hook.url.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    assert.equal((await post([], {}, { ...hook, url: another })).status, 404);
  });

  test('takes no more calls once it is removed', async () => {
    const made: Hook = (await call('POST', '/v1/return-hooks', { name: 'second' })).body;
    assert.equal((await call('DELETE', `/v1/return-hooks/${made.id}`)).status, 200);
    assert.equal((await post([{ kind: 'complaint', email: 'a@example.com' }], {}, made)).status, 404);
  });
});
