import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mailboxesExhausted } from '../../../src/policy/rules/mailboxes-exhausted.ts';
import { DAY, factsOf, findings, NOW, told, unknownEvidence } from '../deciding.ts';
import { candidate, exhausted, poolFacts } from '../pools.ts';

const MIDNIGHT = Math.ceil(NOW / DAY) * DAY;

test('caps that are used up clear when the first of them starts anew', () => {
  const until = MIDNIGHT / 1000;
  const candidates = [
    candidate({ name: 'a@one.example', obstacle: 'cap', until, health: 90 }),
    candidate({ name: 'b@one.example', obstacle: 'unhealthy', health: 12, since: NOW - DAY }),
  ];
  const routing = exhausted({ cause: 'cap', freeAt: until, ways: 2, capped: 1, unhealthy: 1, candidates, lacking: 70 });
  const [found] = findings(mailboxesExhausted, factsOf({ pool: { ...poolFacts(routing), alternatives: ['bob'] } }));
  assert.ok(found?.outcome === 'block');
  assert.equal(found.clearsAt, MIDNIGHT);
  assert.equal(found.clearsBy, undefined);
  assert.deepEqual(found.evidence['candidates'], [
    { name: 'a@one.example', state: 'at_cap', free_at: MIDNIGHT, health: 90 },
    { name: 'b@one.example', state: 'unhealthy', health: 12, since: NOW - DAY },
  ]);
  assert.equal(found.evidence['lacking'], 70);
  assert.deepEqual(unknownEvidence('mailboxes_exhausted', found.evidence), []);
  assert.match(told(found), /1 at their cap, 1 paused, unhealthy.*identities with room: bob/);
});

test('no time is named where mailboxes are unhealthy or paused: the tenant clears it, or the operator who paused all of them', () => {
  const routing = exhausted({ cause: 'health', ways: 2, unhealthy: 1, paused: 1 });
  const [found] = findings(mailboxesExhausted, factsOf({ pool: poolFacts(routing) }));
  assert.ok(found?.outcome === 'block');
  assert.deepEqual([found.clearsAt, found.clearsBy], [null, ['tenant']]);
  const paused = exhausted({ cause: 'health', ways: 1, paused: 1, isOperators: true });
  const [operators] = findings(mailboxesExhausted, factsOf({ pool: poolFacts(paused) }));
  assert.ok(operators?.outcome === 'block');
  assert.deepEqual(operators.clearsBy, ['operator']);
});

test('those that are unhealthy, paused and inactive are counted together', () => {
  const routing = exhausted({ cause: 'health', ways: 7, unhealthy: 4, paused: 2, inactive: 1 });
  const [found] = findings(mailboxesExhausted, factsOf({ pool: poolFacts(routing) }));
  assert.equal(found?.evidence['unhealthy'], 7);
});

test('a way with room, a full warm-up and providers that are off are not its matter', () => {
  assert.deepEqual(findings(mailboxesExhausted, factsOf()), []);
  for (const cause of ['provider', 'warmup', 'none'] as const) {
    assert.deepEqual(findings(mailboxesExhausted, factsOf({ pool: poolFacts(exhausted({ cause })) })), []);
  }
});
