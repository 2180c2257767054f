/** Which scope opens which route: each is tried with keys that have one scope each. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import type { AdminDeps } from '../../src/admin/deps.ts';
import { adminRoutes } from '../../src/admin/routes.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { asOperator, type Caller, makeTestKey } from '../harness/tenants.ts';

type Scope = 'send' | 'read' | 'manage' | 'approve';
const SCOPES: readonly Scope[] = ['send', 'read', 'manage', 'approve'];

/** Every route of the management API, and the scopes any of which opens it; none: the operator's. */
const ROUTES: readonly [method: string, path: string, scopes: string][] = [
  ['GET', '/v1/me', 'send read manage approve'],
  ['GET', '/v1/account', 'read manage approve'],
  ['POST', '/v1/account/pause', 'manage approve'],
  ['POST', '/v1/account/resume', 'manage approve'],
  ['GET', '/v1/keys', 'manage'],
  ['GET', '/v1/keys/x', 'manage'],
  ['POST', '/v1/keys', 'manage'],
  ['DELETE', '/v1/keys/x', 'manage'],
  ['GET', '/v1/policy', 'read manage approve'],
  ['PUT', '/v1/policy', 'manage approve'],
  ['GET', '/v1/policy/versions', 'read manage approve'],
  ['GET', '/v1/policy/schema', 'read manage approve'],
  ['GET', '/v1/limits', 'read send'],
  ['GET', '/v1/risk', 'read send'],
  ['GET', '/v1/usage', 'read manage'],
  ['GET', '/v1/audit', 'read manage approve'],
  ['GET', '/v1/installations', 'read manage'],
  ['GET', '/v1/installations/x', 'read manage'],
  ['PATCH', '/v1/installations/x', 'manage'],
  ['GET', '/v1/identities', 'read manage approve'],
  ['GET', '/v1/identities/x', 'read manage approve'],
  ['POST', '/v1/identities', 'manage approve'],
  ['PATCH', '/v1/identities/x', 'manage approve'],
  ['DELETE', '/v1/identities/x', 'manage approve'],
  ['GET', '/v1/providers', 'read manage approve'],
  ['GET', '/v1/providers/x', 'read manage approve'],
  ['POST', '/v1/providers', 'manage approve'],
  ['PATCH', '/v1/providers/x', 'manage approve'],
  ['DELETE', '/v1/providers/x', 'manage approve'],
  ['POST', '/v1/providers/x/activate', 'manage approve'],
  ['POST', '/v1/providers/x/deactivate', 'manage approve'],
  ['POST', '/v1/providers/x/test', 'manage approve'],
  ['GET', '/v1/providers/x/tls', 'read manage approve'],
  ['GET', '/v1/mailboxes', 'read manage approve'],
  ['GET', '/v1/mailboxes/x', 'read manage approve'],
  ['GET', '/v1/mailboxes/x/health', 'read manage approve'],
  ['POST', '/v1/mailboxes', 'manage approve'],
  ['PATCH', '/v1/mailboxes/x', 'manage approve'],
  ['DELETE', '/v1/mailboxes/x', 'manage approve'],
  ['POST', '/v1/mailboxes/x/pause', 'manage approve'],
  ['POST', '/v1/mailboxes/x/resume', 'manage approve'],
  ['GET', '/v1/uncertain', 'read manage approve'],
  ['POST', '/v1/messages/x/recipients/y/decision', 'send read manage approve'],
  ['GET', '/v1/suppressions', 'read manage approve'],
  ['GET', '/v1/suppressions/check', 'send read manage approve'],
  ['GET', '/v1/suppressions/x', 'read manage approve'],
  ['POST', '/v1/suppressions', 'manage approve'],
  ['DELETE', '/v1/suppressions/x', 'manage approve'],
  ['GET', '/v1/contacts', 'read manage approve'],
  ['GET', '/v1/contacts/x@example.com', 'read manage approve'],
  ['PUT', '/v1/contacts/x@example.com', 'manage approve'],
  ['GET', '/v1/canaries', 'read manage approve'],
  ['GET', '/v1/canaries/x', 'read manage approve'],
  ['POST', '/v1/canaries', 'manage approve'],
  ['DELETE', '/v1/canaries/x', 'manage approve'],
  ['GET', '/v1/leases', 'send read manage approve'],
  ['GET', '/v1/leases/x', 'send read manage approve'],
  ['POST', '/v1/leases', 'send manage approve'],
  ['POST', '/v1/leases/x/renew', 'send manage approve'],
  ['POST', '/v1/leases/x/release', 'send manage approve'],
  ['DELETE', '/v1/leases/x', 'send manage approve'],
  ['GET', '/v1/agents', 'send read manage approve'],
  ['GET', '/v1/agents/x', 'send read manage approve'],
  ['POST', '/v1/agents', 'manage approve'],
  ['PATCH', '/v1/agents/x', 'manage approve'],
  ['DELETE', '/v1/agents/x', 'manage approve'],
  ['POST', '/v1/agents/x/heartbeat', 'send manage'],
  ['GET', '/v1/approvals', 'read manage approve'],
  ['GET', '/v1/approvals/x', 'read manage approve'],
  ['POST', '/v1/approvals/x/approve', 'send read manage approve'],
  ['POST', '/v1/approvals/x/reject', 'send read manage approve'],
  ['GET', '/v1/policy/shadow', 'read manage approve'],
  ['PUT', '/v1/policy/shadow', 'manage approve'],
  ['DELETE', '/v1/policy/shadow', 'manage approve'],
  ['GET', '/v1/policy/shadow/differences', 'read manage approve'],
  ['POST', '/v1/suppressions/import', 'manage approve'],
  ['GET', '/v1/suppressions/export', 'read manage approve'],
  ['GET', '/v1/templates', 'read manage approve'],
  ['GET', '/v1/templates/x', 'read manage approve'],
  ['GET', '/v1/templates/x/versions', 'read manage approve'],
  ['POST', '/v1/templates', 'manage approve'],
  ['PATCH', '/v1/templates/x', 'manage approve'],
  ['DELETE', '/v1/templates/x', 'manage approve'],
  ['POST', '/v1/templates/x/submit', 'manage approve'],
  ['POST', '/v1/templates/x/approve', 'manage approve'],
  ['POST', '/v1/templates/x/reject', 'manage approve'],
  ['POST', '/v1/templates/x/lint', 'read send manage approve'],
  ['POST', '/v1/templates/x/render', 'read send manage approve'],
  ['GET', '/v1/notices', ''],
  ['GET', '/v1/notices/x', ''],
  ['POST', '/v1/tenants/x/incidents', ''],
  ['GET', '/v1/tenants/x/incidents', ''],
  ['GET', '/v1/tenants/x/incidents/y', ''],
  ['POST', '/v1/tenants/x/incidents/y/close', ''],
  ['GET', '/v1/platform', ''],
  ['POST', '/v1/platform/pause', ''],
  ['POST', '/v1/platform/resume', ''],
  ['POST', '/v1/tenants', ''],
  ['GET', '/v1/tenants', ''],
  ['GET', '/v1/tenants/x', ''],
  ['PATCH', '/v1/tenants/x', ''],
  ['POST', '/v1/tenants/x/keys', ''],
  ['GET', '/v1/tenants/x/keys', ''],
  ['DELETE', '/v1/tenants/x/keys/y', ''],
  ['GET', '/v1/tenants/x/policy', ''],
  ['PUT', '/v1/tenants/x/policy', ''],
  ['GET', '/v1/tenants/x/policy/versions', ''],
  ['GET', '/v1/policy/default', ''],
  ['PUT', '/v1/policy/default', ''],
  ['GET', '/v1/plans', ''],
  ['GET', '/v1/plans/x', ''],
  ['PUT', '/v1/plans/x', ''],
  ['DELETE', '/v1/plans/x', ''],
  ['GET', '/v1/quarantines', ''],
  ['GET', '/v1/quarantines/x', ''],
  ['POST', '/v1/quarantines/x/release', ''],
  ['POST', '/v1/quarantines/x/uphold', ''],
  ['POST', '/v1/tenants/x/quarantine', ''],
  ['POST', '/v1/apps', ''],
  ['GET', '/v1/apps', ''],
  ['GET', '/v1/apps/x', ''],
  ['PATCH', '/v1/apps/x', ''],
  ['DELETE', '/v1/apps/x', ''],
];

let gateway: TestGateway;
const keys = new Map<Scope, Caller>();

before(async () => {
  gateway = await startTestGateway();
  for (const scope of SCOPES) {
    keys.set(scope, await makeTestKey(gateway, gateway.tenantId, { scopes: [scope], name: scope }));
  }
});
after(() => gateway.stop());

for (const [method, path, scopes] of ROUTES) {
  test(`${method} ${path} is open to ${scopes === '' ? 'the operator' : scopes.split(' ').join(' or ')} alone`, async () => {
    const open = scopes.split(' ');
    // A body that no route takes: what is let in fails later, and nothing is changed.
    const body = method === 'GET' || method === 'DELETE' ? undefined : { no_such_field: 1 };
    for (const scope of SCOPES) {
      const answer = await keys.get(scope)!.call(method, path, body);
      const isClosed = answer.status === 403 && answer.body.code === 'insufficient_permissions';
      assert.equal(isClosed, !open.includes(scope), `${scope}: ${answer.status}`);
      if (!isClosed) continue;
      const { required, granted } = answer.body.reasons[0].evidence;
      assert.deepEqual(granted, [scope]);
      assert.ok(required.includes(scopes === '' ? 'operate' : open[0]!));
    }
    const nobody = await gateway.fetchJson(method, path, body, { key: 'pst_test_nobody' });
    assert.equal(nobody.status, 401);
    assert.equal(nobody.headers.get('www-authenticate'), 'Bearer');
    const operator = await asOperator(gateway)(method, path, body, { 'X-Tenant': gateway.tenantId, 'X-Mode': 'test' });
    assert.ok(![401, 403].includes(operator.status), `operator: ${operator.status}`);
  });
}

test('no route of the management API is missing here', () => {
  const mounted: string[] = [];
  const record = (method: string) => (path: string) => mounted.push(`${method} ${path}`);
  const server = {
    register: (own: (within: unknown) => unknown) => own(server),
    removeAllContentTypeParsers: () => undefined,
    addContentTypeParser: () => undefined,
    get: record('GET'),
    post: record('POST'),
    put: record('PUT'),
    patch: record('PATCH'),
    delete: record('DELETE'),
  };
  adminRoutes(server as unknown as FastifyInstance, {} as AdminDeps);
  const shape = (path: string) => path.replace(/\/(?:x|y|x@example\.com)(?=\/|$)/g, '/*').replace(/:[a-z]+/g, '*');
  const tried = ROUTES.map(([method, path]) => `${method} ${shape(path)}`);
  assert.deepEqual(mounted.map(shape).sort(), tried.sort());
});

test('the operator names a tenant for what belongs to one', async () => {
  const operator = asOperator(gateway);
  for (const path of ['/v1/account', '/v1/keys', '/v1/policy', '/v1/limits', '/v1/identities', '/v1/suppressions']) {
    const answer = await operator('GET', path);
    assert.deepEqual([answer.status, answer.body.param], [422, 'X-Tenant'], path);
    assert.equal((await operator('GET', path, undefined, { 'X-Tenant': gateway.tenantId })).status, 200, path);
  }
});
