/** The long form: ten kills, each after five hundred more accepted messages. `npm run chaos`. */
import { test } from 'node:test';
import { assertPromiseKept, killUnderLoad } from '../../harness/chaos-story.ts';

test('ten kills under load lose nothing, double no message and mark what may come twice', async (t) => {
  const startedAt = performance.now();
  const report = await killUnderLoad(10, 500, 64);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  t.diagnostic(`${seconds} s: ${JSON.stringify({ ...report, lost: report.lost.length })}`);
  assertPromiseKept(report);
});
