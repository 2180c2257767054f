import assert from 'node:assert/strict';
import test from 'node:test';
import { makeKey } from '../../src/base/api-key.ts';
import type { KeyRow, Store } from '../../src/data/store.ts';
import { Authenticator } from '../../src/http/authenticate.ts';

const nobody = { tenant: undefined, mode: undefined, address: '::1', network: null };
const OPERATOR = `pst_op_${'o'.repeat(48)}`;

/** A store with one key, whose reads wait until they are let go. */
function slowStore(prefix: string, hash: Uint8Array) {
  const waiting: (() => void)[] = [];
  let revokedAt: number | null = null;
  const row = (): KeyRow => ({
    no: 1,
    id: 'key_1',
    prefix,
    hash,
    name: 'one',
    scopes: ['read'],
    mode: 'test',
    tenantNo: 1,
    tenantId: 'ten_1',
    installationNo: 1,
    installationId: 'ins_1',
    appId: 'app_1',
    expiresAt: null,
    allowIps: [],
    identities: [],
    agent: null,
    createdAt: 0,
    lastUsedAt: null,
    revokedAt,
  });
  const store = {
    keyByPrefix: () => Promise.resolve(row()),
    tenantById: () => new Promise((resolve) => waiting.push(() => resolve({ locale: null }))),
  } as unknown as Store;
  const letGo = () => {
    for (const go of waiting.splice(0)) go();
  };
  return { store, letGo, waiting, revoke: () => (revokedAt = 1) };
}

test('a key read before its revocation is not remembered after it', async () => {
  const made = makeKey('test');
  const { store, letGo, waiting, revoke } = slowStore(made.prefix, made.hash);
  const authenticator = new Authenticator(store, OPERATOR);
  const authorization = `Bearer ${made.key}`;
  const ask = () => authenticator.authenticate({ ...nobody, authorization });
  const early = ask();
  while (waiting.length === 0) await Promise.resolve();
  revoke();
  authenticator.forget();
  letGo();
  assert.equal((await early).ok, true, 'it was asked before the revocation');
  assert.deepEqual(await ask(), { ok: false, cause: 'key' });
});

test('keys used since the last call are told once, with the time of their last use', async () => {
  const made = makeKey('test');
  const { store, letGo, waiting } = slowStore(made.prefix, made.hash);
  const authenticator = new Authenticator(store, OPERATOR);
  const authorization = `Bearer ${made.key}`;
  const first = authenticator.authenticate({ ...nobody, authorization });
  while (waiting.length === 0) await Promise.resolve();
  letGo();
  await first;
  const [[keyNo, at] = [0, 0], ...more] = authenticator.takeUsed();
  assert.equal(keyNo, 1);
  assert.ok(at <= Date.now() && more.length === 0);
  assert.deepEqual(authenticator.takeUsed(), []);
});

test('a key is remembered as it was sent, until something changes', async () => {
  const made = makeKey('test');
  const { store, letGo, waiting } = slowStore(made.prefix, made.hash);
  const authenticator = new Authenticator(store, OPERATOR);
  const authorization = `Bearer ${made.key}`;
  const remembered = (header: string | undefined) => authenticator.remembered(header, Date.now());
  assert.equal(remembered(authorization), null);
  const first = authenticator.authenticate({ ...nobody, authorization });
  while (waiting.length === 0) await Promise.resolve();
  letGo();
  const result = await first;
  assert.ok(result.ok);
  assert.equal(remembered(authorization), result.caller);
  authenticator.takeUsed();
  remembered(authorization);
  assert.equal(authenticator.takeUsed().length, 1, 'its use is told');
  for (const other of [undefined, '', `Bearer ${makeKey('test').key}`, `Bearer ${OPERATOR}`, `${authorization}x`])
    assert.equal(remembered(other), null, other);
  assert.equal(authenticator.remembered(authorization, Date.now() + 5000), null, 'for a few seconds');
  authenticator.forget();
  assert.equal(remembered(authorization), null);
});
