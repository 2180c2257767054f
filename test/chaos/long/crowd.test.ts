/** The long form: a hundred thousand queued messages of one tenant beside the single one of another. `npm run chaos`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { besideACrowd } from '../../harness/crowd.ts';

for (const hangs of [false, true]) {
  const how = hangs ? 'whose provider answers nobody' : 'to a slow next hop';
  test(`a hundred thousand queued messages ${how} do not delay the single one of another tenant by five seconds`, async (t) => {
    const startedAt = performance.now();
    const crowd = await besideACrowd(100_000, { hangs, answerMs: 300 });
    t.diagnostic(`${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${JSON.stringify(crowd)}`);
    assert.ok(crowd.behind > 50_000, `only ${crowd.behind} were waiting`);
    assert.ok(crowd.waitedMs < 5000, `it waited ${crowd.waitedMs} ms`);
  });
}
