import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recipientDomainThrottled } from '../../../src/policy/rules/recipient-domain-throttled.ts';
import { factsOf, findings, NOW, policyOf, told, unknownEvidence } from '../deciding.ts';

const policy = policyOf([{ name: 'theirs', scope: 'recipient_domain', window: 'rolling_15m', max: 5 }]);
const FREES = NOW / 1000 + 600;
const full = { used: 5, resetsAt: FREES, freeAt: FREES, units: 1 };

test('a full limit (recipient domain throttled) says what is used, of what, and when there is room', () => {
  const [found, ...more] = findings(recipientDomainThrottled, factsOf({ limits: [full] }), policy);
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'recipient_domain_throttled',
    scope: { kind: 'recipient_domain', id: 'example.com' },
    clearsAt: FREES * 1000,
    clearsBy: undefined,
    evidence: {
      limit_name: 'theirs',
      unit: 'recipient',
      window: 'rolling_15m',
      limit: 5,
      used: 5,
      requested: 1,
      frees_at: FREES * 1000,
      domain: 'example.com',
    },
  });
  assert.deepEqual(unknownEvidence('recipient_domain_throttled', found.evidence), []);
  assert.equal(
    told(found),
    'For the domain example.com: 5 of 5 recipients used in the last 15 minutes; there is room for 1 more at 2026-04-27T08:22:00.000Z.',
  );
});

test('a limit with room passes (recipient domain throttled), and so does a full one of another kind', () => {
  assert.deepEqual(
    findings(recipientDomainThrottled, factsOf({ limits: [{ ...full, used: 4, freeAt: 0 }] }), policy),
    [],
  );
  const other = policyOf([{ name: 'other', scope: 'tenant', window: 'calendar_day', max: 5 }]);
  assert.deepEqual(findings(recipientDomainThrottled, factsOf({ limits: [full] }), other), []);
});
