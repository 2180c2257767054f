import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, beforeEach, describe, test } from 'node:test';
import { mail } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { makeTenant, type TestTenant } from '../harness/tenants.ts';

const AT = '2027-03-01T12:00:00Z';

describe('an approved message that is changed is not sent', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  before(async () => {
    gateway = await startTestGateway();
  });
  after(() => gateway.stop());
  beforeEach(async () => {
    tenant = await makeTenant(gateway);
    await tenant.agent.call('PUT', '/v1/policy', {
      approvals: { mode: 'all' },
      limits: [{ name: 'recipients', scope: 'tenant', window: 'calendar_month', max: 5 }],
    });
    await tenant.agent.call('POST', '/v1/test/clock', { now: '2027-03-01T10:00:00Z' });
  });

  const send = async (body: unknown) => (await tenant.agent.call('POST', '/v1/messages', body)).body;
  const patch = (id: string, body: unknown) => tenant.agent.call('PATCH', `/v1/messages/${id}`, body);
  const look = async (id: string) => (await tenant.agent.call('GET', `/v1/messages/${id}`)).body;
  const move = (advance: string) => tenant.agent.call('POST', '/v1/test/clock?wait=10', { advance });
  const captured = async () => (await tenant.agent.call('GET', '/v1/sink')).body.data;
  const waiting = async () => (await tenant.person.call('GET', '/v1/approvals?state=pending')).body.data;
  const approve = (id: string) => tenant.person.call('POST', `/v1/approvals/${id}/approve`, { note: 'fine' });
  const used = async () => (await tenant.agent.call('GET', '/v1/limits')).body.data[0].used;
  /** A message that is approved and waits for its time. */
  const approved = async (body: unknown) => {
    const { id } = await send(body);
    const [approval] = await waiting();
    assert.equal((await approve(approval.id)).status, 200);
    assert.equal((await look(id)).status, 'scheduled');
    return { id, approval: approval.id as string };
  };
  const emails = (one: { recipients: { email: string; status: string }[] }) =>
    one.recipients.map(({ email, status }) => `${email} ${status}`);

  test('when its bcc is changed: the approval is void, and the message waits for a new one', async () => {
    const { id, approval } = await approved(mail('a@one.example', { bcc: 'boss@acme.example', send_at: AT }));
    assert.equal(await used(), 2);
    const changed = await patch(id, { bcc: 'thief@two.example' });
    assert.equal(changed.status, 200, JSON.stringify(changed.body));
    assert.deepEqual(emails(changed.body), [
      'a@one.example held',
      'boss@acme.example cancelled',
      'thief@two.example held',
    ]);
    assert.equal(await used(), 0, 'what is held counts nowhere');
    assert.equal((await tenant.person.call('GET', `/v1/approvals/${approval}`)).body.state, 'void');
    await move('PT3H');
    assert.deepEqual(await captured(), []);
    assert.equal((await approve(approval)).status, 409, 'a void approval cannot be given');
    const [again] = await waiting();
    const judged = (await tenant.person.call('GET', `/v1/approvals/${again.id}`)).body;
    assert.deepEqual(judged.message.bcc, [{ email: 'thief@two.example', name: null }]);
    assert.notEqual(judged.hash, (await tenant.person.call('GET', `/v1/approvals/${approval}`)).body.hash);
    await tenant.person.call('POST', `/v1/approvals/${again.id}/reject`, { note: 'who is that?' });
    await move('PT1H');
    assert.deepEqual(await captured(), []);
    assert.equal((await look(id)).status, 'cancelled');
  });

  test('when its words are changed, and leaves as it was approved the second time', async () => {
    const { id } = await approved(mail('a@one.example', { send_at: AT, html: '<p>Here it is.</p>' }));
    const changed = await patch(id, { subject: 'Your better quote', text: 'Here is another.' });
    assert.equal(changed.body.status, 'held');
    assert.equal(changed.body.subject, 'Your better quote');
    const [again] = await waiting();
    await approve(again.id);
    await move('PT3H');
    const [one, ...others] = await captured();
    assert.deepEqual(others, []);
    assert.equal(one.subject, 'Your better quote');
    assert.equal(one.text.trim(), 'Here is another.');
    assert.match(one.html, /Here it is\./);
    const verdict = (await tenant.agent.call('GET', `/v1/messages/${id}/verdict`)).body;
    assert.equal(verdict.reproduced, true);
  });

  test('while it still waits: the approval that is asked for names what stands there now', async () => {
    const { id } = await send(mail('a@one.example'));
    const [first] = await waiting();
    assert.equal((await patch(id, { to: ['b@one.example', 'a@one.example'], cc: 'c@one.example' })).status, 200);
    assert.equal((await approve(first.id)).status, 409);
    const [second, ...others] = await waiting();
    assert.deepEqual(others, []);
    await approve(second.id);
    await move('PT1S');
    const found = (await captured()).map((one: { envelope: { to: string[] } }) => one.envelope.to[0]);
    assert.deepEqual(found.sort(), ['a@one.example', 'b@one.example', 'c@one.example']);
    const verdict = (await tenant.agent.call('GET', `/v1/messages/${id}/verdict`)).body;
    assert.equal(verdict.reproduced, true);
  });

  test('nothing is changed where a recipient would be blocked', async () => {
    const { id, approval } = await approved(mail('a@one.example', { send_at: AT }));
    await tenant.agent.call('POST', '/v1/suppressions', { email: 'b@one.example', reason: 'manual_dnc' });
    const refused = await patch(id, { cc: 'b@one.example', subject: 'Other' });
    assert.equal(refused.status, 422);
    assert.equal(refused.body.code, 'suppressed');
    const message = await look(id);
    assert.deepEqual([message.status, message.subject], ['scheduled', 'Your quote']);
    assert.equal(await used(), 1);
    assert.equal((await tenant.person.call('GET', `/v1/approvals/${approval}`)).body.state, 'approved');
    await move('PT3H');
    assert.equal((await captured()).length, 1);
  });

  test('what is wrong with the change is said field by field, and a message that has left keeps its content', async () => {
    const { id } = await send(mail('a@one.example'));
    const wrong = await patch(id, { to: 'nobody', subject: '' });
    assert.equal(wrong.status, 422);
    assert.deepEqual(
      wrong.body.errors.map(({ param }: { param: string }) => param),
      ['to[0].email', 'subject'],
    );
    assert.equal((await patch(id, { no_such: 1 })).status, 422);
    assert.equal((await patch('msg_nonsense', { subject: 'Other' })).status, 404);
    const [approval] = await waiting();
    await approve(approval.id);
    await move('PT1S');
    assert.equal((await look(id)).status, 'delivered');
    assert.equal((await patch(id, { subject: 'Too late' })).body.code, 'state_conflict');
  });

  for (const [what, tamper] of [
    ['a bcc is put into its rows', addBcc],
    ['an address in its rows is another', redirect],
    ['its stored content is another', rewrite],
    ['its sender is another', resend],
  ] as const) {
    test(`when ${what} behind the gateway's back`, async () => {
      const { id } = await approved(mail('a@one.example', { send_at: AT }));
      const db = new DatabaseSync(join(gateway.directory, 'postern.db'));
      try {
        db.exec('PRAGMA busy_timeout = 5000');
        tamper(db);
      } finally {
        db.close();
      }
      await move('PT3H');
      assert.deepEqual(await captured(), []);
      const message = await look(id);
      assert.equal(message.recipients[0].status, 'held');
      assert.equal(message.recipients[0].reasons[0].evidence.asked_by, 'change');
      const [again] = await waiting();
      assert.equal(again.message_id, id);
    });
  }
});

const NEWEST = '(SELECT max(message) FROM recipient)';

function addBcc(db: DatabaseSync): void {
  db.exec(
    `INSERT INTO recipient (id, message, space, kind, email, state, due, depart_at, facts, verdict)
     SELECT id + 1, message, space, 2, 'thief@two.example', state, due, depart_at, facts, verdict
     FROM recipient WHERE id = ${NEWEST}`,
  );
}

function redirect(db: DatabaseSync): void {
  db.exec(`UPDATE recipient SET email = 'thief@two.example' WHERE id = ${NEWEST}`);
}

function rewrite(db: DatabaseSync): void {
  db.exec(`UPDATE message SET body = replace(body, 'Here it is', 'Pay here') WHERE id = ${NEWEST}`);
}

function resend(db: DatabaseSync): void {
  db.exec(`UPDATE message SET from_email = 'ceo@acme.example' WHERE id = ${NEWEST}`);
}
