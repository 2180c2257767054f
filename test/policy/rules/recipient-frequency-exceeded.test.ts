import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recipientFrequencyExceeded } from '../../../src/policy/rules/recipient-frequency-exceeded.ts';
import { factsOf, findings, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';

const policy = policyOf([{ name: 'theirs', scope: 'recipient', window: 'rolling_24h', max: 5 }]);
const FREES = NOW / 1000 + 600;
const full = { used: 5, resetsAt: FREES, freeAt: FREES, units: 1 };

test('a full limit (recipient frequency exceeded) says what is used, of what, and when there is room', () => {
  const [found, ...more] = findings(recipientFrequencyExceeded, factsOf({ limits: [full] }), policy);
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'recipient_frequency_exceeded',
    scope: { kind: 'recipient', id: 'bob@example.com' },
    clearsAt: FREES * 1000,
    clearsBy: undefined,
    evidence: {
      limit_name: 'theirs',
      unit: 'recipient',
      window: 'rolling_24h',
      limit: 5,
      used: 5,
      requested: 1,
      frees_at: FREES * 1000,
    },
  });
  assert.deepEqual(unknownEvidence('recipient_frequency_exceeded', found.evidence), []);
  assert.equal(
    told(found),
    '5 of 5 messages to this recipient used in the last 24 hours; the next place frees at 2026-04-27T08:22:00.000Z.',
  );
});

test('a limit with room passes (recipient frequency exceeded), and so does a full one of another kind', () => {
  assert.deepEqual(
    findings(recipientFrequencyExceeded, factsOf({ limits: [{ ...full, used: 4, freeAt: 0 }] }), policy),
    [],
  );
  const other = policyOf([{ name: 'other', scope: 'tenant', window: 'calendar_day', max: 5 }]);
  assert.deepEqual(findings(recipientFrequencyExceeded, factsOf({ limits: [full] }), other), []);
});
