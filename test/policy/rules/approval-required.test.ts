import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ApprovalFacts, strictestApproval } from '../../../src/policy/facts-approval.ts';
import { approvalRequired } from '../../../src/policy/rules/approval-required.ts';
import { DAY, factsOf, findings, NOW, sendOf, told, unknownEvidence } from '../deciding.ts';

const asked = (changes: Partial<NonNullable<ApprovalFacts>> = {}): NonNullable<ApprovalFacts> => ({
  mode: 'all',
  by: 'policy',
  id: 'apr_1',
  deadline: NOW + DAY,
  isGranted: false,
  isFirstContact: false,
  ...changes,
});

test('a message that needs an approval is held until its deadline', () => {
  const [found] = findings(approvalRequired, factsOf({ approval: asked() }));
  assert.deepEqual(found, {
    outcome: 'hold',
    code: 'approval_required',
    scope: { kind: 'tenant', id: 'ten_1' },
    clearsAt: NOW + DAY,
    evidence: {
      approval_id: 'apr_1',
      mode: 'all',
      asked_by: 'policy',
      requested_at: NOW,
      expires_at: NOW + DAY,
    },
  });
  assert.deepEqual(unknownEvidence('approval_required', found.evidence), []);
  assert.equal(
    told(found),
    'The message waits for the approval of a person (apr_1); without one it is rejected at 2026-04-28T08:12:00.000Z.',
  );
});

test('a granted approval lets it pass', () => {
  assert.deepEqual(findings(approvalRequired, factsOf({ approval: asked({ isGranted: true }) })), []);
});

test('nothing is asked where no mode asks', () => {
  assert.deepEqual(findings(approvalRequired, factsOf()), []);
  assert.deepEqual(findings(approvalRequired, factsOf({ approval: asked({ mode: 'none' }) })), []);
});

test('the first contact alone is asked for where the mode says so', () => {
  const mode = 'first_contact';
  assert.deepEqual(findings(approvalRequired, factsOf({ approval: asked({ mode }) })), []);
  const first = findings(approvalRequired, factsOf({ approval: asked({ mode, isFirstContact: true }) }));
  assert.equal(first[0]?.outcome, 'hold');
});

test('the scope is whose setting asks', () => {
  const send = sendOf({ scopes: { agent: 'robot' } });
  const scopeOf = (by: 'identity' | 'agent') =>
    findings(approvalRequired, factsOf({ approval: asked({ by }) }), undefined, send)[0]?.scope;
  assert.deepEqual(scopeOf('identity'), { kind: 'identity', id: 'idn_1' });
  assert.deepEqual(scopeOf('agent'), { kind: 'agent', id: 'robot' });
});

test('the strictest of policy, identity and agent holds, and is named', () => {
  assert.deepEqual(strictestApproval('none', 'none', 'none'), { mode: 'none', by: 'policy' });
  assert.deepEqual(strictestApproval('first_contact', 'all', 'none'), { mode: 'all', by: 'identity' });
  assert.deepEqual(strictestApproval('first_contact', 'none', 'all'), { mode: 'all', by: 'agent' });
  assert.deepEqual(strictestApproval('all', 'all', 'all'), { mode: 'all', by: 'policy' });
  assert.deepEqual(strictestApproval('none', 'first_contact', 'first_contact').by, 'identity');
});
