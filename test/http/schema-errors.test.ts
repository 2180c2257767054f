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

  const faults = async (method: string, path: string, body?: unknown, key?: string) => {
    const answer = await gateway.fetchJson(method, path, body, { key });
    assert.equal(answer.status, 422, JSON.stringify(answer.body));
    return answer.body.errors as { code: string; param: string; message: string }[];
  };

  test('is said in words where the schema has a pattern', async () => {
    const [limit] = await faults('GET', '/v1/messages?limit=0');
    assert.equal(limit!.param, 'limit');
    assert.match(limit!.message, /^"limit" is not valid\. It is: .*1 to 200/);
    for (const { message } of await faults('GET', '/v1/events?after_seq=-1&wait=31&limit=5000')) {
      assert.doesNotMatch(message, /pattern|\^/);
    }
  });

  test('names all alternatives of a field that may be several things', async () => {
    const found = await faults('PUT', '/v1/contacts/bob%40example.com', { consent: 'perhaps' });
    assert.equal(found.length, 1);
    assert.match(
      found[0]!.message,
      /must be object, or must be equal to one of the allowed values: opted_in, refused, or must be boolean/,
    );
  });

  test('does not ask for null where something else is wanted', async () => {
    const body = { note: 'n', probation: { factor: 2, days: 0 }, held: 'send' };
    const found = await faults('POST', '/v1/quarantines/qtn_x/release', body, gateway.operatorKey);
    assert.deepEqual(
      found.map(({ param }) => param),
      ['probation.factor', 'probation.days'],
    );
  });
});
