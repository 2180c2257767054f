/** Templates over HTTP: versions, states, lists, and what a bad one is told. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, makeTenant, type TestTenant, withoutIds } from '../harness/tenants.ts';

describe('templates', () => {
  let gateway: TestGateway;
  let tenant: TestTenant;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
    tenant = await makeTenant(gateway);
  });
  after(() => gateway.stop());

  const call: TestTenant['agent']['call'] = (...all) => tenant.agent.call(...all);
  const make = async (slug: string, more: object = {}) => {
    const body = { slug, kind: 'transactional', subject: 'Hi {{ name }}', text: 'Hi {{ name }}', ...more };
    const made = await call('POST', '/v1/templates', body);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    return made.body;
  };

  test('a new one is a draft in version 1, found by id and by slug', async () => {
    const made = await make('welcome', { variables: ['name', { name: 'age', type: 'number', default: 1 }] });
    assert.match(made.id, /^tpl_[0-9a-z]{26}$/);
    assert.deepEqual([made.slug, made.version, made.state, made.approved_version], ['welcome', 1, 'draft', null]);
    assert.deepEqual(made.variables, [
      { name: 'name', type: 'any', required: null, description: null },
      { name: 'age', type: 'number', required: null, default: 1, description: null },
    ]);
    for (const name of [made.id, 'welcome']) {
      assert.deepEqual((await call('GET', `/v1/templates/${name}`)).body, made);
    }
  });

  test('variables are declared as a list, or by name', async () => {
    const made = await make('by-name', { variables: { name: 'string', age: { type: 'number', required: false } } });
    assert.deepEqual(made.variables, [
      { name: 'name', type: 'string', required: null, description: null },
      { name: 'age', type: 'number', required: false, description: null },
    ]);
    const wrong = { slug: 'x', kind: 'transactional', subject: 'x', text: 'x', variables: { 'no name': 'string' } };
    assert.equal((await call('POST', '/v1/templates', wrong)).status, 422);
  });

  test('a change makes the next version and leaves the others as they are', async () => {
    const made = await make('changing');
    const changed = await call('PATCH', '/v1/templates/changing', { html: '<p>{{ name }}</p>' });
    assert.deepEqual([changed.body.version, changed.body.text, changed.body.html], [2, made.text, '<p>{{ name }}</p>']);
    const removed = await call('PATCH', '/v1/templates/changing', { text: null });
    assert.deepEqual([removed.body.version, removed.body.text], [3, null]);
    const renamed = await call('PATCH', '/v1/templates/changing', { slug: 'changed' });
    assert.deepEqual([renamed.body.version, renamed.body.slug], [3, 'changed']);
    assert.equal((await call('GET', '/v1/templates/changing')).status, 404);
    assert.equal((await call('GET', '/v1/templates/changed?version=1')).body.html, null);
    assert.equal((await call('GET', '/v1/templates/changed?version=9')).status, 404);
    const first = await call('GET', '/v1/templates/changed/versions?limit=2');
    assert.deepEqual(
      first.body.data.map(({ version }: { version: number }) => version),
      [3, 2],
    );
    const rest = await call('GET', `/v1/templates/changed/versions?limit=2&cursor=${first.body.next_cursor}`);
    assert.deepEqual([rest.body.data.length, rest.body.data[0].version, rest.body.next_cursor], [1, 1, null]);
  });

  test('a slug stands for one template at a time, and is free again when that is removed', async () => {
    await make('once');
    const again = await call('POST', '/v1/templates', { slug: 'once', kind: 'marketing', subject: 'x', text: 'x' });
    assert.deepEqual([again.status, again.body.code], [409, 'state_conflict']);
    await make('twice');
    assert.equal((await call('PATCH', '/v1/templates/twice', { slug: 'once' })).body.code, 'state_conflict');
    assert.equal((await call('DELETE', '/v1/templates/once')).status, 200);
    assert.equal((await call('DELETE', '/v1/templates/once')).status, 404);
    await make('once');
  });

  test('are listed newest first, page by page', async () => {
    const other = await makeTenant(gateway);
    for (const slug of ['a', 'b', 'c']) {
      await other.agent.call('POST', '/v1/templates', { slug, kind: 'transactional', subject: 'x', text: 'x' });
    }
    const slugs = (body: { data: { slug: string }[] }) => body.data.map(({ slug }) => slug);
    const first = (await other.agent.call('GET', '/v1/templates?limit=2')).body;
    assert.deepEqual(slugs(first), ['c', 'b']);
    const second = (await other.agent.call('GET', `/v1/templates?limit=2&cursor=${first.next_cursor}`)).body;
    assert.deepEqual([slugs(second), second.next_cursor], [['a'], null]);
  });

  test('what cannot be read is refused whole, with the place of every fault', async () => {
    const body = { slug: 'bad', kind: 'transactional', subject: '{{ a | nope }}', html: '<p>\n{% if %}', text: '{{ b' };
    const { status, body: problem } = await call('POST', '/v1/templates', body);
    assert.deepEqual([status, problem.code], [422, 'validation_failed']);
    assert.deepEqual(
      problem.errors.map(({ param, message }: { param: string; message: string }) => [
        param,
        message.slice(0, message.indexOf(':')),
      ]),
      [
        ['subject', 'Line 1, column 1'],
        ['html', 'Line 2, column 6'],
        ['text', 'Line 1, column 1'],
      ],
    );
    assert.equal((await call('GET', '/v1/templates/bad')).status, 404);
    await make('good');
    assert.equal((await call('PATCH', '/v1/templates/good', { text: '{{ b' })).body.errors[0].param, 'text');
    assert.equal((await call('GET', '/v1/templates/good')).body.version, 1);
  });

  test('fields that cannot be are named', async () => {
    const base = { slug: 'x', kind: 'transactional', subject: 'x', text: 'x' };
    for (const [change, param] of [
      [{ slug: 'tpl_x' }, 'slug'],
      [{ slug: 'Ä' }, 'slug'],
      [{ kind: 'other' }, 'kind'],
      [{ subject: '' }, 'subject'],
      [{ text: null }, 'text'],
      [{ text: 'x'.repeat(131_073) }, 'text'],
      [{ text: '{{a}}'.repeat(5001) }, 'text'],
      [{ variables: ['a', 'a'] }, 'variables[1].name'],
      [{ body: 'x' }, 'body'],
    ] as const) {
      const { status, body } = await call('POST', '/v1/templates', { ...base, ...change });
      assert.equal(status, 422, JSON.stringify(change));
      assert.equal(body.errors[0].param, param, JSON.stringify(body.errors));
    }
    assert.equal((await call('PATCH', '/v1/templates/welcome', {})).status, 422);
  });

  test('only a draft is submitted, only what was submitted is decided, and only by a person', async () => {
    await make('stages');
    const { person } = tenant;
    assert.equal((await person.call('POST', '/v1/templates/stages/reject')).body.code, 'state_conflict');
    assert.equal((await call('POST', '/v1/templates/stages/submit', { note: 'first' })).body.state, 'submitted');
    assert.equal((await call('POST', '/v1/templates/stages/submit')).body.code, 'state_conflict');
    await call('PATCH', '/v1/templates/stages', { text: 'second' });
    const approved = await person.call('POST', '/v1/templates/stages/approve', { note: 'good' });
    assert.deepEqual([approved.body.version, approved.body.approved_version, approved.body.newest_version], [1, 1, 2]);
    assert.equal((await person.call('POST', '/v1/templates/stages/approve', { note: 'good' })).status, 409);
    assert.equal((await person.call('POST', '/v1/templates/stages/approve', { version: 7, note: 'x' })).status, 404);
    for (const verb of ['approve', 'reject']) {
      const refused = await call('POST', `/v1/templates/stages/${verb}`, { note: 'x' });
      assert.equal(refused.body.code, 'human_decision_required');
    }
    const { rows } = await gateway.gateway.store.notices({
      tenantNo: tenant.no,
      mode: 'test',
      limit: 50,
      cursor: null,
    });
    const told = rows.flatMap(({ kind, texts }) => (kind === 'template_approval' ? texts : []));
    assert.ok(told.some(({ subject }) => subject === 'The template "stages" waits for approval in version 1'));
  });

  test('a check of a draft and a rendering of it send nothing and say what a send would meet', async () => {
    await make('looked-at', { html: '<a href="http://shop.example">{{ name }}</a>', kind: 'marketing' });
    const linted = await call('POST', '/v1/templates/looked-at/lint', {});
    const severities = Object.fromEntries(
      linted.body.findings.map(({ name, severity }: Record<string, string>) => [name, severity]),
    );
    assert.deepEqual(severities, {
      insecure_url: 'error',
      missing_unsubscribe: 'error',
      missing_address: 'error',
    });
    assert.deepEqual([linted.body.errors, linted.body.warnings], [3, 0]);
    const plain = await call('POST', '/v1/templates/looked-at/lint', { kind: 'transactional' });
    assert.equal(plain.body.errors, 1);
    const rendered = await call('POST', '/v1/templates/looked-at/render', { data: { name: '<Bob>' } });
    assert.equal(rendered.body.subject, 'Hi <Bob>');
    assert.equal(rendered.body.html, '<a href="http://shop.example">&lt;Bob&gt;</a>');
    assert.equal(rendered.body.warnings.length, 3);
    const refused = await call('POST', '/v1/templates/looked-at/render');
    assert.deepEqual([refused.status, refused.body.code], [422, 'template_render_failed']);
    assert.equal(refused.body.reasons[0].evidence.line, 1);
    const own = await tenant.person.call('PUT', '/v1/policy', { templates: { lint: { insecure_url: 'off' } } });
    assert.equal(own.body.policy?.templates?.lint?.insecure_url ?? 'error', 'error');
    const stays = await call('POST', '/v1/templates/looked-at/lint', { kind: 'transactional' });
    assert.equal(stays.body.errors, 1, 'a tenant cannot turn off what the operator has not');
  });

  test('live and test mode, and other tenants, have templates of their own', async () => {
    const { id } = await make('private');
    const other = await makeTenant(gateway);
    const live = asOperator(gateway);
    const asLive = { 'x-tenant': tenant.id };
    assert.equal((await live('GET', '/v1/templates/private', undefined, asLive)).status, 404);
    const missing = withoutIds(await other.agent.call('GET', '/v1/templates/tpl_none'), 'tpl_none');
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['GET', '/versions', undefined],
      ['PATCH', '', { subject: 'x' }],
      ['DELETE', '', undefined],
      ['POST', '/lint', {}],
      ['POST', '/render', {}],
      ['POST', '/submit', {}],
    ] as const) {
      const answer = await other.agent.call(method, `/v1/templates/${id}${path}`, body);
      assert.equal(answer.status, 404, `${method} ${path}`);
      assert.equal(withoutIds(answer, id), missing);
    }
  });
});
