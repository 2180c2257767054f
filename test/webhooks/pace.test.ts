import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from '../../src/webhooks/pace.ts';

test('no more than a few begin in a turn of the event loop, in the order in which they asked', async () => {
  const pace = new Pace();
  const begun: number[] = [];
  const all = Array.from({ length: 100 }, async (_, i) => {
    await pace.turn();
    begun.push(i);
  });
  const counts: number[] = [];
  while (begun.length < 100) {
    counts.push(begun.length);
    await new Promise(setImmediate);
  }
  await Promise.all(all);
  assert.ok(counts.length >= 12, `${counts.length} turns`);
  assert.deepEqual(begun, [...begun.keys()]);
  // One that asks later waits for nobody.
  let isBegun = false;
  void pace.turn().then(() => {
    isBegun = true;
  });
  await Promise.resolve();
  await Promise.resolve();
  assert.ok(isBegun);
});
