import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainReason } from '../../src/core/explain.ts';
import { REASON_CODES, REASONS } from '../../src/core/reasons.ts';
import {
  parseSimulatorAddress,
  SIMULATED_OUTCOMES,
  SIMULATOR_ADDRESSES,
  SIMULATOR_DOMAIN,
  simulatedReason,
} from '../../src/core/simulator.ts';

test('every reason that has a status has an address, every hold has none', () => {
  for (const code of REASON_CODES) {
    const address = `blocked+${code}@${SIMULATOR_DOMAIN}`;
    const hasStatus = REASONS[code].http !== null;
    assert.equal(SIMULATOR_ADDRESSES.includes(address), hasStatus, code);
    assert.deepEqual(parseSimulatorAddress(`blocked+${code}`), hasStatus ? { kind: 'blocked', code } : null);
  }
});

test('every outcome has an address', () => {
  assert.deepEqual(
    [...SIMULATED_OUTCOMES],
    ['delivered', 'bounced', 'bounced-soft', 'complained', 'deferred', 'replied', 'uncertain'],
  );
  for (const outcome of SIMULATED_OUTCOMES) {
    assert.ok(SIMULATOR_ADDRESSES.includes(`${outcome}@simulator.postern.test`));
    assert.deepEqual(parseSimulatorAddress(outcome.toUpperCase()), { kind: 'outcome', outcome });
  }
  assert.equal(SIMULATOR_ADDRESSES.length, 7 + 61);
});

test('every address on the list is one that is understood and fits into a mailbox name of 64 octets', () => {
  for (const address of SIMULATOR_ADDRESSES) {
    const [local] = address.split('@');
    assert.ok(local!.length <= 64, address);
    assert.notEqual(parseSimulatorAddress(local!), null, address);
  }
});

test('what is not on the list means nothing', () => {
  const others = ['', 'alice', 'blocked', 'blocked+', 'blocked+nothing', 'blocked+constructor', 'blocked+__proto__'];
  for (const local of [...others, 'delivered ', 'blocked+suppressed+x', 'x'.repeat(1_000_000)]) {
    assert.equal(parseSimulatorAddress(local), null);
  }
});

test('a simulated reason is about whom it is asked for and plays at the time given', () => {
  const tenant = { kind: 'tenant', id: 'ten_real' };
  const recipient = { kind: 'recipient', id: 'eve@example.com' };
  const now = Date.UTC(2026, 0, 31, 23, 0);
  assert.deepEqual(simulatedReason('daily_quota_exceeded', now, { tenant }).scope, tenant);
  assert.deepEqual(simulatedReason('suppressed', now, { recipient }).scope, recipient);
  assert.equal(simulatedReason('monthly_quota_exceeded', now).clearsAt, Date.UTC(2026, 1, 1));
  assert.equal(simulatedReason('identity_cap_exceeded', now).clearsAt, Date.UTC(2026, 1, 1));
});

test('two simulations at the same time are the same', () => {
  for (const code of REASON_CODES) assert.deepEqual(simulatedReason(code, 1e12), simulatedReason(code, 1e12));
});

test('a simulated reason that clears in time says so in its answer', () => {
  const { clears } = explainReason(simulatedReason('cooldown', Date.UTC(2026, 0, 1)), { docsBase: '/' });
  assert.deepEqual(clears, { by: ['time'], at: '2026-01-01T20:00:00.000Z' });
});
