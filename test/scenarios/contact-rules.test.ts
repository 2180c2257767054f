import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { makeTestKey } from '../harness/tenants.ts';
import { later, moveClock, send, setPolicy } from '../harness/test-mode.ts';

let gateway: TestGateway;
let person: string;

before(async () => {
  gateway = await startTestGateway({ POSTERN_INBOUND_PORT: '0' });
  person = (await makeTestKey(gateway, gateway.tenantId, { scopes: ['manage', 'approve'] })).key;
});
after(() => gateway.stop());

const put = (email: string, body: object, key?: string) =>
  gateway.fetchJson('PUT', `/v1/contacts/${email}`, body, key === undefined ? {} : { key });

async function refusedWith(
  body: Record<string, unknown>,
): Promise<{ code: string; evidence: Record<string, unknown> }[]> {
  const answer = await send(gateway, body);
  assert.ok(answer.status >= 400, JSON.stringify(answer.body));
  return answer.body.reasons;
}

async function warningsOf(body: Record<string, unknown>): Promise<string[]> {
  const answer = await send(gateway, body);
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
  return answer.body.recipients[0].warnings.map(({ code }: { code: string }) => code);
}

test('a refused or missing consent stops marketing until consent is recorded, and transactional mail goes on', async () => {
  const to = 'ann@consent.example';
  await setPolicy(gateway, { consent: { marketing: 'required' } });
  const [missing] = await refusedWith({ to, kind: 'marketing' });
  assert.equal(missing?.code, 'consent_missing');
  assert.equal(missing.evidence['consent'], 'none');
  assert.equal((await put(to, { consent: { marketing: 'opted_in' } })).status, 200);
  assert.equal((await send(gateway, { to, kind: 'marketing' })).status, 202);
  await setPolicy(gateway, {});
  assert.equal((await put(to, { consent: { marketing: 'refused' } })).status, 200);
  const [refused] = await refusedWith({ to, kind: 'marketing' });
  assert.equal(refused?.evidence['consent'], 'refused');
  assert.equal((await send(gateway, { to })).status, 202);
  await setPolicy(gateway, { consent: { marketing: 'off' } });
  assert.equal((await send(gateway, { to, kind: 'marketing' })).status, 202);
});

test('an unsubscribe refuses marketing by the person’s own hand, beside the suppression', async () => {
  const to = 'lea@consent.example';
  await setPolicy(gateway, {});
  await moveClock(gateway, { now: '2027-01-01T00:00:00.000Z' });
  assert.equal((await send(gateway, { to, kind: 'marketing' })).status, 202);
  await moveClock(gateway, { advance: 'PT1S' }, 10);
  const told = await gateway.fetchJson('POST', '/v1/returns', { kind: 'unsubscribe', email: to });
  assert.equal(told.status, 200, JSON.stringify(told.body));
  const reasons = await refusedWith({ to, kind: 'marketing' });
  assert.deepEqual(
    reasons.map(({ code }) => code),
    ['suppressed', 'consent_missing'],
  );
  assert.equal(reasons[1]?.evidence['consent'], 'unsubscribed');
});

test('an open opportunity and a conversation that a person has close a contact, until a person opens it again', async () => {
  const to = 'joe@deal.example';
  await setPolicy(gateway, {});
  await put(to, { opportunity: { note: 'Renewal 2027' }, thread_taken_over: { note: 'Dana' } });
  const reasons = await refusedWith({ to });
  assert.deepEqual(
    reasons.map(({ code }) => code),
    ['active_opportunity', 'thread_taken_over'],
  );
  assert.equal(reasons[0]?.evidence['opportunity'], 'Renewal 2027');
  assert.equal(reasons[1]?.evidence['taken_by'], 'Dana');
  assert.equal((await put(to, { opportunity: false })).status, 403);
  const opened = await put(to, { opportunity: false, thread_taken_over: false, note: 'won, handed back' }, person);
  assert.equal(opened.status, 200, JSON.stringify(opened.body));
  assert.equal((await send(gateway, { to })).status, 202);
  await setPolicy(gateway, { opportunity: { block: false } });
  await put(to, { opportunity: true });
  assert.equal((await send(gateway, { to })).status, 202);
});

test('a mark set after acceptance stops what has not left', async () => {
  const to = 'kim@deal.example';
  await setPolicy(gateway, {});
  const now = (await gateway.fetchJson('GET', '/v1/test/clock')).body.now;
  const accepted = await send(gateway, { to, send_at: new Date(Date.parse(now) + 3_600_000).toISOString() });
  assert.equal(accepted.body.recipients[0].status, 'scheduled');
  await put(to, { thread_taken_over: { note: 'Dana' } });
  await moveClock(gateway, { advance: 'PT1H' }, 10);
  const message = await gateway.fetchJson('GET', `/v1/messages/${accepted.body.id}`);
  assert.equal(message.body.status, 'blocked');
  const verdict = await gateway.fetchJson('GET', `/v1/messages/${accepted.body.id}/verdict`);
  assert.equal(verdict.body.recipients[0].later.reasons[0].code, 'thread_taken_over');
});

test('a person who never reacts is warned of, then left alone, until a sign of life comes', async () => {
  const to = 'replied@simulator.postern.test';
  await setPolicy(gateway, { disengaged: { after_sends: 4, days: 30 } });
  const quiet = 'max@quiet.example';
  const seen: string[][] = [];
  for (let i = 0; i < 4; i += 1) {
    seen.push(await warningsOf({ to: quiet, subject: `News ${i}` }));
    await moveClock(gateway, { advance: 'P1D' }, 10);
  }
  assert.deepEqual(
    seen.map((codes) => codes.includes('disengaging')),
    [false, false, true, true],
  );
  const [reason] = await refusedWith({ to: quiet });
  assert.equal(reason?.code, 'disengaged');
  assert.equal(reason.evidence['sends'], 4);
  // Waiting does not help; a new sign-up does.
  await moveClock(gateway, { advance: 'P20D' });
  assert.equal((await refusedWith({ to: quiet }))[0]?.code, 'disengaged');
  await put(quiet, { consent: { marketing: 'opted_in' } });
  assert.equal((await send(gateway, { to: quiet })).status, 202);
  // Who answers each time is never disengaged.
  for (let i = 0; i < 6; i += 1) {
    assert.equal((await send(gateway, { to, subject: `News ${i}` })).status, 202);
    await moveClock(gateway, { advance: 'P1D' }, 10);
  }
});

test('silence that counts is warned of while no reply could be seen, and no longer once one was', async () => {
  await setPolicy(gateway, {
    limits: [{ name: 'person', scope: 'recipient', window: 'rolling_30d', max: 9, reset_on_reply: true }],
  });
  assert.equal((await gateway.fetchJson('POST', '/v1/test/reset')).status, 200);
  const to = 'eva@far.example';
  assert.deepEqual(await warningsOf({ to }), []);
  await moveClock(gateway, { advance: 'PT1M' }, 10);
  const second = await send(gateway, { to, subject: 'Again' });
  assert.deepEqual(
    second.body.warnings.map(({ code }: { code: string }) => code),
    ['unreachable_replies'],
  );
  // A way for replies is enough where something listens: nobody need have used it yet.
  await setPolicy(gateway, {
    limits: [{ name: 'person', scope: 'recipient', window: 'rolling_30d', max: 9, reset_on_reply: true }],
    tracking: { reply: true },
  });
  assert.deepEqual(await warningsOf({ to, subject: 'Once more' }), []);
  await setPolicy(gateway, {
    limits: [{ name: 'person', scope: 'recipient', window: 'rolling_30d', max: 9, reset_on_reply: true }],
  });
  await moveClock(gateway, { advance: 'PT1M' }, 10);
  assert.equal((await gateway.fetchJson('POST', '/v1/returns', { kind: 'reply', email: to })).status, 200);
  assert.deepEqual((await send(gateway, { to, subject: 'And again' })).body.warnings, []);
});

test('addresses that tell something by themselves are warned of, and roles kept out as the policy says', async () => {
  await setPolicy(gateway, {});
  assert.deepEqual(await warningsOf({ to: 'postmaster@site.example' }), ['role_account']);
  assert.deepEqual(await warningsOf({ to: 'bob@mailinator.com' }), ['disposable_address']);
  const typo = await send(gateway, { to: 'bob@gnail.com' });
  assert.equal(typo.body.recipients[0].warnings[0].code, 'possible_typo');
  assert.equal(typo.body.recipients[0].warnings[0].suggestion, 'bob@gmail.com');
  await setPolicy(gateway, { role_accounts: 'marketing' });
  assert.deepEqual(await warningsOf({ to: 'postmaster@site.example' }), ['role_account']);
  const [kept] = await refusedWith({ to: 'postmaster@site.example', kind: 'marketing' });
  assert.equal(kept?.code, 'suppressed');
  assert.equal(kept.evidence['suppression_reason'], 'role_account');
  await setPolicy(gateway, { role_accounts: 'block' });
  assert.equal((await refusedWith({ to: 'postmaster@site.example' }))[0]?.code, 'suppressed');
});

test('a limit on sends to one person begins anew with their reply, and else frees its places with time', async () => {
  await setPolicy(gateway, {
    limits: [{ name: 'to_one_person', scope: 'recipient', window: 'rolling_1h', max: 2, reset_on_reply: true }],
  });
  await gateway.fetchJson('POST', '/v1/test/reset');
  const start = (await gateway.fetchJson('GET', '/v1/test/clock')).body.now;
  const sendTo = (to: string, subject: string) => send(gateway, { to, subject });
  const statuses: number[] = [];
  for (const subject of ['one', 'two', 'three', 'four']) {
    assert.equal((await sendTo('replied@simulator.postern.test', subject)).status, 202, subject);
    statuses.push((await sendTo('silent@far.example', subject)).status);
    await moveClock(gateway, { advance: 'PT1M' }, 10);
  }
  assert.deepEqual(statuses, [202, 202, 429, 429]);
  const refused = await sendTo('silent@far.example', 'six');
  assert.equal(refused.body.code, 'recipient_frequency_exceeded');
  assert.equal(refused.body.clears.at, later(start, 3_600_000));
  await moveClock(gateway, { now: refused.body.clears.at });
  assert.equal((await sendTo('silent@far.example', 'six')).status, 202);
});
