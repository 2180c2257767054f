import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { moveClock, send, setPolicy } from '../harness/test-mode.ts';

const SENDS = 1000;
const A_DAY = 100;
const DAY_MS = 86_400_000;
let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
  await setPolicy(gateway, { limits: [{ name: 'daily', scope: 'tenant', window: 'rolling_24h', max: A_DAY }] });
});
after(() => gateway.stop());

test('a thousand deferred sends against a hundred a day spread over ten days, no window ever above the limit', async () => {
  const start = Date.parse('2027-03-01T09:00:00.000Z');
  await moveClock(gateway, { now: new Date(start).toISOString() });
  const departures: number[] = [];
  for (let sent = 0; sent < SENDS; sent += 50) {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => send(gateway, { to: `p${sent + n}@example.com`, on_limit: 'defer' })),
    );
    for (const { status, body } of answers) {
      assert.equal(status, 202);
      const [recipient] = body.recipients;
      assert.equal(recipient.status, recipient.scheduled_at === null ? 'accepted' : 'scheduled');
      departures.push(recipient.scheduled_at === null ? start : Date.parse(recipient.scheduled_at));
    }
  }
  departures.sort((a, b) => a - b);
  for (let n = 0; n < SENDS; n += 1) {
    const next = departures[n + A_DAY];
    // Half-open windows: the hundred-and-first after any departure leaves a whole day later.
    if (next !== undefined) assert.ok(next - departures[n]! >= DAY_MS, `window from departure ${n}`);
  }
  assert.equal(new Set(departures.map((at) => Math.floor((at - start) / DAY_MS))).size, SENDS / A_DAY);
  assert.ok(departures.at(-1)! < start + 10 * DAY_MS, 'nobody waits longer than needed');
});

test('the places that deferred sends took are taken: nothing more leaves before the last of them', async () => {
  const refused = await send(gateway, { to: 'late@example.com' });
  assert.equal(refused.status, 429);
  const queued = await send(gateway, { to: 'late@example.com', on_limit: 'defer' });
  assert.ok(Date.parse(queued.body.recipients[0].scheduled_at) >= Date.parse('2027-03-11T09:00:00Z'));
});
