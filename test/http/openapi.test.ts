import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { REASON_CODES, WARNING_CODES } from '../../src/core/reasons.ts';
import { mail } from '../harness/by-hand.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

function walk(value: Json, see: (object: Record<string, Json>) => void): void {
  if (Array.isArray(value)) for (const element of value) walk(element, see);
  else if (typeof value === 'object' && value !== null) {
    see(value);
    for (const member of Object.values(value)) walk(member, see);
  }
}

describe('what the gateway says of itself', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
  });
  after(() => gateway.stop());
  const page = async (path: string): Promise<{ status: number; headers: Headers; text: string }> => {
    const response = await fetch(gateway.url + path);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };

  test('the OpenAPI document names every route with its answers, and every reference in it leads somewhere', async () => {
    const document = JSON.parse((await page('/openapi.json')).text);
    assert.equal(document.openapi, '3.1.0');
    const ids = new Set<string>();
    for (const [path, operations] of Object.entries<Record<string, Record<string, Json>>>(document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const name = `${method} ${path}`;
        assert.equal(typeof operation['summary'], 'string', name);
        assert.ok(
          Object.keys(operation['responses'] as object).some((status) => status.startsWith('2')),
          name,
        );
        assert.ok('default' in (operation['responses'] as object), name);
        ids.add(operation['operationId'] as string);
      }
    }
    const count = Object.values<object>(document.paths).flatMap((operations) => Object.keys(operations)).length;
    assert.equal(ids.size, count, 'operation ids differ');
    for (const path of [
      '/v1/messages',
      '/v1/messages/batch',
      '/v1/messages/{id}/verdict',
      '/v1/events',
      '/v1/returns',
    ]) {
      assert.ok(path in document.paths, path);
    }
    walk(document, (object) => {
      const { $ref } = object;
      if (typeof $ref !== 'string') return;
      assert.ok($ref.startsWith('#/components/schemas/'), $ref);
      assert.ok($ref.slice('#/components/schemas/'.length) in document.components.schemas, $ref);
    });
    assert.deepEqual(document.components.schemas.Problem.properties.code.enum, [...REASON_CODES]);
    assert.equal(JSON.stringify(document).includes('127.0.0.1'), false);
  });

  test('the pages show with no script and nothing from elsewhere, and their links lead somewhere', async () => {
    const seen = new Set<string>();
    const queue = ['/docs', '/docs/reasons'];
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      const { status, headers, text } = await page(path);
      assert.equal(status, 200, path);
      if (!(headers.get('content-type') ?? '').startsWith('text/html')) continue;
      assert.match(headers.get('content-security-policy') ?? '', /^default-src 'none'; style-src 'self'/);
      assert.equal(/<script|style="|https?:\/\/(?!127\.0\.0\.1)[^<"]*"(?=[^>]*src)/.test(text), false, path);
      for (const [, link] of text.matchAll(/(?:href|src)="([^"#]*)/g)) if (link !== '') queue.push(link!);
      for (const [, anchor] of text.matchAll(/href="#([^"]+)"/g)) {
        assert.ok(text.includes(`id="${anchor}"`), `${path} has no #${anchor}`);
      }
    }
    for (const code of [...REASON_CODES, ...WARNING_CODES]) assert.ok(seen.has(`/docs/reasons/${code}`), code);
    assert.ok(seen.has('/docs/style.css') && seen.has('/openapi.json'));
    assert.equal((await page('/docs/reasons/nothing')).status, 404);
  });

  test('the link in a problem leads to a page about its reason', async () => {
    const refused = await gateway.fetchJson('POST', '/v1/messages', mail('blocked+suppressed@simulator.postern.test'));
    const url = new URL(refused.body.type);
    assert.equal(url.origin, gateway.url);
    assert.match((await page(url.pathname)).text, /<code>suppressed<\/code>/);
  });

  test('the catalogue is read without a key', async () => {
    const { data } = JSON.parse((await page('/v1/reasons')).text);
    assert.deepEqual(
      data.map(({ code }: { code: string }) => code),
      [...REASON_CODES],
    );
    const one = JSON.parse((await page('/v1/reasons/daily_quota_exceeded')).text);
    assert.equal(one.http, 429);
    assert.deepEqual(one.smtp, { reply: 452, enhanced: one.smtp.enhanced });
    assert.deepEqual(one.clears.by, ['time']);
    assert.deepEqual(one.faces.resend, { http: 429, word: 'daily_quota_exceeded' });
    assert.equal((await page('/v1/reasons/nothing')).status, 404);
  });

  test('it is alive and ready, and counts what it does', async () => {
    assert.equal((await page('/healthz')).status, 200);
    assert.equal((await page('/readyz')).status, 200);
    await gateway.fetchJson('POST', '/v1/messages', mail('a@one.example'));
    const { text } = await page('/metrics');
    const figure = (name: string): number =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.slice(name.length + 1),
      );
    assert.ok(figure('postern_store_groups_total') >= 1);
    assert.ok(figure('postern_store_calls_total') >= 1);
    assert.ok(figure('postern_store_micros_total{part="commit"}') > 0);
    assert.equal(figure('postern_http_requests_total{method="POST",route="/v1/messages",status="202"}'), 1);
    assert.equal(figure('postern_queue_recipients{state="due"}'), 1);
    assert.equal(figure('postern_queue_recipients{state="claimed"}'), 0);
    await gateway.gateway.store.claim({ most: 10, live: true });
    const { text: later } = await page('/metrics');
    assert.match(later, /^postern_queue_recipients\{state="claimed"\} 1$/m);
  });
});
