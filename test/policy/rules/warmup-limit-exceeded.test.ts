import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withWarmup } from '../../../src/policy/document.ts';
import { warmupLimitExceeded } from '../../../src/policy/rules/warmup-limit-exceeded.ts';
import { DAY, FREE, factsOf, findings, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';
import { exhausted, poolFacts } from '../pools.ts';

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

test('a full day of a mailbox’s own warm-up towards a family is told with both, and waits for the day with a place', () => {
  const ramp = { id: 'mbx_1', address: 'box1@sender.example', day: 3, places: 12, used: 12 };
  const look = (freeAt: number | null) => {
    const routing = exhausted({ cause: 'warmup', warming: 1, freeAt, ramp });
    const [found, ...more] = findings(warmupLimitExceeded, factsOf({ pool: poolFacts(routing) }));
    assert.deepEqual(more, []);
    assert.ok(found?.outcome === 'block');
    assert.deepEqual(unknownEvidence('warmup_limit_exceeded', found.evidence), []);
    return found;
  };
  const waits = look(TOMORROW / 1000);
  assert.deepEqual(waits.scope, { kind: 'mailbox', id: 'mbx_1' });
  assert.deepEqual([waits.clearsAt, waits.clearsBy, waits.evidence['frees_at']], [TOMORROW, undefined, TOMORROW]);
  const { mailbox, day, limit, used } = waits.evidence;
  assert.deepEqual([mailbox, day, limit, used], ['box1@sender.example', 3, 12, 12]);
  const never = look(null);
  assert.deepEqual([never.clearsAt, never.clearsBy], [null, ['tenant']]);
  const other = exhausted({ cause: 'cap', ramp });
  assert.deepEqual(findings(warmupLimitExceeded, factsOf({ pool: poolFacts(other) })), []);
});

test('a day with a place passes', () => {
  const used = { ...FREE, used: 19, resetsAt: (NOW + DAY) / 1000 };
  assert.deepEqual(findings(warmupLimitExceeded, factsOf({ limits: [used], warmup }), policy), []);
});
