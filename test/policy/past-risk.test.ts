import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  compilePolicy,
  type EffectiveDocument,
  POLICY_DEFAULTS,
  type Policy,
  type PolicyDocument,
} from '../../src/policy/document.ts';
import type { Facts } from '../../src/policy/facts.ts';
import { HistoryFold, type PastSend } from '../../src/policy/history.ts';
import { replaceNamed } from '../../src/policy/resolve.ts';
import { factsOf, sendOf } from './deciding.ts';

const START = Date.UTC(2026, 5, 1);
const IN_FORCE: PolicyDocument = {};

function policyOf(document: PolicyDocument): Policy {
  return compilePolicy(1, replaceNamed(POLICY_DEFAULTS as EffectiveDocument, document));
}

/** A send of the past that was accepted with this score, in points. */
function past(n: number, score: number, more: Pick<Partial<Facts>, 'quarantine'> = {}): PastSend {
  const now = START + n * 60_000;
  const risk = {
    score: score * 1000,
    level: 'normal',
    warnAt: 60_000,
    threshold: 100_000,
    repliesVisible: true,
    signals: [],
  } as const;
  const recipient = { key: `p${n}@y.example`, domain: 'y.example', undeliverable: null, simulated: null };
  const facts = factsOf({ now, departAt: now, risk, ...more });
  const verdict = { verdict: 'accept', departAt: now, reasons: [], warnings: [] } as const;
  const email = recipient.key;
  return {
    kind: 'send',
    id: `m${n}`,
    at: now,
    send: sendOf(),
    recipients: [{ no: n, email, recipient, facts, verdict, isRemembered: false }],
  };
}

function outcomes(draft: PolicyDocument, lines: PastSend[]): string[] {
  const fold = new HistoryFold(policyOf(draft), policyOf(IN_FORCE));
  return lines.map((line) => {
    const { now } = fold.fold(line)!.recipients[0]!;
    return now.verdict === 'block'
      ? now.reasons.join()
      : now.warnings.includes('quarantine_approaching')
        ? 'warned'
        : 'fine';
  });
}

describe('stored scores under another policy', () => {
  const rising = [10, 35, 45, 45, 45, 45, 45].map((score, n) => past(n, score));

  test('stand as they were where its levels are the same', () => {
    assert.deepEqual(
      outcomes({}, rising),
      rising.map(() => 'fine'),
    );
  });

  test('warn at its level, and stop the account after the warnings that must come first', () => {
    const draft: PolicyDocument = { quarantine: { warn_at: 30, threshold: 40 } };
    assert.deepEqual(outcomes(draft, rising), [
      'fine',
      'warned',
      'warned',
      'warned',
      'account_quarantined',
      'account_quarantined',
      'account_quarantined',
    ]);
    const lenient: PolicyDocument = { quarantine: { mode: 'warn', warn_at: 30, threshold: 40 } };
    assert.ok(!outcomes(lenient, rising).includes('account_quarantined'));
  });

  test('let the account go on once the time of the quarantine is over', () => {
    const draft: PolicyDocument = { quarantine: { warn_at: 30, threshold: 40, release_after: 'PT2M' } };
    assert.deepEqual(outcomes(draft, rising).slice(4), ['account_quarantined', 'warned', 'warned']);
  });

  test('undo a quarantine of the score that it would not have come to, and no other', () => {
    const standing = {
      state: 'active',
      since: START,
      score: 110,
      threshold: 100,
      signals: [],
      releaseAt: null,
      note: '',
    } as const;
    const draft: PolicyDocument = { quarantine: { threshold: 500 } };
    const byScore = [past(0, 110, { quarantine: { ...standing, byOperator: false } })];
    assert.deepEqual(outcomes({}, byScore), ['account_quarantined']);
    assert.deepEqual(outcomes(draft, byScore), ['warned']);
    const byHand = [past(0, 10, { quarantine: { ...standing, byOperator: true } })];
    assert.deepEqual(outcomes(draft, byHand), ['account_quarantined']);
  });
});
