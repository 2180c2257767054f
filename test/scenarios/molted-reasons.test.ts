/** Each of the eighteen reasons of Molted's policy page by its real cause, with its trace; and the order in which they fail. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { MOLTED_ORDER } from '../../src/intake/faces/molted/words.ts';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Call, makeTenant, makeTestKey, type TestTenant } from '../harness/tenants.ts';

const NEWS = 'News. {{ unsubscribe_url }} <address>1 High Street, Town</address>';

type Event = { rule: string; passed: boolean; code: string; detail?: string };

describe('Molted’s reasons', () => {
  let gateway: TestGateway;
  let operator: Call;
  let sends = 0;
  const reached = new Set<string>();

  before(async () => {
    gateway = await startTestGateway();
    operator = asOperator(gateway);
  });
  after(() => gateway.stop());

  const start = async (body: object = {}, policy: object | null = null): Promise<TestTenant> => {
    const tenant = await makeTenant(gateway, { name: 'acme', ...body });
    if (policy !== null) await put(tenant, policy);
    return tenant;
  };
  const put = async (tenant: TestTenant, policy: object): Promise<void> => {
    const set = await operator('PUT', `/v1/tenants/${tenant.id}/policy`, policy, { 'x-mode': 'test' });
    assert.equal(set.status, 200, JSON.stringify(set.body));
  };
  const send = (tenant: TestTenant, more: object = {}, headers: Record<string, string> = {}): Promise<Answer> => {
    sends += 1;
    const body = {
      tenantId: tenant.id,
      recipientEmail: 'bob@example.com',
      templateId: '_default',
      dedupeKey: `key-${sends}`,
      payload: { subject: 'Hello', text: 'It works.' },
      ...more,
    };
    return tenant.agent.call('POST', '/compat/molted/v1/agent/request-send', body, headers);
  };
  const ok = async (answer: Promise<Answer>): Promise<Answer> => {
    const { status, body, headers } = await answer;
    assert.ok(status < 300, JSON.stringify(body));
    return { status, body, headers };
  };
  const queued = async (answer: Promise<Answer>): Promise<Answer> => {
    const taken = await ok(answer);
    assert.equal(taken.body.status, 'queued', JSON.stringify(taken.body));
    return taken;
  };
  /** HTTP 200, blocked, with the reason in every place, the trace of the rule and the canonical code. */
  const blocked = async (answer: Promise<Answer>, reason: string, rule: string, code: string): Promise<Answer> => {
    const { status, body, headers } = await answer;
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual([body.status, body.reason], ['blocked', reason], JSON.stringify(body));
    assert.match(body.requestId, /^req_/);
    const { decision, auditEvents } = body.policyTrace as { decision: object; auditEvents: Event[] };
    assert.deepEqual(decision, { allow: false, reason, code });
    const event = auditEvents.find((one) => one.rule === rule);
    assert.deepEqual([event?.passed, event?.code], [false, code], JSON.stringify(auditEvents));
    assert.ok(event!.detail!.length > 10);
    assert.ok(auditEvents.length > 35, 'every rule stands in the trace');
    assert.ok(auditEvents.some(({ passed }) => passed));
    reached.add(reason);
    return { status, body, headers };
  };

  test('tenant_paused: a pause, a suspension, a quarantine', async () => {
    const tenant = await start();
    await ok(tenant.person.call('POST', '/v1/account/pause', { note: 'holidays' }));
    await blocked(send(tenant), 'tenant_paused', 'tenant_pause', 'account_paused');
    await ok(tenant.person.call('POST', '/v1/account/resume', { note: 'back' }));
    await queued(send(tenant));
    await ok(operator('PATCH', `/v1/tenants/${tenant.id}`, { standing: 'suspended' }));
    await blocked(send(tenant), 'tenant_paused', 'account_suspended', 'account_suspended');
    await ok(operator('PATCH', `/v1/tenants/${tenant.id}`, { standing: 'active' }));
    await ok(operator('POST', `/v1/tenants/${tenant.id}/quarantine`, { note: 'looks odd' }, { 'x-mode': 'test' }));
    const { headers } = await blocked(send(tenant), 'tenant_paused', 'account_quarantined', 'account_quarantined');
    assert.equal(headers.get('x-postern-reason'), 'account_quarantined');
    assert.equal(headers.get('x-risk-level'), 'quarantined');
  });

  test('trial_not_activated and subscription_expired: the standing of the account', async () => {
    const tenant = await start();
    for (const [standing, reason, code] of [
      ['trial_not_activated', 'trial_not_activated', 'trial_not_activated'],
      ['subscription_expired', 'subscription_expired', 'subscription_expired'],
      ['trial_expired', 'subscription_expired', 'trial_expired'],
    ] as const) {
      await ok(operator('PATCH', `/v1/tenants/${tenant.id}`, { standing }));
      await blocked(send(tenant), reason, code, code);
    }
    const broke = await start({ billing: 'credits', credits: 0 });
    await blocked(send(broke), 'subscription_expired', 'insufficient_credits', 'insufficient_credits');
  });

  test('template_not_approved and template_lint_failed: a draft, and a phrase of spam', async () => {
    const tenant = await start({}, { templates: { require_approval: true } });
    const template = { kind: 'transactional', subject: 'Hi', text: 'Dear {{ name }}.', variables: ['name'] };
    await ok(tenant.agent.call('POST', '/v1/templates', { ...template, slug: 'hello' }));
    const payload = { name: 'Bob' };
    const draft = send(tenant, { templateId: 'hello', payload });
    await blocked(draft, 'template_not_approved', 'template_approval', 'template_not_approved');
    await ok(tenant.agent.call('POST', '/v1/templates/hello/submit', {}));
    await ok(tenant.person.call('POST', '/v1/templates/hello/approve', { note: 'fine' }));
    await queued(send(tenant, { templateId: 'hello', payload }));
    const other = await start();
    const loud = { ...template, slug: 'loud', subject: 'Act now, this is a 100% free risk-free offer' };
    await ok(other.agent.call('POST', '/v1/templates', loud));
    const found = send(other, { templateId: 'loud', payload });
    await blocked(found, 'template_lint_failed', 'template_lint_failed', 'template_lint_failed');
    const native = { to: 'bob@example.com', template: { id: 'loud', data: payload } };
    assert.equal((await other.agent.call('POST', '/v1/messages', native)).status, 202, 'elsewhere it is a warning');
  });

  test('suppressed: by a bounce, by an unsubscribe; dnc: a mark that nobody lifts', async () => {
    const tenant = await start();
    const { call } = tenant.agent;
    await ok(call('POST', '/v1/suppressions', { email: 'gone@example.com', reason: 'hard_bounce' }));
    const gone = await blocked(
      send(tenant, { recipientEmail: 'gone@example.com' }),
      'suppressed',
      'suppression',
      'suppressed',
    );
    assert.equal(gone.body.suppressionReason, 'hard_bounce');
    await ok(call('POST', '/v1/suppressions', { email: 'left@example.com', reason: 'unsubscribe' }));
    const left = await blocked(
      send(tenant, { recipientEmail: 'left@example.com' }),
      'suppressed',
      'suppression',
      'suppressed',
    );
    assert.equal(left.body.suppressionReason, 'manual_dnc');
    await ok(call('PUT', '/v1/contacts/never@example.com', { do_not_contact: true }));
    await blocked(send(tenant, { recipientEmail: 'never@example.com' }), 'dnc', 'dnc', 'do_not_contact');
  });

  test('active_opportunity, lease_conflict, and thread_taken_over, which is 409', async () => {
    const tenant = await start();
    const { call } = tenant.agent;
    await ok(call('PUT', '/v1/contacts/deal@example.com', { opportunity: true }));
    const deal = send(tenant, { recipientEmail: 'deal@example.com' });
    await blocked(deal, 'active_opportunity', 'active_opportunity', 'active_opportunity');
    await ok(call('POST', '/v1/leases', { contact: 'leased@example.com', agent: 'one', ttl_seconds: 60 }));
    const other = send(tenant, { recipientEmail: 'leased@example.com' }, { 'x-agent-id': 'two' });
    await blocked(other, 'lease_conflict', 'lease', 'lease_conflict');
    await queued(send(tenant, { recipientEmail: 'leased@example.com' }, { 'x-agent-id': 'one' }));
    await ok(call('PUT', '/v1/contacts/taken@example.com', { thread_taken_over: true }));
    const taken = await send(tenant, { recipientEmail: 'taken@example.com' });
    assert.deepEqual([taken.status, taken.body.error], [409, 'thread_taken_over'], JSON.stringify(taken.body));
    assert.equal(taken.body.policyTrace.decision.code, 'thread_taken_over');
  });

  test('duplicate: a key that was accepted, with the first request; a refused one is free', async () => {
    const tenant = await start();
    const first = await queued(send(tenant, { dedupeKey: 'once' }));
    const again = await blocked(send(tenant, { dedupeKey: 'once' }), 'duplicate', 'deduplication', 'duplicate');
    assert.equal(again.body.originalRequestId, first.body.requestId);
    const alias = send(tenant, {
      dedupeKey: undefined,
      idempotencyKey: 'once',
      payload: { subject: 'Other', text: 'x' },
    });
    await blocked(alias, 'duplicate', 'deduplication', 'duplicate');
    await ok(tenant.person.call('POST', '/v1/account/pause', { note: 'a while' }));
    await blocked(send(tenant, { dedupeKey: 'free' }), 'tenant_paused', 'tenant_pause', 'account_paused');
    await ok(tenant.person.call('POST', '/v1/account/resume', { note: 'on' }));
    await queued(send(tenant, { dedupeKey: 'free', recipientEmail: 'eve@example.com' }));
    const both = await Promise.all(
      [1, 2].map(() => send(tenant, { dedupeKey: 'race', recipientEmail: 'r@example.com' })),
    );
    assert.deepEqual(both.map(({ body }) => body.status).sort(), ['blocked', 'queued']);
  });

  test('cooldown: until when, in both places', async () => {
    const tenant = await start({}, { cooldown: { per: 'recipient', seconds: 600 } });
    await ok(tenant.agent.call('POST', '/v1/test/clock', { now: '2027-03-01T09:00:00Z' }));
    await queued(send(tenant));
    const { body } = await blocked(send(tenant), 'cooldown', 'cooldown', 'cooldown');
    assert.equal(body.cooldownExpiresAt, '2027-03-01T09:10:00.000Z');
    assert.equal(body.policyTrace.cooldownExpiresAt, '2027-03-01T09:10:00.000Z');
    await ok(tenant.agent.call('POST', '/v1/test/clock', { advance: 'PT10M' }));
    await queued(send(tenant));
  });

  test('budget_exceeded, monthly_budget_exceeded, rate_limited: limits of the account, and all others', async () => {
    const limit = (name: string, scope: string, window: string) => ({ limits: [{ name, scope, window, max: 1 }] });
    for (const [policy, reason, rule, code] of [
      [limit('hour', 'tenant', 'calendar_hour'), 'budget_exceeded', 'hourly_budget', 'hourly_quota_exceeded'],
      [limit('day', 'tenant', 'calendar_day'), 'budget_exceeded', 'daily_budget', 'daily_quota_exceeded'],
      [
        limit('month', 'tenant', 'calendar_month'),
        'monthly_budget_exceeded',
        'monthly_budget',
        'monthly_quota_exceeded',
      ],
      [limit('app', 'installation', 'calendar_day'), 'rate_limited', 'daily_budget', 'daily_quota_exceeded'],
      [
        limit('one', 'recipient', 'rolling_24h'),
        'rate_limited',
        'recipient_frequency_exceeded',
        'recipient_frequency_exceeded',
      ],
      [
        limit('there', 'recipient_domain', 'rolling_1h'),
        'rate_limited',
        'recipient_domain_throttled',
        'recipient_domain_throttled',
      ],
    ] as const) {
      const tenant = await start({}, policy);
      await queued(send(tenant));
      const { headers, body } = await blocked(send(tenant), reason, rule, code);
      assert.ok(Number(headers.get('retry-after')) >= 0, JSON.stringify(body));
    }
  });

  const finer = { 'x-molted-vocabulary': 'finer' };
  /** In the words of the reference for agents. */
  const named = async (tenant: TestTenant, reason: string, more: object = {}): Promise<Answer> => {
    const answer = await send(tenant, more, finer);
    assert.deepEqual([answer.body.status, answer.body.reason], ['blocked', reason], JSON.stringify(answer.body));
    return answer;
  };

  test('finer names where a client asks for them: limits', async () => {
    for (const [scope, window, reason] of [
      ['tenant', 'calendar_hour', 'hourly_limit_exceeded'],
      ['tenant', 'calendar_day', 'daily_limit_exceeded'],
      ['tenant', 'calendar_month', 'monthly_limit_exceeded'],
      ['recipient_domain', 'rolling_1h', 'domain_throttled'],
    ]) {
      const tenant = await start({}, { limits: [{ name: 'one', scope, window, max: 1 }] });
      await queued(send(tenant));
      await named(tenant, reason!);
    }
  });

  test('finer names where a client asks for them: templates, people, senders', async () => {
    const tenant = await start({}, { consent: { marketing: 'required' }, disengaged: { after_sends: 1, days: 30 } });
    const { call } = tenant.agent;
    const template = { slug: 'news', subject: 'News', html: `Dear {{ name }}. ${NEWS}` };
    await ok(call('POST', '/v1/templates', { ...template, kind: 'marketing', variables: ['name'] }));
    await named(tenant, 'template_not_found', { templateId: 'none' });
    const nowhere = { slug: 'nowhere', kind: 'marketing', subject: 'News', text: 'News. {{ unsubscribe_url }}' };
    const other = await start();
    await ok(other.agent.call('POST', '/v1/templates', nowhere));
    await named(other, 'missing_physical_address', { templateId: 'nowhere', payload: {} });
    await ok(call('POST', '/v1/templates', { ...template, slug: 'plain', kind: 'transactional', variables: ['name'] }));
    await named(tenant, 'template_render_failed', { templateId: 'plain', payload: {} });
    await named(tenant, 'no_consent', { templateId: 'news', payload: { name: 'Bob' } });
    await ok(call('POST', '/v1/canaries', { label: 'notes', marker: 'MLTED-0badc0de0badc0de' }));
    const leaked = { payload: { subject: 'Hello', text: 'The marker is MLTED-0badc0de0badc0de.' } };
    await named(tenant, 'canary_violation', leaked);
    const made = await ok(call('POST', '/v1/identities', { handle: 'al', from: 'al@acme.example' }));
    await ok(call('PATCH', `/v1/identities/${made.body.id}`, { state: 'inactive' }));
    await named(tenant, 'mailbox_not_active', { mailboxId: 'al' });
    const headers = { 'x-tenant': tenant.id, 'x-mode': 'test' };
    await ok(operator('PATCH', `/v1/identities/${made.body.id}`, { state: 'suspended' }, headers));
    await named(tenant, 'mailbox_paused', { mailboxId: 'al' });
    const strict = await start({}, { senders: { require_verified_domain: 'always' } });
    await ok(strict.agent.call('POST', '/v1/identities', { handle: 'al', from: 'al@unknown.example' }));
    await named(strict, 'sender_domain_not_verified', { mailboxId: 'al' });
  });

  test('suppressed: each of its five words', async () => {
    const tenant = await start();
    const words = ['complaint', 'hard_bounce', 'manual_dnc', 'legal_request', 'role_account'];
    for (const reason of words) {
      await ok(tenant.agent.call('POST', '/v1/suppressions', { email: `${reason}@example.com`, reason }));
      const { body } = await send(tenant, { recipientEmail: `${reason}@example.com` });
      assert.deepEqual([body.reason, body.suppressionReason], ['suppressed', reason], JSON.stringify(body));
    }
    const roles = await start({}, { role_accounts: 'block' });
    const { body } = await send(roles, { recipientEmail: 'postmaster@example.com' });
    assert.deepEqual([body.reason, body.suppressionReason], ['suppressed', 'role_account'], JSON.stringify(body));
  });

  test('a warm-up puts off what it alone stops, for a month at most, and marketing unless told not to', async () => {
    const month = { name: 'month', scope: 'tenant', window: 'calendar_month', max: 60 };
    const warmup = { start: 1, factor_percent: 100, every_days: 60, days: 60 };
    const tenant = await start({}, { warmup, limits: [month], quarantine: { mode: 'off' } });
    const { call } = tenant.agent;
    await ok(call('POST', '/v1/test/clock', { now: '2027-03-01T09:00:00Z' }));
    await ok(call('POST', '/v1/identities', { handle: 'al', from: 'al@acme.example' }));
    const news = { slug: 'news', kind: 'marketing', subject: 'News', html: NEWS };
    await ok(call('POST', '/v1/templates', news));
    const by = { mailboxId: 'al' };
    await queued(send(tenant, by));
    const stopped = await blocked(send(tenant, by), 'rate_limited', 'warmup_limit_exceeded', 'warmup_limit_exceeded');
    assert.equal(stopped.body.projectedDate, undefined);
    const late = await ok(send(tenant, { ...by, deferOnWarmup: true }));
    assert.deepEqual(
      [late.body.status, late.body.reason, late.body.scheduledAt],
      ['scheduled', 'warmup_defer', '2027-03-02T00:00:00.000Z'],
    );
    const letter = { ...by, templateId: 'news', payload: {} };
    const marketing = await ok(send(tenant, letter));
    assert.deepEqual([marketing.body.status, marketing.body.reason], ['scheduled', 'warmup_defer']);
    const now = await named(tenant, 'warmup_limit', { ...letter, deferOnWarmup: false });
    assert.equal(now.body.status, 'blocked');
    let last = late;
    for (let i = 0; i < 40 && last.body.status === 'scheduled'; i += 1) {
      last = await ok(send(tenant, { ...by, deferOnWarmup: true }, finer));
    }
    assert.deepEqual([last.body.status, last.body.reason], ['blocked', 'warmup_horizon_exceeded']);
    assert.equal(last.body.projectedDate, '2027-04-01');
    // Any other limit blocks, though it would free a place in time.
    const used = await start({}, { warmup, limits: [{ ...month, max: 1 }] });
    await ok(used.agent.call('POST', '/v1/identities', { handle: 'al', from: 'al@acme.example' }));
    await queued(send(used, by));
    assert.equal((await send(used, { ...by, deferOnWarmup: true })).body.reason, 'monthly_budget_exceeded');
    const wrong = await send(tenant, { ...by, deferOnWarmup: 'yes' });
    assert.deepEqual([wrong.status, wrong.body.error], [400, 'invalid_params']);
  });

  test('risk_budget_exceeded and negative_signal_budget_exceeded: what came back', async () => {
    const tenant = await start({}, { risk_budget: { window: 'rolling_24h', min_sample: 2, max_bounce_rate: 0.2 } });
    for (const name of ['a', 'b', 'c']) {
      await queued(send(tenant, { recipientEmail: `${name}@example.com` }));
      await ok(tenant.agent.call('POST', '/v1/test/clock?wait=10', { advance: 'PT1M' }));
    }
    const bounce = { kind: 'bounce', email: 'a@example.com', class: 'unknown_user' };
    await ok(tenant.agent.call('POST', '/v1/returns', bounce));
    await blocked(send(tenant), 'risk_budget_exceeded', 'risk_budget', 'risk_budget_exceeded');
    const other = await start({}, { negative_signals: { window: 'rolling_1h', max: 1 } });
    await queued(send(other, { recipientEmail: 'a@example.com' }));
    await ok(other.agent.call('POST', '/v1/test/clock?wait=10', { advance: 'PT1M' }));
    await ok(other.agent.call('POST', '/v1/returns', { kind: 'complaint', email: 'a@example.com' }));
    const signals = 'negative_signal_budget_exceeded';
    await blocked(send(other), signals, 'negative_signal_budget', signals);
  });

  test('no_verified_domain: a sender whose domain is not verified', async () => {
    const tenant = await start({}, { senders: { require_verified_domain: 'always' } });
    await ok(tenant.agent.call('POST', '/v1/identities', { handle: 'al', from: 'al@unknown.example' }));
    await blocked(
      send(tenant, { mailboxId: 'al' }),
      'no_verified_domain',
      'domain_not_verified',
      'domain_not_verified',
    );
  });

  test('no_verified_domain: no sender that the key may use, and nothing to send through', async () => {
    const tenant = await start();
    await ok(tenant.agent.call('POST', '/v1/identities', { handle: 'al', from: 'al@acme.example' }));
    await ok(tenant.agent.call('POST', '/v1/identities', { handle: 'sales', from: 'sales@acme.example' }));
    const bound = await makeTestKey(gateway, tenant.id, { scopes: ['send'], identities: ['sales'] });
    const other = send({ ...tenant, agent: bound }, { mailboxId: 'al' });
    await blocked(other, 'no_verified_domain', 'sender_not_authorized', 'sender_not_authorized');
    await ok(tenant.person.call('POST', '/v1/providers/default/deactivate', { note: 'none' }));
    await blocked(send(tenant), 'no_verified_domain', 'no_active_provider', 'no_active_provider');
  });

  test('storage_limit_exceeded: a full store', async () => {
    await ok(operator('PUT', '/v1/plans/small', { storage_bytes: 3000 }));
    const tenant = await start({ plan: 'small' });
    const payload = { subject: 'Long', text: 'A sentence that takes room. '.repeat(80) };
    await queued(send(tenant, { payload }));
    const full = send(tenant, { payload, recipientEmail: 'eve@example.com' });
    await blocked(full, 'storage_limit_exceeded', 'storage_limit_exceeded', 'storage_limit_exceeded');
  });

  test('the first that fails on the wire is the page’s, not the catalogue’s; all stand in the trace', async () => {
    const tenant = await start(
      { billing: 'credits', credits: 1 },
      { limits: [{ name: 'day', scope: 'tenant', window: 'calendar_day', max: 1 }], cooldown: { seconds: 600 } },
    );
    await queued(send(tenant, { dedupeKey: 'k' }));
    const { call } = tenant.agent;
    // It has left before the contact changes: what is stopped on its way gives its places back.
    await ok(call('POST', '/v1/test/clock?wait=10', { advance: 'PT1M' }));
    const failing = ({ body }: Answer): string[] =>
      (body.policyTrace.auditEvents as Event[]).filter(({ passed }) => !passed).map(({ rule }) => rule);
    // The catalogue puts the account's credits first.
    const repeated = await blocked(send(tenant, { dedupeKey: 'k' }), 'duplicate', 'deduplication', 'duplicate');
    assert.deepEqual(failing(repeated), ['deduplication', 'cooldown', 'daily_budget', 'insufficient_credits']);
    assert.equal(repeated.headers.get('x-postern-reason'), 'insufficient_credits');
    await ok(call('PUT', '/v1/contacts/bob@example.com', { opportunity: true }));
    await blocked(send(tenant), 'active_opportunity', 'active_opportunity', 'active_opportunity');
    await ok(call('PUT', '/v1/contacts/bob@example.com', { do_not_contact: true }));
    await blocked(send(tenant), 'dnc', 'dnc', 'do_not_contact');
    await ok(call('POST', '/v1/suppressions', { email: 'bob@example.com', reason: 'manual_dnc' }));
    await blocked(send(tenant), 'suppressed', 'suppression', 'suppressed');
    await ok(tenant.person.call('POST', '/v1/account/pause', { note: 'all of it' }));
    const all = await blocked(send(tenant), 'tenant_paused', 'tenant_pause', 'account_paused');
    assert.deepEqual(failing(all), [
      ...['tenant_pause', 'suppression', 'dnc', 'active_opportunity', 'cooldown', 'daily_budget'],
      'insufficient_credits',
    ]);
  });

  test('all eighteen were reached', () => {
    const eighteen = MOLTED_ORDER.filter((reason) => reason !== 'thread_taken_over');
    assert.equal(eighteen.length, 18);
    assert.deepEqual(
      eighteen.filter((reason) => !reached.has(reason)),
      [],
    );
  });
});
