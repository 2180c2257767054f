/** Thousands of queued messages of one tenant, and one of another: that one leaves at once. The long form is in test/chaos/long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { besideACrowd } from '../harness/crowd.ts';

const MOST_MS = 5000;

test('five thousand queued messages do not delay the single one of another tenant', async (t) => {
  const { waitedMs, behind } = await besideACrowd(5000, { hangs: false, answerMs: 300 });
  t.diagnostic(`${waitedMs} ms, ${behind} still to leave`);
  assert.ok(behind > 1000, `only ${behind} were waiting`);
  assert.ok(waitedMs < MOST_MS, `it waited ${waitedMs} ms`);
});

test('a crowd whose provider answers nobody holds no place that others need, and does not spin', async (t) => {
  const { waitedMs, behind, calls } = await besideACrowd(1000, { hangs: true, answerMs: 10 });
  t.diagnostic(`${waitedMs} ms, ${behind} still to leave, ${calls} calls`);
  assert.ok(behind >= 1000);
  assert.ok(waitedMs < MOST_MS, `it waited ${waitedMs} ms`);
});
