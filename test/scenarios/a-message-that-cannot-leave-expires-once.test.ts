/** Nobody takes the message until its time is over: one final event, no sooner, and not a step of the backoff later. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway } from '../harness/gateway.ts';
import { until } from '../harness/until.ts';

const SOON_MS = 3000;

test('a message for a next hop that is down ends when it expires, once, and says why until then', async (t) => {
  const nobody = createServer();
  await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve));
  const address = nobody.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await new Promise((resolve) => nobody.close(resolve));
  const gateway = await startTestGateway({ POSTERN_OUTBOUND: `smtp://127.0.0.1:${port}?tls=never` });
  t.after(() => gateway.stop());
  const expiresAt = Date.now() + SOON_MS;
  const ids: string[] = [];
  // The first ones find out; the last one meets a way that is closed.
  for (let i = 0; i < 5; i += 1) {
    const body = {
      to: `p${i}@example.com`,
      subject: `No ${i}`,
      text: 'x',
      expires_at: new Date(expiresAt).toISOString(),
    };
    const sent = await gateway.fetchJson('POST', '/v1/messages', body, { key: gateway.liveKey });
    assert.equal(sent.status, 202, JSON.stringify(sent.body));
    ids.push(sent.body.id);
    if (i < 3) {
      await messageAfter(gateway.gateway.store, { tenantNo: 1, mode: 'live', id: sent.body.id }, 'message.deferred');
    }
  }
  let waiting: Record<string, unknown> | undefined;
  await until(
    async () => {
      const { body } = await gateway.fetchJson('GET', `/v1/messages/${ids.at(-1)}`, undefined, {
        key: gateway.liveKey,
      });
      waiting = body.recipients[0].reasons[0];
      return waiting !== undefined;
    },
    5000,
    'the last one says what it waits for',
  );
  assert.equal(waiting?.['code'], 'waiting_for_slot');
  assert.match(JSON.stringify(waiting), /"route"/);
  assert.ok(Date.parse(String(Object(waiting?.['clears'])['at'])) <= expiresAt);
  for (const [i, id] of ids.entries()) {
    await messageAfter(gateway.gateway.store, { tenantNo: 1, mode: 'live', id }, 'message.expired');
    const { body } = await gateway.fetchJson('GET', `/v1/messages/${id}`, undefined, { key: gateway.liveKey });
    assert.equal(body.status, 'expired');
    const ends = body.events.filter(({ type }: { type: string }) => type === 'message.expired');
    assert.equal(ends.length, 1);
    const lateMs = Date.parse(ends[0].created_at) - expiresAt;
    assert.ok(lateMs >= 0 && lateMs < 30_000, `${lateMs} ms late`);
    const { data } = ends[0];
    assert.equal(data.attempts > 0, i < 3);
    if (i < 3) assert.match(data.reply, /ECONNREFUSED|refused/);
    else assert.equal(data.waited_for, 'route');
    assert.equal(body.recipients[0].outcome.reply, data.reply ?? null);
    // What met a closed way was never tried.
    assert.equal(body.attempts.length > 0, i < 3, `message ${i}`);
  }
});
