/** Molted's other endpoints, and its codes that are no reasons of its policy, each by its real cause. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, makeTenant, makeTestKey, type TestTenant } from '../harness/tenants.ts';

const BASE = '/compat/molted';

describe('Molted’s other endpoints', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  let call: Call;

  before(async () => {
    gateway = await startTestGateway();
    tenant = await makeTenant(gateway);
    call = (method, path, body, headers) => tenant.agent.call(method, BASE + path, body, headers);
    await setPolicy({ quarantine: { mode: 'off' } });
  });
  after(() => gateway.stop());

  const setPolicy = async (policy: object): Promise<void> => {
    const path = `/v1/tenants/${tenant.id}/policy`;
    const set = await asOperator(gateway)('PUT', path, policy, { 'x-mode': 'test' });
    assert.equal(set.status, 200, JSON.stringify(set.body));
  };
  const person: Call = (method, path, body) => tenant.person.call(method, BASE + path, body);
  let sends = 0;
  const sendOf = (more: object = {}): Record<string, unknown> => {
    sends += 1;
    const payload = { subject: 'Hello', text: 'It works.' };
    const key = `key-${sends}`;
    return { recipientEmail: `p${sends}@example.com`, templateId: '_default', dedupeKey: key, payload, ...more };
  };
  const send = (more: object = {}, headers: Record<string, string> = {}): Promise<Answer> =>
    call('POST', '/v1/send/request', { tenantId: tenant.id, ...sendOf(more) }, headers);
  const ok = async (answer: Promise<Answer>): Promise<Answer['body']> => {
    const { status, body } = await answer;
    assert.ok(status < 300, JSON.stringify(body));
    return body;
  };
  const refused = async (answer: Promise<Answer>, status: number, error: string): Promise<Answer['body']> => {
    const known = await answer;
    assert.deepEqual([known.status, known.body?.error], [status, error], JSON.stringify(known.body));
    assert.ok(known.body.message.length > 10);
    return known.body;
  };

  test('what is wrong with a request has a status and a code of its own', async () => {
    await refused(send({ dedupeKey: '  ' }), 400, 'dedupe_key_required');
    await refused(send({ recipientEmail: undefined }), 400, 'recipient_email_required');
    const invalid = await refused(send({ payload: { text: 'No subject.' } }), 400, 'invalid_params');
    assert.equal(invalid.field, 'payload.subject');
    await refused(send({ recipientEmail: 'nobody' }), 400, 'invalid_params');
    await refused(send({ templateId: undefined }), 400, 'invalid_params');
    await refused(send({ tenantId: 'ten_other' }), 403, 'insufficient_scope');
    await refused(send({ threadId: 'thr_none' }), 403, 'mailbox_scope_denied');
    await refused(send({ mailboxId: 'nobody' }), 403, 'mailbox_not_owned');
    const reader = await makeTestKey(gateway, tenant.id, { scopes: ['read'] });
    await refused(reader.call('POST', `${BASE}/v1/agent/request-send`, sendOf()), 403, 'insufficient_scope');
    const key = 'pst_test_no';
    await refused(gateway.fetchJson('POST', `${BASE}/v1/send/request`, sendOf(), { key }), 401, 'unauthorized');
    await refused(gateway.fetchJson('GET', `${BASE}/v1/suppressions`, undefined, { key }), 401, 'unauthorized');
    await refused(call('GET', '/v1/nowhere'), 404, 'not_found');
    await refused(call('GET', '/v1/ops/trace/req_none'), 404, 'send_request_not_found');
    await refused(call('DELETE', '/v1/agent/sends/req_none'), 404, 'send_request_not_found');
    await asOperator(gateway)('POST', '/v1/platform/pause', { note: 'works' });
    await refused(send(), 503, 'service_unavailable');
    await asOperator(gateway)('POST', '/v1/platform/resume', { note: 'done' });
  });

  test('a batch: each for itself, faults of a row in the row', async () => {
    await ok(call('POST', '/v1/suppressions', { recipientEmail: 'gone@example.com', reasonCode: 'hard_bounce' }));
    const row = (recipientEmail: string | undefined, dedupeKey: string | undefined) => ({
      ...{ recipientEmail, dedupeKey, payload: { subject: 'Hello', text: 'It works.' } },
    });
    const rows = [
      row('one@example.com', 'a'),
      row('gone@example.com', 'b'),
      row('two@example.com', 'a'),
      row(undefined, 'c'),
      row('three@example.com', undefined),
      row('four@example.com', 'd'),
    ];
    const body = await ok(call('POST', '/v1/agent/batch/request-send', { templateId: '_default', sends: rows }));
    assert.deepEqual([body.total, body.queued, body.blocked, body.errors], [6, 2, 1, 3]);
    assert.deepEqual(
      body.results.map(({ status, reason }: { status: string; reason?: string }) => [status, reason ?? null]),
      [
        ['queued', null],
        ['blocked', 'suppressed'],
        ['error', 'duplicate_in_batch'],
        ['error', 'recipient_email_required'],
        ['error', 'dedupe_key_required'],
        ['queued', null],
      ],
    );
    assert.equal(body.results[2].requestId, '');
    const many = { templateId: '_default', sends: new Array(501).fill({}) };
    const large = await refused(call('POST', '/v1/agent/batch/request-send', many), 400, 'batch_too_large');
    assert.deepEqual([large.field, large.max, large.received], ['sends', 500, 501]);
  });

  test('a dry run says what would become of a send, and consumes nothing', async () => {
    const suppressed = await ok(
      call('POST', '/v1/agent/simulate-send', sendOf({ recipientEmail: 'gone@example.com' })),
    );
    assert.deepEqual([suppressed.wouldAllow, suppressed.simulation, suppressed.reason], [false, true, 'suppressed']);
    assert.deepEqual(suppressed.suppressionInfo, { scope: 'tenant', reasonCode: 'hard_bounce' });
    assert.equal(suppressed.policyContext.isSuppressed, true);
    for (let i = 0; i < 2; i += 1) {
      const looked = await ok(call('POST', '/v1/agent/simulate-send', sendOf({ dedupeKey: 'looked' })));
      assert.deepEqual([looked.wouldAllow, looked.policyContext.hasDuplicate], [true, false]);
    }
    await ok(send({ dedupeKey: 'looked' }));
    const again = await ok(call('POST', '/v1/agent/simulate-send', sendOf({ dedupeKey: 'looked' })));
    assert.deepEqual([again.wouldAllow, again.reason, again.policyContext.hasDuplicate], [false, 'duplicate', true]);
    const body = { templateId: '_default', sends: [sendOf(), sendOf({ recipientEmail: 'gone@example.com' })] };
    assert.deepEqual(
      [suppressed.resolvedFromAddress, suppressed.policyContext.billingPlan],
      [again.resolvedFromAddress, null],
    );
    assert.match(again.resolvedFromAddress, /@/);
    const both = await ok(call('POST', '/v1/agent/simulate-batch', body));
    assert.deepEqual([both.total, both.wouldAllow, both.wouldBlock], [2, 1, 1]);
  });

  test('the budget has what is left, and when it resets', async () => {
    const limit = (name: string, window: string, max: number) => ({ name, scope: 'tenant', window, max });
    await ok(call('GET', '/v1/agent/budget'));
    const limits = [limit('hour', 'calendar_hour', 40), limit('month', 'calendar_month', 3000)];
    await setPolicy({ limits, quarantine: { mode: 'off' } });
    await ok(send());
    const budget = await ok(call('GET', `/v1/agent/budget?tenantId=${tenant.id}`));
    assert.equal(budget.tenantId, tenant.id);
    assert.equal(budget.hourly.limit, 40);
    assert.equal(budget.hourly.used, 40 - budget.hourly.remaining);
    assert.match(budget.monthly.resetsAt, /-01T00:00:00\.000Z$/);
    assert.equal(budget.daily, null);
    assert.deepEqual(budget.negativeSignals, { count: 0, budget: 50, remaining: 50, resetsAt: null });
    await ok(send({ recipientEmail: 'signs@example.com' }));
    const complaint = { kind: 'complaint', email: 'signs@example.com' };
    assert.ok((await tenant.agent.call('POST', '/v1/returns', complaint)).status < 300);
    const { negativeSignals } = await ok(call('GET', '/v1/agent/budget'));
    assert.deepEqual([negativeSignals.count, negativeSignals.budget, negativeSignals.remaining], [1, 50, 49]);
    assert.ok(Date.parse(negativeSignals.resetsAt) > Date.now());
    await setPolicy({ quarantine: { mode: 'off' } });
  });

  test('a lease is acquired, told of to another agent, listed and released', async () => {
    const asked = { agentId: 'one', contactEmail: 'leased@example.com', intent: 'renewal', durationMinutes: 10 };
    const lease = await ok(call('POST', '/v1/agent/coordination/lease', asked));
    assert.equal(Date.parse(lease.expiresAt) - Date.parse(lease.acquiredAt), 600_000);
    const other = await call('POST', '/v1/agent/coordination/lease', { ...asked, agentId: 'two' });
    assert.deepEqual([other.status, other.body.conflict, other.body.leaseHolder.agentId], [409, true, 'one']);
    assert.equal(other.body.leaseHolder.expiresAt, lease.expiresAt);
    const blocked = await send({ recipientEmail: 'leased@example.com' }, { 'x-agent-id': 'two' });
    assert.equal(blocked.body.reason, 'lease_conflict');
    const leases = await ok(call('GET', '/v1/agent/coordination/leases'));
    assert.deepEqual(
      leases.map(({ id }: { id: string }) => id),
      [lease.id],
    );
    const released = await ok(call('DELETE', `/v1/agent/coordination/lease/${lease.id}?agentId=one`));
    assert.deepEqual([released.released, released.id], [true, lease.id]);
    assert.deepEqual(await ok(call('GET', '/v1/agent/coordination/leases')), []);
  });

  test('suppressions are added and checked by software, and lifted by a person', async () => {
    const made = await ok(call('POST', '/v1/suppressions', { email: 'no@example.com', reasonCode: 'manual_dnc' }));
    assert.deepEqual([made.recipientEmail, made.reasonCode, made.expiresAt], ['no@example.com', 'manual_dnc', null]);
    const checked = await ok(call('GET', '/v1/suppressions/check?email=no@example.com'));
    assert.deepEqual([checked.suppressed, checked.reasonCode], [true, 'manual_dnc']);
    const listed = await ok(call('GET', '/v1/suppressions'));
    assert.ok(Array.isArray(listed) && listed.some(({ id }) => id === made.id));
    const human = await refused(call('DELETE', `/v1/suppressions/${made.id}`), 403, 'human_decision_required');
    for (const field of ['decisionUrl', 'kind', 'id', 'reason']) assert.equal(typeof human[field], 'string', field);
    assert.equal(human.kind, 'safety-settings');
    assert.ok(Array.isArray(human.loosens));
    await ok(person('DELETE', `/v1/suppressions/${made.id}`));
    assert.equal((await ok(call('GET', '/v1/suppressions/check?email=no@example.com'))).suppressed, false);
    await ok(call('POST', '/v1/suppressed-domains', { domain: 'gone.example' }));
    const domains = await ok(call('GET', '/v1/suppressed-domains'));
    assert.deepEqual(
      domains.map(({ domain }: { domain: string }) => domain),
      ['gone.example'],
    );
    assert.equal((await ok(call('GET', '/v1/suppressions/check?domain=gone.example'))).suppressed, true);
    await refused(call('DELETE', '/v1/suppressed-domains/gone.example'), 403, 'human_decision_required');
    assert.equal((await ok(person('DELETE', '/v1/suppressed-domains/gone.example'))).domain, 'gone.example');
    assert.equal((await ok(call('GET', '/v1/suppressions/check?domain=gone.example'))).suppressed, false);
    await refused(person('DELETE', '/v1/suppressed-domains/gone.example'), 404, 'not_found');
  });

  test('a suppression is the account’s own: neither everybody’s nor a campaign’s', async () => {
    const scoped = (scope: string) => call('POST', '/v1/suppressions', { email: 'scoped@example.com', scope });
    await refused(scoped('global'), 403, 'global_scope_not_allowed');
    await refused(scoped('campaign'), 400, 'invalid_params');
    assert.equal((await ok(call('GET', '/v1/suppressions/check?email=scoped@example.com'))).suppressed, false);
    assert.equal((await ok(scoped('tenant'))).scope, 'tenant');
    const expired = { domain: 'late.example', expiresAt: '2020-01-01T00:00:00Z' };
    await ok(call('POST', '/v1/suppressed-domains', expired));
    assert.equal((await ok(call('GET', '/v1/suppressions/check?domain=late.example'))).suppressed, false);
    await refused(call('GET', '/v1/suppressions/check'), 400, 'invalid_params');
    const both = '/v1/suppressions/check?email=a@b.example&domain=b.example';
    await refused(call('GET', both), 400, 'invalid_params');
  });

  test('lists go on page by page', async () => {
    const found: string[] = [];
    let next: string | null = '';
    while (next !== null) {
      const page = await call('GET', `/v1/suppressions?limit=1${next === '' ? '' : `&cursor=${next}`}`);
      found.push(...(await ok(Promise.resolve(page))).map(({ id }: { id: string }) => id));
      next = page.headers.get('x-next-cursor');
    }
    const all = await ok(call('GET', '/v1/suppressions'));
    assert.ok(found.length > 1);
    assert.deepEqual(
      found,
      all.map(({ id }: { id: string }) => id),
    );
    for (const query of ['limit=0', 'limit=201', 'limit=x']) {
      await refused(call('GET', `/v1/suppressions?${query}`), 400, 'invalid_paging');
    }
  });

  test('an account that is not paid for, or whose storage is full, uploads nothing', async () => {
    const operator = asOperator(gateway);
    await operator('PUT', '/v1/plans/molted-tiny', { storage_bytes: 1000 });
    const other = await makeTenant(gateway, { plan: 'molted-tiny' });
    const upload = (): Promise<Answer> =>
      other.agent.call('POST', `${BASE}/v1/attachments`, { filename: 'q.txt', content: 'aGk=' });
    await ok(upload());
    const long = sendOf({ payload: { subject: 'Long', text: 'A sentence. '.repeat(70) } });
    assert.equal((await ok(other.agent.call('POST', `${BASE}/v1/send/request`, long))).status, 'queued');
    await operator('PUT', '/v1/plans/molted-tiny', { storage_bytes: 100 });
    const full = await refused(upload(), 403, 'storage_limit_exceeded');
    assert.equal(full.statusCode, 403);
    await operator('PATCH', `/v1/tenants/${other.id}`, { standing: 'subscription_expired' });
    await refused(upload(), 402, 'subscription_expired');
  });

  test('a template is written, published, approved by a person, rendered and sent', async () => {
    await setPolicy({ templates: { require_approval: true }, quarantine: { mode: 'off' } });
    const source = {
      slug: 'hello',
      type: 'transactional',
      subject: 'Hi',
      text: 'Dear {{ name }}.',
      variables: ['name'],
    };
    const made = await ok(call('POST', '/v1/templates', source));
    assert.deepEqual(
      [made.slug, made.type, made.approvalStatus, made.latestVersion],
      ['hello', 'transactional', 'draft', 1],
    );
    assert.equal((await ok(call('POST', '/v1/templates/hello/versions', { subject: 'Hello' }))).latestVersion, 2);
    assert.equal((await ok(call('POST', '/v1/templates/hello/publish', {}))).approvalStatus, 'submitted');
    const decision = { decision: 'approved' };
    await refused(call('PATCH', '/v1/templates/approvals/hello', decision), 403, 'human_decision_required');
    assert.equal((await ok(person('PATCH', '/v1/templates/approvals/hello', decision))).approvalStatus, 'approved');
    const rendered = await ok(call('POST', '/v1/templates/hello/render', { payload: { name: 'Bob' } }));
    assert.deepEqual([rendered.subject, rendered.text], ['Hello', 'Dear Bob.']);
    assert.equal((await ok(send({ templateId: 'hello', payload: { name: 'Bob' } }))).status, 'queued');
    assert.equal((await ok(call('GET', '/v1/templates')))[0].slug, 'hello');
    await setPolicy({ quarantine: { mode: 'off' } });
  });

  test('a held send waits under its approval, and a person decides', async () => {
    await setPolicy({ approvals: { mode: 'all' }, quarantine: { mode: 'off' } });
    const held = await ok(send());
    assert.equal(held.status, 'pending_approval');
    const [approval, ...others] = await ok(call('GET', '/v1/send/approvals'));
    assert.deepEqual(others, []);
    assert.deepEqual([approval.id, approval.requestId, approval.status], [held.approvalId, held.requestId, 'pending']);
    const identity = { handle: 'al', from: 'al@acme.example' };
    const { id } = (await tenant.agent.call('POST', '/v1/identities', identity)).body;
    const ofAl = await ok(send({ mailboxId: 'al' }));
    for (const mailboxId of ['al', id]) {
      const listed = await ok(call('GET', `/v1/send/approvals?mailboxId=${mailboxId}`));
      assert.deepEqual(
        listed.map((one: { id: string }) => one.id),
        [ofAl.approvalId],
      );
    }
    assert.deepEqual(await ok(call('GET', '/v1/send/approvals?mailboxId=nobody')), []);
    const path = `/v1/send/approvals/${held.approvalId}`;
    const human = await refused(call('PATCH', path, { decision: 'approved' }), 403, 'human_decision_required');
    assert.equal(human.kind, 'send');
    assert.equal((await ok(person('PATCH', path, { decision: 'approved' }))).status, 'approved');
    await refused(person('PATCH', path, { decision: 'rejected' }), 409, 'state_conflict');
    await setPolicy({ quarantine: { mode: 'off' } });
  });

  test('a scheduled send is traced and cancelled; a file is uploaded and attached', async () => {
    await ok(tenant.agent.call('POST', '/v1/test/clock', { now: '2027-03-01T09:00:00Z' }));
    await refused(
      call('POST', '/v1/attachments', { filename: 'q.txt', content: 'not base64!' }),
      400,
      'invalid_params',
    );
    const upload = { filename: 'q.txt', contentType: 'text/plain', content: Buffer.from('hello').toString('base64') };
    const file = await ok(call('POST', '/v1/attachments', upload));
    assert.deepEqual([file.filename, file.size, file.contentType], ['q.txt', 5, 'text/plain']);
    await refused(send({ scheduledAt: '2027-03-01T09:00:00Z' }), 400, 'invalid_params');
    const look = sendOf({ scheduledAt: '2027-02-01T09:00:00Z' });
    await refused(call('POST', '/v1/agent/simulate-send', look), 400, 'invalid_params');
    const later = await ok(
      send({ scheduledAt: '2027-03-02T09:00:00Z', attachments: [{ id: file.id, filename: 'r.txt' }] }),
    );
    assert.deepEqual([later.status, later.scheduledAt], ['scheduled', '2027-03-02T09:00:00.000Z']);
    const traced = await ok(call('GET', `/v1/ops/trace/${later.requestId}`));
    assert.deepEqual([traced.requestId, traced.status], [later.requestId, 'scheduled']);
    assert.equal((await ok(call('DELETE', `/v1/agent/sends/${later.requestId}`))).status, 'cancelled');
    const native = await ok(tenant.agent.call('GET', `/v1/messages/${later.requestId}`));
    assert.equal(native.status, 'cancelled', 'our own routes know its ids too');
  });
});
