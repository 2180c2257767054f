import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withWarmup } from '../../../src/policy/document.ts';
import { warmupLimitExceeded } from '../../../src/policy/rules/warmup-limit-exceeded.ts';
import { DAY, FREE, factsOf, findings, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';

const TOMORROW = Date.UTC(2026, 3, 28);
const warmup = { day: 4, places: 20 };
const policy = withWarmup(policyOf([], { warmup: { start: 6, days: 30 } }), warmup.places);

test('a full day of a warm-up waits for a day with a place', () => {
  const full = { ...FREE, used: 20, resetsAt: TOMORROW / 1000, freeAt: TOMORROW / 1000 };
  const [found, ...more] = findings(warmupLimitExceeded, factsOf({ limits: [full], warmup }), policy);
  assert.deepEqual(more, []);
  assert.equal(found?.code, 'warmup_limit_exceeded');
  assert.ok(found.outcome === 'block');
  assert.equal(found.clearsAt, TOMORROW);
  assert.deepEqual(found.scope, { kind: 'identity', id: 'idn_1' });
  assert.equal(found.evidence['day'], 4);
  assert.deepEqual(unknownEvidence('warmup_limit_exceeded', found.evidence), []);
  assert.equal(
    told(found),
    'alice is in warm-up (day 4): 20 of 20 used today; the next place frees at 2026-04-28T00:00:00.000Z.',
  );
});

test('a day with a place passes', () => {
  const used = { ...FREE, used: 19, resetsAt: (NOW + DAY) / 1000 };
  assert.deepEqual(findings(warmupLimitExceeded, factsOf({ limits: [used], warmup }), policy), []);
});
