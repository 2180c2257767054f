import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

describe('what a schema finds wrong', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway();
  });
  after(() => gateway.stop());

  async function issues(path: string, body: unknown): Promise<string[]> {
    const method = path.startsWith('/v1/contacts') ? 'PUT' : 'POST';
    const answer = await gateway.fetchJson(method, path, body);
    assert.equal(answer.status, 422);
    return answer.body.errors.map(({ code, param }: { code: string; param: string }) => `${code} ${param}`);
  }

  test('a strange field of a body that may be left out is the only issue', async () => {
    assert.deepEqual(await issues('/v1/approvals/apr_x/approve', { note: 'fine', hash: '00' }), [
      'unknown_parameter hash',
    ]);
  });

  test('a wrong field of one form does not bring up the other forms', async () => {
    assert.deepEqual(await issues('/v1/contacts/bob@example.com', { consent: { marketing: 'perhaps' } }), [
      'invalid_parameter consent.marketing',
    ]);
  });

  test('what has none of the forms says so', async () => {
    assert.deepEqual(await issues('/v1/contacts/bob@example.com', { consent: 7 }), ['invalid_parameter consent']);
    assert.deepEqual(await issues('/v1/approvals/apr_x/approve', []), ['invalid_parameter body']);
  });
});
