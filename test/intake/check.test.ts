import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inHours, mail, setPolicy, standingLimits } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

describe('a check', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    await setPolicy(gateway, {
      limits: [
        { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 3 },
        { name: 'burst', scope: 'app', window: 'rate', per: 'minute', max: 60, burst: 50 },
        { name: 'messages', scope: 'installation', window: 'calendar_month', unit: 'message', max: 10 },
        { name: 'domain', scope: 'recipient_domain', window: 'rolling_24h', max: 2 },
      ],
    });
  });
  after(() => gateway.stop());
  const check = (body: unknown) => gateway.fetchJson('POST', '/v1/messages/check', body);

  test('shows the verdict with the answer of every rule, and consumes nothing', async () => {
    const { status, body } = await check(mail('bob@example.com'));
    assert.equal(status, 200);
    assert.equal(body.verdict, 'accept');
    const [recipient] = body.recipients;
    assert.equal(recipient.verdict, 'accept');
    assert.ok(recipient.trace.length > 15);
    assert.ok(recipient.trace.every((line: { outcome: string }) => line.outcome === 'pass'));
    for (const limit of await standingLimits(gateway)) assert.equal(limit.used, 0, limit.name);
    assert.deepEqual(
      body.limits.map(({ name, used }: { name: string; used: number }) => [name, used]),
      [
        ['daily', 0],
        ['burst', 0],
        ['messages', 0],
      ],
    );
    const events = await gateway.fetchJson('GET', '/v1/events?types=message.*');
    assert.deepEqual(events.body.data, []);
  });

  test('decides one recipient after another, as the send would', async () => {
    const body = mail(['a@one.example', 'b@one.example', 'c@one.example', 'd@two.example']);
    const checked = await check(body);
    assert.equal(checked.body.verdict, 'partial');
    const verdicts = checked.body.recipients.map((one: { verdict: string }) => one.verdict);
    assert.deepEqual(verdicts, ['accept', 'accept', 'block', 'accept']);
    assert.equal(checked.body.recipients[2].reasons[0].code, 'recipient_domain_throttled');
    assert.ok(checked.body.recipients.every((one: { limits: { used: number }[] }) => one.limits[0]!.used === 0));
    for (const limit of await standingLimits(gateway)) assert.equal(limit.used, 0, limit.name);
    const sent = await gateway.fetchJson('POST', '/v1/messages', body);
    assert.deepEqual(
      sent.body.recipients.map((one: { status: string }) => one.status),
      ['accepted', 'accepted', 'blocked', 'accepted'],
    );
    const full = await check(mail('e@three.example'));
    assert.equal(full.body.verdict, 'block');
    assert.equal(full.body.recipients[0].reasons[0].code, 'daily_quota_exceeded');
    assert.match(full.body.retry_at, /^2\d{3}-/);
    const line = full.body.recipients[0].trace.find((one: { code: string | null }) => one.code !== null);
    assert.equal(line.outcome, 'block');
    assert.match(line.evidence.frees_at, /^2\d{3}-.*Z$/);
  });

  test('says when a send would leave', async () => {
    const { body } = await check(mail('e@three.example', { on_limit: 'defer' }));
    assert.equal(body.verdict, 'schedule');
    assert.equal(body.recipients[0].reasons[0].code, 'waiting_for_slot');
    assert.match(body.recipients[0].scheduled_at, /^2\d{3}-/);
    const later = inHours(60);
    const ahead = await check(mail('e@three.example', { send_at: later }));
    assert.equal(ahead.body.verdict, 'schedule');
    assert.equal(ahead.body.recipients[0].scheduled_at, later);
  });

  test('uses no key up, and a body that could not be sent is refused as a send', async () => {
    const headers = { 'idempotency-key': 'unused' };
    await gateway.fetchJson('POST', '/v1/messages/check', mail('x@four.example'), { headers });
    const sent = await gateway.fetchJson('POST', '/v1/messages', mail('other@four.example', { on_limit: 'defer' }), {
      headers,
    });
    assert.equal(sent.status, 202);
    for (const bad of [{}, mail('nobody'), mail('a@b.example', { identity: 'nobody' })]) {
      const { status, body } = await check(bad);
      assert.equal(status, 422);
      assert.equal(body.code, 'validation_failed');
    }
  });
});
