import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STANDINGS } from '../../../src/policy/account.ts';
import { subscriptionExpired } from '../../../src/policy/rules/subscription-expired.ts';
import { DAY, factsOf, findings, NOW, told, unknownEvidence } from '../deciding.ts';

test('subscription expired stops the account, with its evidence', () => {
  const [found, ...more] = findings(
    subscriptionExpired,
    factsOf({ account: { standing: 'subscription_expired', standingSince: NOW - DAY } }),
  );
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'subscription_expired',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: null,
    clearsBy: undefined,
    evidence: { standing: 'subscription_expired', ends_at: NOW - DAY },
  });
  assert.deepEqual(unknownEvidence('subscription_expired', found.evidence), []);
  assert.equal(told(found), 'The subscription of this account has ended (since 2026-04-26T08:12:00.000Z).');
});

test('any other standing passes the rule of subscription expired', () => {
  for (const standing of STANDINGS) {
    if (standing === 'subscription_expired' || standing === 'payment_overdue') continue;
    assert.deepEqual(findings(subscriptionExpired, factsOf({ account: { standing } })), [], standing);
  }
});

test('an unpaid balance is the same reason and says so', () => {
  const [found] = findings(
    subscriptionExpired,
    factsOf({ account: { standing: 'payment_overdue', standingSince: NOW } }),
  );
  assert.equal(found?.code, 'subscription_expired');
  assert.equal(told(found!), 'The balance of this account is unpaid (since 2026-04-27T08:12:00.000Z).');
});
