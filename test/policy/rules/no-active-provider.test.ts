import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noActiveProvider } from '../../../src/policy/rules/no-active-provider.ts';
import { factsOf, findings, told, unknownEvidence } from '../deciding.ts';
import { candidate, exhausted, poolFacts } from '../pools.ts';

test('a sender none of whose providers is active is told which are not', () => {
  const candidates = [
    candidate({ name: 'relay', obstacle: 'inactive' }),
    candidate({ name: 'ses', obstacle: 'error' }),
  ];
  const pool = poolFacts(exhausted({ cause: 'provider', ways: 2, inactive: 2, candidates }));
  const [found] = findings(noActiveProvider, factsOf({ pool }));
  assert.ok(found?.outcome === 'block');
  assert.equal(found.code, 'no_active_provider');
  assert.equal(found.clearsAt, null);
  assert.deepEqual(found.evidence['inactive'], ['relay', 'ses']);
  assert.deepEqual(unknownEvidence('no_active_provider', found.evidence), []);
  assert.equal(
    told(found),
    'No provider that could carry this message is active; inactive: relay, ses (identity alice).',
  );
});

test('caps and health of mailboxes are no matter of providers', () => {
  assert.deepEqual(findings(noActiveProvider, factsOf()), []);
  for (const cause of ['cap', 'health', 'warmup'] as const) {
    assert.deepEqual(findings(noActiveProvider, factsOf({ pool: poolFacts(exhausted({ cause })) })), []);
  }
});
