import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observeReturn } from '../../../src/policy/risk/observe.ts';
import { newRisk, type RiskState, type Trust } from '../../../src/policy/risk/state.ts';
import { NOW } from '../deciding.ts';
import { MINUTE, sendOne } from './sending.ts';

const TEXTS: readonly ((n: number) => string)[] = [
  () => 'test',
  (n) => `test ${n}`,
  (n) => `Hello, are you there? This is message ${n}.`,
  (n) => `Order ${n} is ready, please have a look at it.`,
];

/** Places of the first warning and of the send that brings the quarantine, among a dozen to one person. */
function dozen(text: (n: number) => string, repliesVisible: boolean, trust: Trust, gapMs: number) {
  const state: RiskState = newRisk(trust, NOW - 5 * MINUTE);
  let warnedAt = 0;
  let quarantinedAt = 0;
  for (let n = 1; n <= 12; n += 1) {
    const known = { isKnown: n > 1 };
    const { facts, step } = sendOne(
      state,
      { to: 'bob@x.example', text: text(n), at: NOW + n * gapMs, known },
      { repliesVisible },
    );
    if (warnedAt === 0 && facts.score >= facts.warnAt) warnedAt = n;
    if (quarantinedAt === 0 && step.quarantine) quarantinedAt = n;
  }
  return { warnedAt, quarantinedAt };
}

for (const repliesVisible of [true, false]) {
  const seen = repliesVisible ? 'seen' : 'not seen';
  test(`a dozen short alike messages to one person bring a warning, then quarantine, where replies are ${seen}`, () => {
    for (const text of TEXTS) {
      for (const gapMs of [100, 50_000]) {
        const { warnedAt, quarantinedAt } = dozen(text, repliesVisible, 'new', gapMs);
        assert.ok(warnedAt >= 4, `${text(1)}: warned at ${warnedAt}`);
        assert.ok(quarantinedAt >= 8 && quarantinedAt <= 12, `${text(1)}: quarantined at ${quarantinedAt}`);
        assert.ok(quarantinedAt >= warnedAt + 2, `${text(1)}: warned at ${warnedAt}, quarantined at ${quarantinedAt}`);
      }
    }
  });
}

test('an established account is not put into quarantine by the same dozen', () => {
  assert.equal(dozen(TEXTS[1]!, true, 'established', 50_000).quarantinedAt, 0);
});

test('a reply forgets what the person left unanswered', () => {
  const state = newRisk('new', NOW);
  for (let n = 1; n <= 6; n += 1) sendOne(state, { to: 'bob@x.example', text: 'test', at: NOW + n * MINUTE });
  const silent = sendOne(state, { to: 'bob@x.example', text: 'test', at: NOW + 7 * MINUTE }).facts.score;
  observeReturn(state, { kind: 'reply', class: null, key: 'bob@x.example', isReported: false }, NOW + 8 * MINUTE);
  const answered = sendOne(state, { to: 'bob@x.example', text: 'test', at: NOW + 9 * MINUTE }).facts.score;
  assert.ok(silent >= 60_000 && answered < silent / 2, `${silent} before, ${answered} after`);
});

test('a reply that was only reported changes nothing', () => {
  const state = newRisk('new', NOW);
  for (let n = 1; n <= 6; n += 1) sendOne(state, { to: 'bob@x.example', text: 'test', at: NOW + n * MINUTE });
  const before = structuredClone(state.targets);
  observeReturn(state, { kind: 'reply', class: null, key: 'bob@x.example', isReported: true }, NOW + 6 * MINUTE);
  assert.deepEqual(state.targets, before);
});
