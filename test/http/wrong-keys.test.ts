import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeKey } from '../../src/base/api-key.ts';
import type { KeyRow, Store } from '../../src/data/store.ts';
import { Authenticator, type AuthResult } from '../../src/http/authenticate.ts';
import { RateTable } from '../../src/http/rate-table.ts';
import { WrongKeys } from '../../src/http/wrong-keys.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const HERE = '203.0.113.7';

test('whoever is wrong too often is told to wait, and heard again at the instant that is named', () => {
  const wrong = new WrongKeys();
  for (let n = 0; n < 20; n += 1) assert.equal(wrong.count([HERE], NOW), null);
  const until = wrong.count([HERE], NOW);
  assert.equal(until, NOW + 3000);
  for (let n = 0; n < 50; n += 1) assert.equal(wrong.count([HERE], NOW + 1000), until, 'asking on makes it no longer');
  assert.equal(wrong.count(['203.0.113.8'], NOW), null, 'another address is not meant');
  assert.equal(wrong.count([HERE], until!), null);
  assert.notEqual(wrong.count([HERE], until!), null);
});

test('a key that is tried from ever other addresses is told so too', () => {
  const wrong = new WrongKeys();
  for (let n = 0; n < 20; n += 1) assert.equal(wrong.count([`203.0.113.${n}`, 'pst_live_a'], NOW), null);
  assert.notEqual(wrong.count(['203.0.113.99', 'pst_live_a'], NOW), null);
  assert.equal(wrong.count(['203.0.113.99', 'pst_live_b'], NOW), null);
});

test('keys are looked up for it at a bounded pace', () => {
  const wrong = new WrongKeys();
  let lookedUp = 0;
  for (let ms = 0; ms < 10_000; ms += 1) {
    if (wrong.waitsUntil([HERE], NOW + ms) !== null) continue;
    lookedUp += 1;
    wrong.count([HERE], NOW + ms);
  }
  assert.ok(lookedUp >= 500 && lookedUp <= 601, String(lookedUp));
});

test('a table of rates holds a bounded number of names, and forgets those first that say nothing any more', () => {
  const table = new RateTable({ perMinute: 60, burst: 2 }, 100);
  for (let n = 0; n < 60; n += 1) table.count(`early ${n}`, NOW);
  for (let n = 0; n < 40; n += 1) for (let i = 0; i < 2; i += 1) table.count(`late ${n}`, NOW + 5000);
  table.count('one more', NOW + 5000);
  assert.equal(table.size, 41);
  assert.equal(table.waitsUntil('late 0', NOW + 5000), NOW + 6000);
  for (let n = 0; n < 10_000; n += 1) table.count(`flood ${n}`, NOW + 5000);
  assert.ok(table.size <= 100, String(table.size));
});

/** A store that knows one key, and how often it was asked. */
function storeOf(made: { prefix: string; hash: Uint8Array }) {
  let reads = 0;
  const row = { ...made, no: 1, id: 'key_1', name: 'one', scopes: ['read'], mode: 'test', tenantNo: 1 };
  const key = { ...row, tenantId: 'ten_1', expiresAt: null, allowIps: [], identities: [], revokedAt: null };
  const store = {
    keyByPrefix: async ({ prefix }: { prefix: string }) => {
      reads += 1;
      return prefix === made.prefix ? (key as unknown as KeyRow) : null;
    },
    tenantById: async () => ({ locale: null }),
  } as unknown as Store;
  return { store, reads: () => reads };
}

test('guesses beyond the pace reach no store, and a key that was right before passes all the same', async () => {
  const made = makeKey('test');
  const { store, reads } = storeOf(made);
  const authenticator = new Authenticator(store, `pst_op_${'o'.repeat(48)}`);
  const ask = async (token: string, network: string | null = HERE): Promise<AuthResult> =>
    authenticator.authenticate({
      ...{ authorization: `Bearer ${token}`, tenant: undefined, mode: undefined },
      ...{ address: '203.0.113.7', network },
    });
  assert.equal((await ask(made.key)).ok, true);
  const causes = new Map<string, number>();
  for (let n = 0; n < 2000; n += 1) {
    const found = await ask(makeKey('test').key);
    const cause = found.ok ? 'right' : found.cause;
    causes.set(cause, (causes.get(cause) ?? 0) + 1);
  }
  assert.equal(causes.get('right'), undefined);
  assert.ok(causes.get('key')! >= 20 && causes.get('key')! < 40, `${causes.get('key')} were told that they are wrong`);
  assert.ok(reads() < 500, `${reads()} were looked up`);
  authenticator.forget();
  assert.equal((await ask(made.key)).ok, true, 'it was right before');
  const other = makeKey('test').key;
  assert.deepEqual(await ask(other, null), { ok: false, cause: 'key' }, 'what is not counted is not told to wait');
  const operator = await ask(`pst_op_${'o'.repeat(48)}`);
  assert.equal(operator.ok, true, "the operator's key is known without a look");
});
