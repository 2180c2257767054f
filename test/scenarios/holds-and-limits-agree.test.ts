import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { leave, mail } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { makeTenant, type TestTenant } from '../harness/tenants.ts';

/** What is released, rejected, changed, moved, cancelled in any order: the limits hold what has a place, and nothing else. */

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
});
after(() => gateway.stop());

const PEOPLE = ['a@one.example', 'b@one.example', 'c@two.example', 'd@two.example'];
const LIMITS = [
  { name: 'recipients', scope: 'tenant', window: 'calendar_month', max: 1000 },
  { name: 'messages', scope: 'tenant', window: 'calendar_month', unit: 'message', max: 1000 },
  { name: 'hourly', scope: 'tenant', window: 'rolling_1h', max: 4 },
];

const people = fc.uniqueArray(fc.constantFrom(...PEOPLE), { minLength: 1, maxLength: 3 });
const step = fc.oneof(
  fc.record({ do: fc.constant('send' as const), to: people, later: fc.boolean() }),
  fc.record({ do: fc.constantFrom('approve', 'reject', 'cancel', 'move', 'leave', 'wait'), which: fc.nat(20) }),
  fc.record({ do: fc.constant('change' as const), which: fc.nat(20), to: people }),
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

type Shown = { id: string; status: string; recipients: { status: string; email: string }[] };
const PLACED = new Set(['accepted', 'scheduled', 'sending', 'delivered']);

async function take(tenant: TestTenant, sent: string[], one: Step): Promise<void> {
  const { call } = tenant.person;
  if (one.do === 'send') {
    const sendAt = one.later ? { send_at: '2027-03-05T10:00:00Z' } : {};
    const { status, body } = await call('POST', '/v1/messages', mail(one.to, sendAt));
    if (status === 202) sent.push(body.id);
    return;
  }
  if (one.do === 'leave') {
    await leave(gateway);
    return;
  }
  if (one.do === 'wait') {
    await call('POST', '/v1/test/clock', { advance: 'PT1H' });
    return;
  }
  const id = sent[(one as { which: number }).which % Math.max(1, sent.length)];
  if (id === undefined) return;
  if (one.do === 'cancel') await call('POST', `/v1/messages/${id}/cancel`);
  else if (one.do === 'move') await call('PATCH', `/v1/messages/${id}`, { send_at: '2027-03-09T10:00:00Z' });
  else if (one.do === 'change') await call('PATCH', `/v1/messages/${id}`, { to: (one as { to: string[] }).to });
  else {
    const { data } = (await call('GET', '/v1/approvals?state=pending&limit=200')).body;
    const approval = data.find(({ message_id }: { message_id: string }) => message_id === id);
    if (approval !== undefined) await call('POST', `/v1/approvals/${approval.id}/${one.do}`, { note: 'decided' });
  }
}

test('whatever becomes of held messages, limits hold what has a place and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const tenant = await makeTenant(gateway);
      const { call } = tenant.person;
      await call('PUT', '/v1/policy', { approvals: { mode: 'first_contact' }, limits: LIMITS });
      await call('POST', '/v1/test/clock', { now: '2027-03-01T10:00:00Z' });
      const sent: string[] = [];
      for (const one of steps) await take(tenant, sent, one);
      const shown: Shown[] = (await call('GET', '/v1/messages?limit=200')).body.data;
      const placed = shown.map(({ recipients }) => recipients.filter(({ status }) => PLACED.has(status)).length);
      const limits = (await call('GET', '/v1/limits')).body.data;
      const used = (name: string) => limits.find((limit: { name: string }) => limit.name === name).used;
      const told = JSON.stringify(shown.map(({ recipients }) => recipients.map(({ status }) => status)));
      assert.equal(
        used('recipients'),
        placed.reduce((sum, n) => sum + n, 0),
        told,
      );
      assert.equal(used('messages'), placed.filter((n) => n > 0).length, told);
      const pending = (await call('GET', '/v1/approvals?state=pending&limit=200')).body.data;
      const waiting = shown.filter(({ recipients }) => recipients.some(({ status }) => status === 'held'));
      assert.deepEqual(
        pending.map((one: { message_id: string }) => one.message_id).sort(),
        waiting.map(({ id }) => id).sort(),
        'what waits has an approval to decide, and nothing else has',
      );
    }),
    { numRuns: 25 },
  );
});
