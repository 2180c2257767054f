import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, hello, makeTenant, withoutIds } from '../harness/tenants.ts';

let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

const BOB = '/v1/contacts/bob@example.com';

test('a contact is there as soon as something is known of it', async () => {
  const { agent } = await makeTenant(gateway);
  assert.equal((await agent.call('GET', BOB)).status, 404);
  const before = Math.floor(Date.now() / 1000) * 1000;
  await hello(agent.call, 'Bob@Example.com');
  const { status, body } = await agent.call('GET', '/v1/contacts/BOB@example.com');
  assert.equal(status, 200);
  assert.deepEqual([body.email, body.do_not_contact, body.suppressions], ['bob@example.com', false, []]);
  assert.ok(Date.parse(body.last_sent_at) >= before);
});

test('looking at an address that is unknown makes no contact of it', async () => {
  const { agent } = await makeTenant(gateway);
  await agent.call('GET', BOB);
  assert.deepEqual((await agent.call('GET', '/v1/contacts')).body.data, []);
  assert.equal((await agent.call('GET', BOB)).status, 404);
});

test('do-not-contact stops sends at once; taking it off needs a person with a note', async () => {
  const { agent, person } = await makeTenant(gateway);
  const set = await agent.call('PUT', BOB, { do_not_contact: { note: 'asked by phone' } });
  assert.equal(set.status, 200);
  assert.deepEqual([set.body.do_not_contact, set.body.marks.do_not_contact.note], [true, 'asked by phone']);
  const refused = await hello(agent.call, 'bob@example.com');
  assert.deepEqual([refused.status, refused.body.code], [422, 'do_not_contact']);
  for (const off of [false, null]) {
    const program = await agent.call('PUT', BOB, { do_not_contact: off, note: 'x' });
    assert.deepEqual([program.status, program.body.code], [403, 'human_decision_required']);
    const silent = await person.call('PUT', BOB, { do_not_contact: off });
    assert.deepEqual([silent.status, silent.body.param], [403, 'note']);
  }
  const off = await person.call('PUT', BOB, { do_not_contact: false, note: 'called back' });
  assert.deepEqual([off.status, off.body.do_not_contact, off.body.marks.do_not_contact], [200, false, null]);
  assert.equal((await hello(agent.call, 'bob@example.com')).status, 202);
  const rows = (await agent.call('GET', '/v1/audit')).body.data;
  assert.deepEqual(
    [rows[0].actor, rows[0].action, rows[0].target, rows[0].note, rows[0].after.do_not_contact],
    ['Dana', 'contact.changed', 'bob@example.com', 'called back', null],
  );
});

test('setting a mark again keeps since when it stands, and a program may repeat it', async () => {
  const { agent } = await makeTenant(gateway);
  const first = await agent.call('PUT', BOB, { do_not_contact: true, note: 'one' });
  const again = await agent.call('PUT', BOB, { do_not_contact: true });
  assert.deepEqual(again.body.marks, first.body.marks);
  const noted = await agent.call('PUT', BOB, { do_not_contact: { note: 'two' } });
  assert.deepEqual(noted.body.marks.do_not_contact, { since: first.body.marks.do_not_contact.since, note: 'two' });
});

test('every mark is set by a program and taken off by a person, and one leaves the others alone', async () => {
  const { agent, person } = await makeTenant(gateway);
  const marks = ['do_not_contact', 'opportunity', 'thread_taken_over'];
  for (const mark of marks) assert.equal((await agent.call('PUT', BOB, { [mark]: true })).body[mark], true);
  for (const mark of marks) {
    const refused = await agent.call('PUT', BOB, { [mark]: false, note: 'x' });
    assert.equal(refused.status, 403);
    assert.deepEqual(refused.body.reasons[0].evidence.loosens, [`contact.${mark}`]);
    assert.equal((await person.call('PUT', BOB, { [mark]: false, note: 'done' })).body[mark], false);
  }
  assert.equal((await agent.call('PUT', BOB, { opportunity: false })).status, 200, 'nothing to take off');
});

test('consent is recorded with its time', async () => {
  const { agent } = await makeTenant(gateway);
  const set = await agent.call('PUT', BOB, { consent: { marketing: 'refused' } });
  assert.equal(set.body.consent.marketing, 'refused');
  const same = await agent.call('PUT', BOB, { consent: { marketing: 'refused' } });
  assert.deepEqual(same.body.consent, set.body.consent);
  assert.equal(set.body.consent.source, 'recorded');
  for (const [given, said] of [
    [true, 'opted_in'],
    ['refused', 'refused'],
    [{ marketing: true }, 'opted_in'],
    [false, 'refused'],
  ] as const) {
    assert.equal((await agent.call('PUT', BOB, { consent: given })).body.consent.marketing, said);
  }
  assert.equal((await agent.call('PUT', BOB, { consent: null })).body.consent, null);
});

test('what is wrong with a contact is told', async () => {
  const { agent } = await makeTenant(gateway);
  const refused = await agent.call('PUT', BOB, {
    do_not_contact: 'yes',
    consent: { marketing: 'maybe' },
    colour: 'red',
  });
  assert.equal(refused.status, 422);
  const params = new Set(refused.body.errors.map(({ param }: { param: string }) => param));
  assert.deepEqual(params, new Set(['do_not_contact', 'consent.marketing', 'colour']));
  for (const method of ['GET', 'PUT']) {
    const body = method === 'PUT' ? {} : undefined;
    assert.equal((await agent.call(method, '/v1/contacts/nobody', body)).status, 422);
  }
});

test('an address with a slash, a plus and a quote is found', async () => {
  const { agent } = await makeTenant(gateway);
  for (const email of [
    'a/b@example.com',
    'a+b@example.com',
    '"a b"@example.com',
    "o'neil@example.com",
    '#x:y@example.com',
  ]) {
    const put = await agent.call('PUT', `/v1/contacts/${encodeURIComponent(email)}`, { do_not_contact: true });
    if (email.startsWith('#')) assert.equal(put.status, 422);
    else assert.deepEqual([put.status, put.body.email], [200, email]);
  }
  const emails = (await agent.call('GET', '/v1/contacts')).body.data.map(({ email }: { email: string }) => email);
  assert.equal(emails.length, 4);
});

test('the list shows what was just changed, contacts alone, without gaps or repeats', async () => {
  const { agent } = await makeTenant(gateway);
  await agent.call('PUT', '/v1/policy', {
    limits: [{ name: 'domain', scope: 'recipient_domain', window: 'calendar_day', max: 100 }],
  });
  const people = Array.from({ length: 7 }, (_, n) => `person${n}@example${n}.com`);
  for (const email of people) await hello(agent.call, email);
  await agent.call('POST', '/v1/suppressions', { domain: 'example3.com', reason: 'manual_dnc' });
  const seen = new Map<string, { suppressions: { matched: string }[] }>();
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await agent.call('GET', `/v1/contacts?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
    assert.equal(page.status, 200);
    for (const contact of page.body.data) {
      assert.ok(!seen.has(contact.email));
      seen.set(contact.email, contact);
    }
    cursor = page.body.next_cursor;
  }
  assert.deepEqual([...seen.keys()].sort(), people);
  assert.equal(seen.get('person3@example3.com')?.suppressions[0]?.matched, 'domain');
});

test('contacts of another tenant, and of the other mode, are unknown', async () => {
  const [mine, theirs] = [await makeTenant(gateway), await makeTenant(gateway)];
  await theirs.agent.call('PUT', BOB, { do_not_contact: true });
  const foreign = await mine.agent.call('GET', BOB);
  const unknown = await mine.agent.call('GET', '/v1/contacts/nobody@example.com');
  assert.equal(foreign.status, 404);
  assert.equal(withoutIds(foreign, 'bob@example.com'), withoutIds(unknown, 'nobody@example.com'));
  assert.deepEqual((await mine.agent.call('GET', '/v1/contacts')).body.data, []);
  const live = await asOperator(gateway)('GET', BOB, undefined, { 'X-Tenant': theirs.id });
  assert.equal(live.status, 404);
});

test('marks, suppressions, keys and policy are there after a restart', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-test-'));
  let running = await startTestGateway({ POSTERN_DATA_DIR: directory });
  try {
    const tenant = await makeTenant(running);
    await tenant.agent.call('PUT', BOB, {
      do_not_contact: true,
      opportunity: { note: 'Renewal' },
      consent: { marketing: 'opted_in' },
    });
    await tenant.agent.call('POST', '/v1/suppressions', { domain: 'example.com', reason: 'manual_dnc' });
    await tenant.agent.call('POST', '/v1/identities', { handle: 'alice', from: 'a@b.example', daily_cap: 5 });
    await tenant.agent.call('PUT', '/v1/policy', { cooldown: { seconds: 60 } });
    const look = async (call: Call) =>
      Promise.all(
        [BOB, '/v1/suppressions', '/v1/identities', '/v1/policy', '/v1/account'].map(
          async (path) => (await call('GET', path)).body,
        ),
      );
    const before = await look(tenant.agent.call);
    await running.stop();
    running = await startTestGateway({ POSTERN_DATA_DIR: directory });
    const restarted = running;
    const call: Call = (method, path, body) => restarted.fetchJson(method, path, body, { key: tenant.agent.key });
    assert.deepEqual(await look(call), before);
    assert.equal((await hello(call, 'bob@example.com')).body.code, 'do_not_contact');
  } finally {
    await running.stop();
    rmSync(directory, { recursive: true, force: true });
  }
});
