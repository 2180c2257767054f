import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { admit } from '../../src/data/sqlite/admit.ts';
import { migrate, openWriter } from '../../src/data/sqlite/database.ts';
import { CLAIM_MS, claim, dueIn, mark } from '../../src/data/sqlite/dispatch.ts';
import { settle } from '../../src/data/sqlite/settle.ts';
import { addSuppression } from '../../src/data/sqlite/suppressions.ts';
import { createTenant } from '../../src/data/sqlite/tenants.ts';
import { moveTestClock, resetTestData } from '../../src/data/sqlite/test-clock.ts';
import { WriterState } from '../../src/data/sqlite/writer-state.ts';
import type { AdmitRequest, TenantRow } from '../../src/data/store.ts';

const START = Date.UTC(2027, 0, 1, 9);
const HOUR_MS = 3_600_000;
const EVERY = { most: 10, live: true };

let directory: string;
let state: WriterState;
let tenant: TenantRow;
let now: number;

function open(): void {
  const db = openWriter(directory);
  assert.ok(migrate(db, directory, START).ok);
  state = new WriterState(db, { directory, domain: 'postern.localhost' });
}

/** Runs as a group of the writer does, at the real time `now`. */
function group<T>(work: () => T): T {
  state.startGroup(now);
  state.db.exec('BEGIN IMMEDIATE');
  const result = work();
  state.endGroup();
  state.db.exec('COMMIT');
  state.afterCommit();
  return result;
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-test-clock-'));
  now = START;
  open();
  const installationId = 'ins_01jb2m3n4p5q6r7s8t9v0w1x2y';
  const rest = { trialEndsAt: null, plan: null, billing: 'credits', credits: 50, trust: 'new', locale: null } as const;
  tenant = group(() =>
    createTenant(state, {
      id: 'ten_01jb2m3n4p5q6r7s8t9v0w1x2y',
      installationId,
      name: 'acme',
      standing: 'active',
      notify: [],
      actor: 'a test',
      ...rest,
    }),
  );
});

afterEach(() => {
  state.db.close();
  rmSync(directory, { recursive: true, force: true });
});

function request(more: Partial<AdmitRequest> = {}): AdmitRequest {
  const email = 'bob@example.com';
  return {
    principal: {
      tenantNo: tenant.no,
      tenantId: tenant.id,
      mode: 'test',
      installationNo: 1,
      installationId: 'ins_01jb2m3n4p5q6r7s8t9v0w1x2y',
      appId: 'app_00000000000000000000000001',
      keyNo: 1,
    },
    requestId: 'req_1',
    kind: 'transactional',
    onLimit: 'reject',
    sendAt: null,
    expiresAt: null,
    agent: null,
    identity: null,
    from: null,
    subject: 'Hello',
    meta: null,
    recipients: [
      { kind: 'to', email, name: null, key: email, domain: 'example.com', undeliverable: null, simulated: null },
    ],
    body: '{}',
    bodyBytes: 2,
    bodyBlob: null,
    blobs: [],
    idempotency: null,
    dedupe: null,
    contentHash: null,
    ...more,
  };
}

const send = (more?: Partial<AdmitRequest>) => group(() => admit(state, request(more)));
const advance = (ms: number) =>
  group(() => moveTestClock(state, { tenantNo: tenant.no, to: { advance: { months: 0, ms } }, actor: 'a test' }));
const claimed = () => group(() => claim(state, EVERY));
const due = () => group(() => dueIn(state));

test('what falls due by a move is announced at once, and nothing else falls due by waiting', () => {
  advance(0);
  send({ sendAt: START + HOUR_MS });
  assert.equal(due(), null);
  now += 2 * HOUR_MS;
  assert.equal(due(), null, 'real time moves nothing');
  assert.deepEqual(claimed(), []);
  advance(HOUR_MS - 1);
  assert.equal(due(), null);
  advance(1);
  assert.equal(due(), 0);
  const [one] = claimed();
  assert.equal(one?.now, START + HOUR_MS);
});

test('a move, however far, takes no claim away from its worker', () => {
  send();
  const [before] = claimed();
  assert.ok(before);
  advance(400 * 24 * HOUR_MS);
  assert.deepEqual(claimed(), [], 'claimed on real time, then frozen');
  advance(400 * 24 * HOUR_MS);
  assert.deepEqual(claimed(), [], 'moved again');
  const expires = START + 4000 * 24 * HOUR_MS;
  send({ expiresAt: expires });
  const [while_] = claimed();
  assert.ok(while_);
  advance(400 * 24 * HOUR_MS);
  assert.deepEqual(claimed(), [], 'claimed on frozen time, then moved');
  assert.ok(group(() => mark(state, { recipient: while_.recipient, token: while_.token })));
  const attempt = { provider: 'sink', mailbox: null, reply: '250 ok', class: null };
  const delivered = { recipient: while_.recipient, token: while_.token, attempt, outcome: 'delivered' } as const;
  assert.ok(group(() => settle(state, delivered)));
});

test('where the clock stands still, a claim ends a minute of real time after it was made', () => {
  advance(0);
  send();
  const [first] = claimed();
  assert.ok(first);
  assert.equal(due(), CLAIM_MS);
  now += CLAIM_MS - 1;
  assert.deepEqual(claimed(), []);
  assert.ok(group(() => mark(state, { recipient: first.recipient, token: first.token })));
  now += 1;
  assert.equal(due(), 0);
  assert.equal(
    group(() => mark(state, { recipient: first.recipient, token: first.token })),
    false,
    'too late for the first worker',
  );
  assert.deepEqual(claimed(), [], 'the dot may have been sent: uncertain first');
  const [second] = claimed();
  assert.equal(second?.token, first.token + 1);
  assert.equal(second?.possibleDuplicate, true);
});

test('a reset restores the credits to the tenant’s, and after a crash nothing of before comes back', () => {
  const credits = (): number | null => state.spaces.get(tenant.no * 2 + 1).account.credits;
  for (let n = 0; n < 3; n += 1) assert.equal(send().outcome, 'admitted');
  assert.equal(credits(), 47);
  group(() => {
    admit(state, request());
    resetTestData(state, { tenantNo: tenant.no, actor: 'a test' });
    admit(state, request());
  });
  assert.equal(credits(), 49, 'one was sent after the reset, in the same group');
  send();
  state.db.close();
  open();
  assert.equal(credits(), 48);
  assert.equal(state.spaces.get(tenant.no * 2).account.credits, 50, 'live credits are untouched');
  group(() => state.ledger.flushAll());
  state.db.close();
  open();
  assert.equal(credits(), 48, 'and after the rows were written');
});

test('a worker whose message was emptied away can neither mark nor settle it', () => {
  advance(0);
  send();
  const [one] = claimed();
  assert.ok(one);
  group(() => resetTestData(state, { tenantNo: tenant.no, actor: 'a test' }));
  assert.equal(
    group(() => mark(state, { recipient: one.recipient, token: one.token })),
    false,
  );
  assert.equal(
    group(() => settle(state, { recipient: one.recipient, token: one.token, attempt: null, outcome: 'sent' })),
    false,
  );
});

test('a suppression with an expiry blocks until then and not a millisecond longer', () => {
  advance(0);
  const expiresAt = START + HOUR_MS;
  group(() =>
    addSuppression(state, state.spaces.get(tenant.no * 2 + 1), {
      kind: 'address',
      key: 'bob@example.com',
      reason: 'manual_dnc',
      expiresAt,
      note: null,
      source: 'a test',
      message: null,
    }),
  );
  advance(HOUR_MS - 1);
  const refused = send();
  assert.equal(refused.outcome, 'refused');
  assert.ok('recipients' in refused);
  assert.equal(refused.recipients[0]?.reasons[0]?.code, 'suppressed');
  assert.equal(refused.recipients[0]?.reasons[0]?.clearsAt, expiresAt);
  advance(1);
  assert.equal(send().outcome, 'admitted');
});
