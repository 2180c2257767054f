import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Answer, startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { resultsOf, simulate, simulated } from '../harness/simulations.ts';

const DAY = { name: 'daily', scope: 'tenant', window: 'calendar_day', max: 3 };

function sendLine(n: number, tenant = 'acme'): string {
  const at = new Date(Date.UTC(2026, 2, 1 + Math.floor(n / 10), 8, n % 10)).toISOString();
  const from = 'sales@acme.example';
  const text = `Your order ${n} has left our house today and comes in a few days.`;
  return JSON.stringify({
    at,
    kind: 'send',
    id: `s${n}`,
    tenant,
    from,
    to: [`p${n}@mail.example`],
    subject: `Order ${n}`,
    text,
  });
}

const TRAFFIC = Array.from({ length: 30 }, (_, n) => sendLine(n)).join('\n');

describe('uploaded traffic', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
  });
  after(() => gateway.stop());

  test('is compared with the policy in force, account by account and day by day', async () => {
    const asked = await simulate(gateway, { policy: { limits: [DAY] }, traffic: TRAFFIC });
    assert.match(asked.body.id, /^sim_/);
    const { body } = await simulated(gateway, asked);
    assert.equal(body.status, 'done', body.error);
    assert.deepEqual(body.source, { traffic: { bytes: TRAFFIC.length } });
    assert.deepEqual(body.totals.verdicts, { accept: 9, block: 21 });
    assert.deepEqual(body.totals.reasons, { daily_quota_exceeded: 21 });
    assert.deepEqual(body.changed.kinds, [
      { from: 'accept', to: 'block', added: ['daily_quota_exceeded'], removed: [], count: 21 },
    ]);
    assert.equal(body.changed.examples.length, 5);
    assert.deepEqual(
      body.days.map((day: { day: string; sends: number; changed: number }) => [day.day, day.sends, day.changed]),
      [
        ['2026-03-01', 10, 7],
        ['2026-03-02', 10, 7],
        ['2026-03-03', 10, 7],
      ],
    );
    assert.equal(body.tenants[0].tenant, 'acme');
    assert.equal(body.tenants[0].first_block.id, 's3');
    assert.equal(body.tenants[0].first_warning.id, 's2');
    const lines = await resultsOf(gateway, body.id);
    assert.equal(lines.length, 30);
    assert.deepEqual(lines[3], {
      id: 's3',
      at: '2026-03-01T08:03:00.000Z',
      tenant: 'acme',
      verdict: 'block',
      reasons: ['daily_quota_exceeded'],
      warnings: [],
      risk: lines[3]!.risk,
      was: { verdict: 'accept', reasons: [] },
      changed: true,
    });
  });

  test('comes as a stream of lines too, with its policy in the query', async () => {
    const policy = encodeURIComponent(JSON.stringify({ limits: [DAY] }));
    const response = await fetch(`${gateway.url}/v1/simulations?policy=${policy}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.testKey}`, 'content-type': 'application/x-ndjson' },
      body: TRAFFIC,
    });
    const asked = { status: response.status, headers: response.headers, body: await response.json() };
    const { body } = await simulated(gateway, asked as Parameters<typeof simulated>[1]);
    assert.equal(body.status, 'done');
    assert.deepEqual(body.totals.verdicts, { accept: 9, block: 21 });
  });

  test('with a line that cannot be read stops there, or goes on where that was asked', async () => {
    const lines = [
      sendLine(0),
      '{"at":"2026-03-01T09:00:00Z","kind":"send","id":"x"}',
      sendLine(5),
      sendLine(4),
      '{',
      sendLine(9),
    ];
    const traffic = lines.join('\n');
    const stopped = await simulated(gateway, await simulate(gateway, { policy: {}, traffic }));
    assert.equal(stopped.body.status, 'failed');
    assert.match(stopped.body.error, /^Line 2: "from" is not an address/);
    assert.equal(stopped.body.totals.sends, 1);
    const went = await simulated(gateway, await simulate(gateway, { policy: {}, traffic, on_error: 'skip' }));
    assert.equal(went.body.status, 'done');
    assert.equal(went.body.totals.lines, 6);
    assert.equal(went.body.totals.sends, 3);
    assert.equal(went.body.skipped.count, 3);
    assert.deepEqual(
      went.body.skipped.lines.map(({ line }: { line: number }) => line),
      [2, 4, 5],
    );
    assert.match(went.body.skipped.lines[1].message, /order of time/);
  });

  test('that is asked for wrongly is refused with every fault at its place', async () => {
    const faulty = await simulate(gateway, {
      policy: { limits: [{ name: 'x', scope: 'tenant', window: 'rolling_9y', max: 1 }], nonsense: 1 },
      history: { since: 'yesterday', more: 1 },
      traffic: 7,
      on_error: 'shrug',
    });
    assert.equal(faulty.status, 422);
    assert.deepEqual(faulty.body.errors.map(({ param }: { param: string }) => param).sort(), [
      'on_error',
      'policy.limits[0].window',
      'policy.nonsense',
      'traffic',
      'traffic',
    ]);
    const nothing = await simulate(gateway, {});
    assert.deepEqual(nothing.body.errors.map(({ param }: { param: string }) => param).sort(), ['history', 'policy']);
    const backwards = { since: '2026-03-02T00:00:00Z', until: '2026-03-01T00:00:00Z' };
    assert.equal((await simulate(gateway, { policy: {}, history: backwards })).status, 422);
    const large = await simulate(gateway, { policy: {}, traffic: 'x'.repeat(21 * 1024 * 1024) });
    assert.equal(large.status, 413);
    assert.equal(large.body.code, 'payload_too_large');
  });

  test('belongs to its tenant and mode, is listed newest first, and goes with its files', async () => {
    const { body } = await gateway.fetchJson('GET', '/v1/simulations?limit=2');
    assert.equal(body.data.length, 2);
    assert.notEqual(body.next_cursor, null);
    const [newest] = body.data;
    const foreign = await gateway.fetchJson('GET', `/v1/simulations/${newest.id}`, undefined, { key: gateway.liveKey });
    assert.equal(foreign.status, 404);
    const files = (): string[] => readdirSync(join(gateway.directory, 'simulations'));
    assert.equal(
      files().some((name) => name.includes('traffic')),
      false,
      'uploads go once they are read',
    );
    assert.ok(files().some((name) => name.startsWith(newest.id)));
    assert.deepEqual((await gateway.fetchJson('DELETE', `/v1/simulations/${newest.id}`)).body, { removed: true });
    assert.equal(
      files().some((name) => name.startsWith(newest.id)),
      false,
    );
    assert.equal((await gateway.fetchJson('GET', `/v1/simulations/${newest.id}/results`)).status, 404);
    assert.equal((await gateway.fetchJson('DELETE', `/v1/simulations/${newest.id}`)).status, 404);
  });
});

test('simulations wait their turn, five of a tenant at most, and have failed when the gateway stops before they end', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-simulations-'));
  const environment = { POSTERN_ROLE: 'api', POSTERN_DATA_DIR: directory };
  try {
    const gateway = await startTestGateway(environment);
    const lines = Array.from({ length: 40_000 }, (_, n) => sendLine(n % 10).replace(`"s${n % 10}"`, `"t${n}"`));
    const long = await simulate(gateway, { policy: {}, traffic: lines.sort().join('\n') });
    assert.equal(long.status, 201);
    const others: Answer[] = [];
    for (let n = 0; n < 5; n += 1) others.push(await simulate(gateway, { policy: {}, traffic: TRAFFIC }));
    assert.deepEqual(
      others.map(({ status }) => status),
      [201, 201, 201, 201, 409],
    );
    assert.equal(others.at(-1)?.body.code, 'state_conflict');
    const { id } = others[3]!.body;
    const early = await gateway.fetchJson('GET', `/v1/simulations/${id}/results`);
    assert.equal(early.status, 409);
    await gateway.stop();
    const again = await startTestGateway(environment);
    for (const one of [long.body.id, id]) {
      const { body } = await again.fetchJson('GET', `/v1/simulations/${one}`, undefined, { key: gateway.testKey });
      assert.equal(body.status, 'failed');
      assert.equal(body.error, 'The gateway stopped before it ended.');
    }
    assert.equal(
      readdirSync(join(directory, 'simulations')).some((name) => name.includes('traffic')),
      false,
    );
    await again.stop();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
