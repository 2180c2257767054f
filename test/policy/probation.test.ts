import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PlainLedger } from '../../bench/rig/plain-ledger.ts';
import { decide } from '../../src/policy/decide.ts';
import { type ProbationStanding, probationIn, quarantineFacts } from '../../src/policy/facts-quarantine.ts';
import { withProbation } from '../../src/policy/probation.ts';
import { canonicalVerdict } from '../../src/policy/verdict.ts';
import { DAY, HOUR, NOW, policyOf, recipientOf, sendOf, sendOn, told, unknownEvidence } from './deciding.ts';

const A_WEEK: ProbationStanding = { state: 'probation', since: NOW, until: NOW + 7 * DAY, factor: 250, baseline: null };
const daily = { name: 'daily', scope: 'tenant', window: 'rolling_24h', max: 100 } as const;

function shareAt(ms: number, standing: ProbationStanding = A_WEEK): number | null {
  return probationIn(quarantineFacts(standing, NOW + ms))?.share ?? null;
}

test('the open share grows in a line from the factor to the whole, and then the probation is over', () => {
  assert.equal(shareAt(0), 25);
  assert.equal(shareAt(3.5 * DAY), 62);
  assert.equal(shareAt(7 * DAY - 1), 99);
  assert.equal(shareAt(7 * DAY), null);
});

test('the open share never shrinks with time and lies between 1 and 99', () => {
  const times = fc.array(fc.integer({ min: 0, max: 30 * DAY }), { minLength: 2, maxLength: 20 });
  fc.assert(
    fc.property(
      times,
      fc.integer({ min: 1, max: 999 }),
      fc.integer({ min: HOUR, max: 30 * DAY }),
      (all, factor, length) => {
        const standing = { ...A_WEEK, factor, until: NOW + length };
        let last = 0;
        for (const at of all.sort((a, b) => a - b)) {
          const share = shareAt(at, standing) ?? 100;
          assert.ok(share >= last && share >= 1 && (share <= 99 || at >= length));
          last = share;
        }
      },
    ),
  );
});

test('every limit is reduced, but never to nothing', () => {
  const policy = policyOf([
    daily,
    { name: 'rate', scope: 'installation', window: 'rate', max: 10, burst: 20 },
    { name: 'one', scope: 'recipient', window: 'rolling_24h', max: 2 },
    { name: 'none', scope: 'identity', window: 'calendar_day', max: 0 },
  ]);
  const reduced = withProbation(policy, { state: 'probation', since: 0, until: NOW, share: 25, baseline: null });
  const shown = [...reduced.messageLimits, ...reduced.recipientLimits].map(({ name, max, burst, full }) => [
    name,
    max,
    burst,
    full,
  ]);
  assert.deepEqual(shown, [
    ['daily', 25, 25, 100],
    ['rate', 2, 5, 10],
    ['none', 0, 0, 0],
    ['one', 1, 1, 2],
  ]);
  assert.deepEqual(
    reduced.rates.map(({ max }) => max),
    [2],
  );
  assert.equal(withProbation(policy, null), policy);
});

test('an account without limits gets one for the length of its probation', () => {
  const reduced = withProbation(policyOf(), { state: 'probation', since: 0, until: NOW, share: 50, baseline: 40 });
  assert.deepEqual(
    reduced.messageLimits.map(({ name, scope, windowName, max, full }) => ({ name, scope, windowName, max, full })),
    [{ name: 'probation', scope: 'tenant', windowName: 'rolling_24h', max: 20, full: 40 }],
  );
  assert.deepEqual(reduced.tracks.at(-1), { scope: 'tenant', unit: 'recipient', horizonSeconds: 86_400 });
});

test('on probation the reduced limit refuses, says so, and the same facts give the same verdict again', () => {
  const ledger = new PlainLedger();
  ledger.quarantine = A_WEEK;
  const policy = policyOf([daily]);
  let refused = 0;
  for (let n = 0; n < 30; n += 1) {
    const recipient = recipientOf(`p${n}@example.com`);
    const { facts, verdict } = sendOn(ledger, policy, sendOf(), recipient, NOW + n * 1000);
    assert.equal(canonicalVerdict(decide(sendOf(), recipient, facts, policy)), canonicalVerdict(verdict));
    if (verdict.verdict !== 'block') continue;
    refused += 1;
    const [reason] = verdict.reasons;
    assert.equal(reason!.code, 'daily_quota_exceeded');
    assert.equal(reason!.evidence['limit'], 25);
    assert.equal(reason!.evidence['full_limit'], 100);
    assert.equal(reason!.evidence['probation_ends_at'], NOW + 7 * DAY);
    assert.deepEqual(unknownEvidence('daily_quota_exceeded', reason!.evidence), []);
    assert.match(
      told({ outcome: 'block', ...reason! }),
      /The account is on probation: the limit grows back to 100 until 2026-05-04T08:12:00.000Z\.$/,
    );
  }
  assert.equal(refused, 5);
});
