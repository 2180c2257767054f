import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

describe('paths and methods', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
  });
  after(() => gateway.stop());

  const served: [method: string, path: string, allow: string][] = [
    ['DELETE', '/v1/messages', 'GET, POST'],
    ['PUT', '/v1/messages/msg_x', 'GET, PATCH'],
    ['GET', '/v1/messages/msg_x/cancel', 'POST'],
    ['POST', '/v1/messages/msg_x/content', 'DELETE'],
    ['DELETE', '/docs/reasons/suppressed?x=1', 'GET'],
    ['GET', '/v1/attachments', 'POST'],
    ['GET', '/v1/returns/', 'POST'],
  ];
  for (const [method, path, allow] of served) {
    test(`${method} ${path} is answered with what it takes`, async () => {
      const { status, headers, body } = await gateway.fetchJson(method, path);
      assert.equal(status, 405);
      assert.equal(headers.get('allow'), allow);
      assert.equal(body.code, 'method_not_allowed');
    });
  }

  for (const path of ['/v1', '/v1/nothing', '/v1/messages/a/b', '/docs/reasons/a/b', '/v1/messages//cancel/x']) {
    test(`${path} is nowhere`, async () => {
      const { status, headers, body } = await gateway.fetchJson('GET', path);
      assert.equal(status, 404);
      assert.equal(headers.get('allow'), null);
      assert.equal(body.code, 'not_found');
      assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
    });
  }
});
