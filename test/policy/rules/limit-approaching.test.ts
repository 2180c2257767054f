import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chosenAtOnce } from '../../../src/policy/facts-pool.ts';
import { limitApproaching } from '../../../src/policy/rules/limit-approaching.ts';
import { FREE, factsOf, findings, HOUR, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';
import { poolFacts } from '../pools.ts';

const policy = policyOf([
  { name: 'daily', scope: 'tenant', window: 'calendar_day', max: 10 },
  { name: 'person', scope: 'recipient', window: 'rolling_1h', max: 5, unit: 'message' },
]);
const at = (used: number) => ({ ...FREE, used, resetsAt: used === 0 ? null : NOW / 1000 + 60 });

test('the send that brings a limit to four fifths warns, the one before does not', () => {
  assert.deepEqual(findings(limitApproaching, factsOf({ limits: [at(6), at(2)] }), policy), []);
  const [found, ...more] = findings(limitApproaching, factsOf({ limits: [at(7), at(2)] }), policy);
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'warn',
    code: 'limit_approaching',
    scope: { kind: 'tenant', id: 'ten_1' },
    evidence: {
      limit_name: 'daily',
      unit: 'recipient',
      window: 'calendar_day',
      limit: 10,
      used: 8,
      remaining: 2,
      resets_at: NOW + 60_000,
    },
  });
  assert.deepEqual(unknownEvidence('limit_approaching', found.evidence), []);
  assert.equal(
    told(found),
    '8 of 10 recipients used in the current UTC day ("daily"); it grows again at 2026-04-27T08:13:00.000Z.',
  );
});

test('each limit that is near warns, with its own scope', () => {
  const found = findings(limitApproaching, factsOf({ limits: [at(9), at(3)] }), policy);
  assert.deepEqual(
    found.map((one) => [one.evidence['limit_name'], one.evidence['remaining'], one.scope?.kind]),
    [
      ['daily', 0, 'tenant'],
      ['person', 1, 'recipient'],
    ],
  );
});

test('a full limit, one that the message counts in already and a rate do not warn', () => {
  const full = { used: 10, resetsAt: 1, freeAt: 5, units: 1 };
  const counted = { ...at(5), units: 0 };
  assert.deepEqual(findings(limitApproaching, factsOf({ limits: [full, counted] }), policy), []);
  const rate = policyOf([{ name: 'rate', scope: 'tenant', window: 'rate', max: 10 }]);
  assert.deepEqual(findings(limitApproaching, factsOf({ limits: [at(9)] }), rate), []);
});

test('where this send is the first in the window, the window resets when it leaves', () => {
  const one = policyOf([
    { name: 'day', scope: 'tenant', window: 'calendar_day', max: 1 },
    { name: 'hour', scope: 'tenant', window: 'rolling_1h', max: 1 },
  ]);
  const found = findings(limitApproaching, factsOf({ limits: [at(0), at(0)] }), one);
  assert.deepEqual(
    found.map((warning) => warning.evidence['resets_at']),
    [Date.UTC(2026, 3, 28), NOW + HOUR],
  );
});

test('the caps of all ways out that are near warn by the one that is taken', () => {
  const near = {
    ...{ scope: 'mailbox' as const, id: 'mbx_1', name: 'mailbox_daily', window: 'calendar_day' },
    ...{ limit: 10, used: 8, resetsAt: NOW / 1000 + 60 },
  };
  const chosen = { provider: 1, mailbox: 1, why: [], replaces: null };
  const pool = poolFacts(chosenAtOnce(chosen, { ways: 2, isOwn: true }, near));
  const [found] = findings(limitApproaching, factsOf({ limits: [], pool }), policyOf([]));
  assert.deepEqual(found?.scope, { kind: 'mailbox', id: 'mbx_1' });
  assert.deepEqual(unknownEvidence('limit_approaching', found!.evidence), []);
  assert.match(told(found!), /^8 of 10 recipients used in the current UTC day \("mailbox_daily"\); it grows again at /);
});
