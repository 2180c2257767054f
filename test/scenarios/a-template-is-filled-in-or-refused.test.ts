import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { messageAfter } from '../harness/events.ts';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type Call, makeTenant, type TestTenant } from '../harness/tenants.ts';

const QUOTE = {
  slug: 'quote-ready',
  kind: 'transactional',
  subject: 'Your quote, {{ customer.name }}',
  html: '<p>Dear {{ customer.name }},</p>\n<p>your total is {{ total | times: 1.2 }}.</p>',
  text: 'Dear {{ customer.name }},\nyour total is {{ total | times: 1.2 }}.',
  variables: ['customer', { name: 'total', type: 'number' }],
};
const DATA = { customer: { name: 'Eve & <b>Bob</b>' }, total: 10 };

describe('a send that names a template', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  let agent: Call;
  let person: Call;
  before(async () => {
    gateway = await startTestGateway();
    tenant = await makeTenant(gateway);
    agent = tenant.agent.call;
    person = tenant.person.call;
  });
  after(() => gateway.stop());

  const create = async (template: object): Promise<{ id: string; version: number }> => {
    const made = await agent('POST', '/v1/templates', template);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body;
  };
  const send = (template: object, more: object = {}, path = '/v1/messages'): Promise<Answer> =>
    agent('POST', path, { to: 'bob@example.com', template, ...more });
  const contentOf = async (id: string, recipient = 'bob@example.com') => {
    const name = { tenantNo: tenant.no, mode: 'test', id } as const;
    await messageAfter(gateway.gateway.store, name, 'message.delivered');
    const { body } = await agent('GET', `/v1/sink?recipient=${recipient}`);
    return body.data[0];
  };
  /** Refused by the send and by the check of it, in the same words. */
  const refused = async (code: string, template: object, more: object = {}) => {
    const sent = await send(template, more);
    const checked = await send(template, more, '/v1/messages/check');
    assert.equal(sent.body.code, code, JSON.stringify(sent.body));
    assert.equal(checked.body.verdict, 'block');
    assert.deepEqual(checked.body.recipients[0].reasons, sent.body.reasons);
    assert.match(sent.body.message_id, /^msg_/);
    return sent;
  };

  test('goes out as the exact content that the data make, escaped in HTML alone', async () => {
    const { id } = await create(QUOTE);
    const sent = await send({ id: 'quote-ready', data: DATA });
    assert.equal(sent.status, 202, JSON.stringify(sent.body));
    const mail = await contentOf(sent.body.id);
    assert.equal(mail.subject, 'Your quote, Eve & <b>Bob</b>');
    assert.equal(mail.html.trim(), '<p>Dear Eve &amp; &lt;b&gt;Bob&lt;/b&gt;,</p>\n<p>your total is 12.</p>');
    assert.equal(mail.text.trim(), 'Dear Eve & <b>Bob</b>,\nyour total is 12.');
    const stored = await agent('GET', `/v1/messages/${sent.body.id}`);
    assert.deepEqual(stored.body.template, { id, slug: 'quote-ready', version: 1 });
    assert.equal(stored.body.subject, 'Your quote, Eve & <b>Bob</b>');
  });

  test('is refused while the template does not exist, and passes once it does', async () => {
    const { body, status } = await refused('template_not_found', { id: 'late', version: 2, data: DATA });
    assert.equal(status, 422);
    assert.deepEqual(body.reasons[0].evidence, { template: 'late', version: 2 });
    await create({ ...QUOTE, slug: 'late' });
    assert.equal((await send({ id: 'late', version: 2, data: DATA })).body.code, 'template_not_found');
    await agent('PATCH', '/v1/templates/late', { subject: 'Again: {{ total }}' });
    const again = await agent('GET', `/v1/messages/${body.message_id}/verdict?now=true`);
    assert.deepEqual(again.body.changed, [{ email: 'bob@example.com', added: [], removed: ['template_not_found'] }]);
    assert.equal((await send({ id: 'late', version: 2, data: DATA })).status, 202);
  });

  test('is refused where the data lack a variable, with the place in the template, and passes with it', async () => {
    await create({ ...QUOTE, slug: 'placed' });
    const { body, status } = await refused('template_render_failed', {
      id: 'placed',
      data: { customer: { name: 'Eve' } },
    });
    assert.equal(status, 422);
    const { evidence } = body.reasons[0];
    assert.deepEqual(
      { ...evidence, message: '' },
      {
        template: 'placed',
        version: 1,
        problem: 'missing_variable',
        part: 'html',
        variable: 'total',
        line: 2,
        column: 21,
        message: '',
      },
    );
    const typed = await refused('template_render_failed', { id: 'placed', data: { ...DATA, total: 'ten' } });
    assert.equal(typed.body.reasons[0].evidence.problem, 'wrong_type');
    assert.equal((await send({ id: 'placed', data: DATA })).status, 202);
  });

  test('stops a loop and an endless text at a bound', async () => {
    const loop = '{% for i in (1..100000) %}{% for j in (1..100000) %}{{ i }}{% endfor %}{% endfor %}';
    const text = '{% assign a = "abcdefgh" %}{% for i in (1..64) %}{% assign a = a | append: a %}{% endfor %}{{ a }}';
    for (const [slug, source] of [
      ['loop', loop],
      ['text', text],
    ] as const) {
      await create({ slug, kind: 'transactional', subject: 'x', text: source });
      const { body } = await refused('template_render_failed', { id: slug });
      assert.equal(body.reasons[0].evidence.problem, 'too_large');
    }
  });

  test('never lets a value end the line of the subject', async () => {
    await create({ slug: 'subject', kind: 'transactional', subject: 'Hi {{ name }}', text: 'x' });
    const { body } = await refused('template_render_failed', {
      id: 'subject',
      data: { name: 'x\r\nBcc: eve@example.com' },
    });
    assert.equal(body.reasons[0].evidence.problem, 'bad_subject');
    assert.equal((await send({ id: 'subject', data: { name: 'Bob' } })).status, 202);
  });

  test('is refused for what the policy calls an error, warned of what it only doubts, and passes once corrected', async () => {
    const spam = { slug: 'spam', kind: 'transactional', subject: 'Act now!', text: 'Open http://shop.example now' };
    await create(spam);
    const { body, status } = await refused('template_lint_failed', { id: 'spam' });
    assert.equal(status, 422);
    assert.deepEqual(body.reasons[0].evidence.findings, ['insecure_url']);
    const linted = await agent('POST', '/v1/templates/spam/lint');
    assert.deepEqual(
      linted.body.findings.map(({ name, severity, part, line, column }: Record<string, unknown>) => [
        name,
        severity,
        part,
        line,
        column,
      ]),
      [
        ['insecure_url', 'error', 'text', 1, 6],
        ['spam_phrase', 'warn', 'subject', 1, 1],
      ],
    );
    await agent('PATCH', '/v1/templates/spam', { text: 'Open https://shop.example now' });
    const warned = await send({ id: 'spam' });
    assert.equal(warned.status, 202);
    assert.equal(warned.body.warnings[0].code, 'template_warning');
    assert.deepEqual(warned.body.warnings[0].findings, ['spam_phrase']);
    await agent('PUT', '/v1/policy', { templates: { lint: { spam_phrase: 'error' } } });
    assert.deepEqual((await refused('template_lint_failed', { id: 'spam' })).body.reasons[0].evidence.findings, [
      'spam_phrase',
    ]);
    await agent('PATCH', '/v1/templates/spam', { subject: 'Your order' });
    assert.equal((await send({ id: 'spam' })).status, 202);
    assert.equal((await person('PUT', '/v1/policy', { note: 'the test is over' })).status, 200);
  });

  test('waits for a person where the policy says so; the newest approved version goes out meanwhile', async () => {
    await create({ slug: 'letter', kind: 'transactional', subject: 'One', text: 'one' });
    assert.equal((await agent('PUT', '/v1/policy', { templates: { require_approval: true } })).status, 200);
    const { body, status } = await refused('template_not_approved', { id: 'letter' });
    assert.equal(status, 403);
    assert.equal(body.reasons[0].evidence.state, 'draft');
    assert.equal((await person('POST', '/v1/templates/letter/approve', { note: 'ok' })).body.code, 'state_conflict');
    assert.equal((await agent('POST', '/v1/templates/letter/submit', { note: 'please look' })).body.state, 'submitted');
    const alone = await agent('POST', '/v1/templates/letter/approve', { note: 'I approve myself' });
    assert.equal(alone.body.code, 'human_decision_required');
    assert.equal((await person('POST', '/v1/templates/letter/approve', {})).body.param, 'note');
    const approved = await person('POST', '/v1/templates/letter/approve', { note: 'reads well' });
    assert.equal(approved.body.state, 'approved');
    assert.equal(approved.body.decided_by, 'Dana');
    const again = await agent('GET', `/v1/messages/${body.message_id}/verdict?now=true`);
    assert.deepEqual(again.body.changed[0].removed, ['template_not_approved']);
    assert.equal((await send({ id: 'letter' })).status, 202);

    await agent('PATCH', '/v1/templates/letter', { subject: 'Two', text: 'two' });
    const older = await send({ id: 'letter' });
    assert.equal((await agent('GET', `/v1/messages/${older.body.id}`)).body.subject, 'One');
    const unnamed = await agent('GET', `/v1/messages/${body.message_id}/verdict?now=true`);
    assert.deepEqual(unnamed.body.now?.recipients?.[0]?.reasons ?? [], []);
    const named = await refused('template_not_approved', { id: 'letter', version: 2 });
    assert.equal(named.body.reasons[0].evidence.version, 2);
    const own = await refused('template_not_approved', { id: 'letter' }, { subject: 'Mine' });
    assert.equal(own.body.reasons[0].evidence.state, 'overridden');
    await agent('POST', '/v1/templates/letter/submit');
    assert.equal((await agent('POST', '/v1/templates/letter/reject', { note: 'no' })).status, 403);
    assert.equal((await person('POST', '/v1/templates/letter/reject', {})).body.state, 'rejected');
    const rejected = await refused('template_not_approved', { id: 'letter', version: 2 });
    assert.equal(rejected.body.reasons[0].evidence.state, 'rejected');
    const audit = (await person('GET', '/v1/audit')).body.data.map(({ action }: { action: string }) => action);
    for (const action of ['template.created', 'template.submitted', 'template.approved', 'template.rejected']) {
      assert.ok(audit.includes(action), action);
    }
    assert.equal((await person('PUT', '/v1/policy', { note: 'the test is over' })).status, 200);
  });

  test('has every reason in one verdict, those about the template before those about the recipient', async () => {
    await agent('POST', '/v1/suppressions', { email: 'gone@example.com', reason: 'hard_bounce' });
    await create({ slug: 'both', kind: 'transactional', subject: 'x', text: 'http://shop.example {{ a }}' });
    const sent = await agent('POST', '/v1/messages', { to: 'gone@example.com', template: { id: 'both' } });
    assert.deepEqual(
      sent.body.reasons.map(({ code }: { code: string }) => code),
      ['template_lint_failed', 'template_render_failed', 'suppressed'],
    );
  });

  test('keeps its key when the template is changed meanwhile: the retry gets the first answer', async () => {
    await create({ ...QUOTE, slug: 'keyed' });
    const headers = { 'idempotency-key': 'quote-42' };
    const body = { to: 'bob@example.com', template: { id: 'keyed', data: DATA } };
    const first = await agent('POST', '/v1/messages', body, headers);
    await agent('PATCH', '/v1/templates/keyed', { subject: 'Changed' });
    const second = await agent('POST', '/v1/messages', body, headers);
    assert.equal(second.body.id, first.body.id);
    assert.equal(second.headers.get('idempotent-replayed'), 'true');
    const other = { ...body, template: { id: 'keyed', data: { ...DATA, total: 11 } } };
    assert.equal((await agent('POST', '/v1/messages', other, headers)).body.code, 'idempotency_key_reused');
  });

  test("does not see another tenant's templates", async () => {
    const other = await makeTenant(gateway);
    const { id } = await create({ ...QUOTE, slug: 'mine' });
    for (const name of ['mine', id]) {
      const sent = await other.agent.call('POST', '/v1/messages', { to: 'bob@example.com', template: { id: name } });
      assert.equal(sent.body.code, 'template_not_found');
      assert.equal((await other.agent.call('GET', `/v1/templates/${name}`)).status, 404);
      assert.equal((await other.person.call('DELETE', `/v1/templates/${name}`)).status, 404);
    }
  });
});
