import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QUARANTINED, type QuarantinedFacts } from '../../../src/policy/facts-quarantine.ts';
import { accountQuarantined } from '../../../src/policy/rules/account-quarantined.ts';
import { DAY, factsOf, findings, HOUR, NOW, told, unknownEvidence } from '../deciding.ts';

const quarantined: QuarantinedFacts = {
  state: 'active',
  since: NOW - HOUR,
  byOperator: false,
  score: 112,
  threshold: 100,
  signals: [{ name: 'repeats_without_reply', value: 14, threshold: 5, contribution: 72 }],
  releaseAt: null,
  note: '',
};

test('an account in quarantine is stopped, with what led to it', () => {
  const [found, ...more] = findings(accountQuarantined, factsOf({ quarantine: quarantined }));
  assert.deepEqual(more, []);
  assert.deepEqual(found, {
    outcome: 'block',
    code: 'account_quarantined',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: null,
    clearsBy: undefined,
    evidence: {
      state: 'active',
      since: NOW - HOUR,
      set_by: 'score',
      score: 112,
      threshold: 100,
      signals: [{ name: 'repeats_without_reply', value: 14, threshold: 5, contribution: 72 }],
      release_at: null,
      note: null,
    },
  });
  assert.deepEqual(unknownEvidence('account_quarantined', found.evidence), []);
  assert.equal(
    told(found),
    'The account has been in quarantine since 2026-04-27T07:12:00.000Z, set by the risk score (score 112, threshold 100; signals: repeats_without_reply).',
  );
});

test('a set release time clears it, beside the operator', () => {
  const facts = factsOf({ quarantine: { ...quarantined, releaseAt: NOW + DAY, byOperator: true, note: 'Stolen key' } });
  const [found] = findings(accountQuarantined, facts);
  assert.ok(found?.outcome === 'block');
  assert.equal(found.clearsAt, NOW + DAY);
  assert.deepEqual(found.clearsBy, ['operator', 'time']);
  assert.equal(found.evidence['set_by'], 'operator');
  assert.match(told(found), /set by the operator.*: Stolen key; it is released at 2026-04-28/);
});

test('under review and upheld it stops as well', () => {
  for (const state of QUARANTINED) {
    const [found] = findings(accountQuarantined, factsOf({ quarantine: { ...quarantined, state } }));
    assert.equal(found?.code, 'account_quarantined', state);
  }
});

test('neither no quarantine nor probation stops anything', () => {
  assert.deepEqual(findings(accountQuarantined, factsOf()), []);
  const probation = { state: 'probation', since: 0, until: NOW + DAY, share: 25, baseline: null } as const;
  assert.deepEqual(findings(accountQuarantined, factsOf({ quarantine: probation })), []);
});
