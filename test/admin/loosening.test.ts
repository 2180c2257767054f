/** Everything that loosens a control, tried by a program, and by an agent whose key has every scope: a person alone may. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mail } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type Call, makeTenant, makeTestKey, type TestTenant } from '../harness/tenants.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

type Loosening = {
  what: string;
  /** Sets the control; answers with what the attempt needs to know. */
  tighten: (person: Call, tenant: TestTenant) => Promise<string>;
  loosen: (call: Call, id: string) => ReturnType<Call>;
  /** Whether the control still stands. */
  stands: (person: Call, id: string) => Promise<boolean>;
};

const note = 'because';
const done = async (answer: ReturnType<Call>) => {
  const { status, body } = await answer;
  assert.ok(status < 300, `${status} ${JSON.stringify(body)}`);
  return body;
};
const EMAIL = 'eve@example.com';
const contact = (mark: string): Loosening => ({
  what: `taking the mark ${mark} off a contact`,
  tighten: (person) => done(person('PUT', `/v1/contacts/${EMAIL}`, { [mark]: true })),
  loosen: (call) => call('PUT', `/v1/contacts/${EMAIL}`, { [mark]: false, note }),
  stands: async (person) => (await person('GET', `/v1/contacts/${EMAIL}`)).body[mark],
});
const held = async (person: Call) => {
  await done(person('PUT', '/v1/policy', { approvals: { mode: 'all' } }));
  const sent = await done(person('POST', '/v1/messages', mail('a@one.example')));
  return sent.recipients[0].reasons[0].evidence.approval_id;
};
const approval = (decision: 'approve' | 'reject'): Loosening => ({
  what: `deciding to ${decision} what waits`,
  tighten: held,
  loosen: (call, id) => call('POST', `/v1/approvals/${id}/${decision}`, { note }),
  stands: async (person, id) => (await person('GET', `/v1/approvals/${id}`)).body.state === 'pending',
});

const LOOSENINGS: readonly Loosening[] = [
  {
    what: 'loosening the policy',
    tighten: (person) => done(person('PUT', '/v1/policy', { cooldown: { seconds: 60 } })),
    loosen: (call) => call('PUT', `/v1/policy?note=${note}`, {}),
    stands: async (person) => (await person('GET', '/v1/policy')).body.in_force.cooldown.seconds === 60,
  },
  {
    what: 'lifting a suppression',
    tighten: async (person) =>
      (await done(person('POST', '/v1/suppressions', { email: EMAIL, reason: 'manual_dnc' }))).id,
    loosen: (call, id) => call('DELETE', `/v1/suppressions/${id}`, { note }),
    stands: async (person, id) => (await person('GET', `/v1/suppressions/${id}`)).status === 200,
  },
  contact('do_not_contact'),
  contact('opportunity'),
  contact('thread_taken_over'),
  {
    what: 'raising the cap of an identity',
    tighten: async (person) =>
      (await done(person('POST', '/v1/identities', { handle: 'al', from: 'al@acme.example', daily_cap: 5 }))).id,
    loosen: (call, id) => call('PATCH', `/v1/identities/${id}`, { daily_cap: 6, note }),
    stands: async (person, id) => (await person('GET', `/v1/identities/${id}`)).body.daily_cap === 5,
  },
  {
    what: 'asking for fewer approvals of an identity',
    tighten: async (person) =>
      (await done(person('POST', '/v1/identities', { handle: 'bo', from: 'bo@acme.example', approvals: 'all' }))).id,
    loosen: (call, id) => call('PATCH', `/v1/identities/${id}`, { approvals: 'first_contact', note }),
    stands: async (person, id) => (await person('GET', `/v1/identities/${id}`)).body.approvals === 'all',
  },
  {
    what: 'removing an identity that asks for approvals',
    tighten: async (person) =>
      (await done(person('POST', '/v1/identities', { handle: 'cy', from: 'cy@acme.example', approvals: 'all' }))).id,
    loosen: (call, id) => call('DELETE', `/v1/identities/${id}`),
    stands: async (person, id) => (await person('GET', `/v1/identities/${id}`)).status === 200,
  },
  {
    what: 'asking for fewer approvals of an agent',
    tighten: async (person) => (await done(person('POST', '/v1/agents', { name: 'other', approvals: 'all' }))).id,
    loosen: (call, id) => call('PATCH', `/v1/agents/${id}`, { approvals: 'none', note }),
    stands: async (person, id) => (await person('GET', `/v1/agents/${id}`)).body.approvals === 'all',
  },
  {
    what: 'releasing the lease of another agent',
    tighten: async (person) => {
      await done(person('POST', '/v1/agents', { name: 'holder' }));
      return (await done(person('POST', '/v1/leases', { contact: EMAIL, agent: 'holder', ttl_seconds: 600 }))).id;
    },
    loosen: (call, id) => call('POST', `/v1/leases/${id}/release`, { note }),
    stands: async (person, id) => (await person('GET', `/v1/leases/${id}`)).body.state === 'active',
  },
  {
    what: 'resuming what a person paused',
    tighten: (person) => done(person('POST', '/v1/account/pause', { note })),
    loosen: (call) => call('POST', '/v1/account/resume', { note }),
    stands: async (person) => (await person('GET', '/v1/account')).body.standing === 'paused',
  },
  approval('approve'),
  approval('reject'),
  {
    what: 'removing a canary',
    tighten: async (person) => (await done(person('POST', '/v1/canaries', { label: 'x' }))).id,
    loosen: (call, id) => call('DELETE', `/v1/canaries/${id}`, { note }),
    stands: async (person, id) => (await person('GET', `/v1/canaries/${id}`)).status === 200,
  },
  {
    what: 'approving a template',
    tighten: async (person) => {
      const template = { slug: 'letter', kind: 'transactional', subject: 'Hello', text: 'Hello.' };
      const { id } = await done(person('POST', '/v1/templates', template));
      await done(person('POST', `/v1/templates/${id}/submit`, {}));
      return id;
    },
    loosen: (call, id) => call('POST', `/v1/templates/${id}/approve`, { note }),
    stands: async (person, id) => (await person('GET', `/v1/templates/${id}`)).body.state === 'submitted',
  },
  {
    what: 'erasing a person',
    tighten: (person) => done(person('PUT', `/v1/contacts/${EMAIL}`, { do_not_contact: true })),
    loosen: (call) => call('POST', `/v1/contacts/${EMAIL}/erase`, { note }),
    stands: async (person) => (await person('GET', `/v1/contacts/${EMAIL}`)).body.do_not_contact,
  },
];

for (const { what, tighten, loosen, stands } of LOOSENINGS) {
  test(`${what} is for a person`, async () => {
    const tenant = await makeTenant(gateway);
    const person = tenant.person.call;
    const scopes = ['send', 'read', 'manage', 'approve'];
    const robot = await makeTestKey(gateway, tenant.id, { scopes, name: 'robot with a stamp', agent: 'robot-1' });
    const id = await tighten(person, tenant);
    assert.ok(await stands(person, id), 'the control is set');
    for (const { call } of [tenant.agent, robot]) {
      const refused = await loosen(call, id);
      assert.equal(refused.status, 403, JSON.stringify(refused.body));
      assert.equal(refused.body.code, 'human_decision_required');
      assert.equal(refused.body.reasons[0].evidence.required, 'approve');
      assert.ok(await stands(person, id), 'nothing was changed');
    }
    assert.ok((await loosen(person, id)).status < 300, 'a person may');
  });
}

test('a key that an agent makes is its own, so that no agent makes itself a person', async () => {
  const tenant = await makeTenant(gateway);
  const scopes = ['send', 'read', 'manage', 'approve'];
  const robot = await makeTestKey(gateway, tenant.id, { scopes, agent: 'robot-1' });
  const made = await robot.call('POST', '/v1/keys', { scopes });
  assert.equal(made.status, 201);
  assert.equal(made.body.agent, 'robot-1');
  assert.equal((await robot.call('POST', '/v1/keys', { scopes, agent: 'robot-2' })).status, 403);
});
