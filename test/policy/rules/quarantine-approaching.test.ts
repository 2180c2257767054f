import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quarantineApproaching } from '../../../src/policy/rules/quarantine-approaching.ts';
import { factsOf, findings, unknownEvidence } from '../deciding.ts';

const repeats = {
  name: 'recipient_repeats',
  value: 9_000,
  weight: 60,
  threshold: 3,
  window: 'decaying_1h',
  trend: 'rising',
  contribution: 40_000,
} as const;
const risk = {
  score: 72_400,
  level: 'elevated',
  warnAt: 60_000,
  threshold: 100_000,
  repliesVisible: true,
  signals: [repeats],
} as const;

test('a score at the warning level warns, with the signals and what would bring it down', () => {
  const [found] = findings(quarantineApproaching, factsOf({ risk }));
  assert.equal(found?.outcome, 'warn');
  assert.equal(found?.code, 'quarantine_approaching');
  assert.deepEqual(unknownEvidence('quarantine_approaching', found.evidence), []);
  assert.deepEqual(found?.evidence, {
    score: 72,
    threshold: 100,
    level: 'elevated',
    replies_visible: true,
    signals: [{ ...repeats, value: 9, contribution: 40 }],
    falls_by: ['no message for an hour to the person written to most, or a reply from them'],
  });
});

test('a score of just the warning level warns', () => {
  assert.equal(findings(quarantineApproaching, factsOf({ risk: { ...risk, score: risk.warnAt } })).length, 1);
});

test('below the warning level, and where no score is kept, nothing is said', () => {
  assert.deepEqual(findings(quarantineApproaching, factsOf({ risk: { ...risk, score: 59_999 } })), []);
  assert.deepEqual(findings(quarantineApproaching, factsOf({ risk: null })), []);
});
