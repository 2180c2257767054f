/** An identity that keeps working hours and gaps: first contacts wait for both, an answer goes at once. Test mode, on its own clock. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { moveClock, send } from '../harness/test-mode.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
  // Only an established account's word counts for a reply.
  const operator = { key: gateway.operatorKey };
  const known = await gateway.fetchJson('PATCH', `/v1/tenants/${gateway.tenantId}`, { trust: 'established' }, operator);
  assert.equal(known.status, 200, JSON.stringify(known.body));
});
after(() => gateway.stop());

async function identity(handle: string, fields: object): Promise<void> {
  const body = { handle, from: `${handle}@acme.example`, ...fields };
  const made = await gateway.fetchJson('POST', '/v1/identities', body);
  assert.equal(made.status, 201, JSON.stringify(made.body));
}

let n = 0;
const from = (handle: string, more: object = {}) => {
  n += 1;
  return send(gateway, { identity: handle, to: `p${n}@people.example`, ...more });
};

const WEEK = ['mon', 'tue', 'wed', 'thu', 'fri'];

test('a first contact waits for the hours of its sender, over the weekend and in its time zone; an answer does not', async () => {
  // A Friday, 16:30 in Berlin.
  await moveClock(gateway, { now: '2031-01-10T15:30:00.000Z' });
  const hours = { timezone: 'Europe/Berlin', days: WEEK, from: '09:00', to: '17:00' };
  await identity('berta', { working_hours: hours });
  assert.equal((await from('berta', { to: 'friend@people.example' })).body.status, 'accepted');
  await moveClock(gateway, { now: '2031-01-10T16:00:00.000Z' });
  const waits = await from('berta');
  assert.equal(waits.status, 202);
  const [recipient] = waits.body.recipients;
  assert.equal(recipient.status, 'scheduled');
  assert.equal(recipient.scheduled_at, '2031-01-13T08:00:00.000Z');
  assert.deepEqual(
    [recipient.reasons[0].code, recipient.reasons[0].evidence.cause],
    ['waiting_for_slot', 'working_hours'],
  );
  const reply = { kind: 'reply', email: 'friend@people.example' };
  assert.equal((await gateway.fetchJson('POST', '/v1/returns', reply)).status, 200);
  await moveClock(gateway, { now: '2031-01-10T16:05:00.000Z' });
  const statuses: string[] = [];
  for (let i = 0; i < 4; i += 1) {
    statuses.push((await from('berta', { to: 'friend@people.example', text: `answer ${i}` })).body.status);
  }
  assert.deepEqual(statuses, ['accepted', 'accepted', 'accepted', 'scheduled']);
});

test('first contacts keep the gap, those in between too, and a cancelled one gives its place back', async () => {
  await moveClock(gateway, { now: '2031-02-03T10:00:00.000Z' });
  await identity('dora', { drip: { min_gap_seconds: 600 } });
  const times: (string | null)[] = [];
  const ids: string[] = [];
  for (let i = 0; i < 4; i += 1) {
    const { body } = await from('dora');
    ids.push(body.id);
    times.push(body.recipients[0].scheduled_at?.slice(11, 16) ?? null);
  }
  assert.deepEqual(times, [null, '10:10', '10:20', '10:30']);
  const cancelled = await gateway.fetchJson('POST', `/v1/messages/${ids[2]}/cancel`);
  assert.ok(cancelled.status < 300, JSON.stringify(cancelled.body));
  assert.equal((await from('dora')).body.recipients[0].scheduled_at.slice(11, 16), '10:20');
  const later = await from('dora', { send_at: '2031-02-03T10:25:00.000Z' });
  assert.equal(later.body.recipients[0].scheduled_at.slice(11, 16), '10:40');
  const plan = await gateway.fetchJson('POST', '/v1/messages/plan', { count: 2, identity: 'dora' });
  assert.deepEqual(
    plan.body.departures.map(({ at }: { at: string }) => at.slice(11, 16)),
    ['10:50', '11:00'],
  );
});

test('hours over midnight, and the day on which clocks change', async () => {
  await moveClock(gateway, { now: '2031-03-29T12:00:00.000Z' });
  await identity('nina', {
    working_hours: { timezone: 'Europe/Berlin', days: ['sat', 'sun'], from: '22:00', to: '04:00' },
  });
  const first = await from('nina');
  assert.equal(first.body.recipients[0].scheduled_at, '2031-03-29T21:00:00.000Z');
  // The night to 30 March has one hour less: 04:00 in Berlin is 02:00 in UTC, no longer 03:00.
  await moveClock(gateway, { now: '2031-03-30T02:00:00.000Z' });
  assert.equal((await from('nina')).body.recipients[0].scheduled_at, '2031-03-30T20:00:00.000Z');
});

test('an identity that is being set up says when it should be ready, and is active from then on', async () => {
  await moveClock(gateway, { now: '2031-04-01T12:00:00.000Z' });
  await identity('petra', { state: 'provisioning', ready_at: '2031-04-01T12:10:00Z' });
  const refused = await from('petra');
  assert.equal(refused.status, 409);
  assert.deepEqual(refused.body.reasons[0].clears, { by: ['time'], at: '2031-04-01T12:10:00.000Z' });
  assert.equal(refused.body.reasons[0].evidence.ready_at, '2031-04-01T12:10:00.000Z');
  await moveClock(gateway, { now: '2031-04-01T12:10:00.000Z' });
  assert.equal((await from('petra')).status, 202);
});

test('what is no time zone, no time and no gap is refused by its field', async () => {
  for (const [fields, param] of [
    [{ working_hours: { timezone: 'Mars/Base', days: ['mon'], from: '09:00', to: '17:00' } }, 'working_hours.timezone'],
    [{ ready_at: 'soon' }, 'ready_at'],
    [{ drip: { min_gap_seconds: 0 } }, 'drip.min_gap_seconds'],
  ] as const) {
    const body = { handle: 'x', from: 'x@acme.example', ...fields };
    const { status, body: problem } = await gateway.fetchJson('POST', '/v1/identities', body);
    assert.equal(status, 422);
    assert.equal(problem.errors[0].param, param);
  }
});
