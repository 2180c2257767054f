import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STANDINGS } from '../../../src/policy/account.ts';
import { accountPaused } from '../../../src/policy/rules/account-paused.ts';
import { DAY, factsOf, findings, NOW, told, unknownEvidence } from '../deciding.ts';

test('paused stops the account, with its evidence', () => {
  const [found, ...more] = findings(
    accountPaused,
    factsOf({ account: { standing: 'paused', standingSince: NOW - DAY } }),
  );
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'account_paused',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: null,
    clearsBy: ['operator'],
    evidence: { standing: 'paused', since: NOW - DAY, paused_by: 'operator' },
  });
  assert.deepEqual(unknownEvidence('account_paused', found.evidence), []);
  assert.equal(told(found), 'Sending was paused by the operator at 2026-04-26T08:12:00.000Z.');
});

test('any other standing passes the rule of paused', () => {
  for (const standing of STANDINGS) {
    if (standing === 'paused') continue;
    assert.deepEqual(findings(accountPaused, factsOf({ account: { standing } })), [], standing);
  }
});

test('who paused it decides who can resume it', () => {
  const clearers = (['tenant', 'operator', 'incident'] as const).map((standingBy) => {
    const [found] = findings(accountPaused, factsOf({ account: { standing: 'paused', standingBy } }));
    assert.ok(found?.outcome === 'block');
    return [found.evidence['paused_by'], found.clearsBy];
  });
  assert.deepEqual(clearers, [
    ['tenant', undefined],
    ['operator', ['operator']],
    ['incident', ['operator']],
  ]);
});
