import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sendRateExceeded } from '../../../src/policy/rules/send-rate-exceeded.ts';
import { factsOf, findings, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';

const policy = policyOf([{ name: 'rate', scope: 'installation', window: 'rate', per: 'minute', max: 14, burst: 28 }]);
const freeAt = NOW + 1234;
const full = { used: 28, resetsAt: freeAt, freeAt, units: 1 };

test('a rate that is reached says how much it is, how large its burst, and when it lets through, to the millisecond', () => {
  const [found] = findings(sendRateExceeded, factsOf({ limits: [full] }), policy);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'send_rate_exceeded',
    scope: { kind: 'installation', id: 'ins_1' },
    clearsAt: freeAt,
    clearsBy: undefined,
    evidence: {
      limit_name: 'rate',
      unit: 'recipient',
      window: 'rate',
      limit: 14,
      used: 28,
      requested: 1,
      frees_at: freeAt,
      per: 'minute',
      burst: 28,
    },
  });
  assert.deepEqual(unknownEvidence('send_rate_exceeded', found.evidence), []);
  assert.equal(
    told(found),
    'The rate limit "rate" of 14 recipients per minute is reached; the next place frees at 2026-04-27T08:12:01.234Z.',
  );
});

test('a rate with room passes, and so does a full window that is none', () => {
  assert.deepEqual(findings(sendRateExceeded, factsOf({ limits: [{ ...full, freeAt: 0 }] }), policy), []);
  const hourly = policyOf([{ name: 'hour', scope: 'installation', window: 'rolling_1h', max: 14 }]);
  assert.deepEqual(findings(sendRateExceeded, factsOf({ limits: [full] }), hourly), []);
});
