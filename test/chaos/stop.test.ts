/** A stop under load: SIGTERM is answered in time, nothing is lost and nothing comes twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chaos } from '../harness/chaos.ts';
import { assertPromiseKept } from '../harness/chaos-story.ts';

test('a gateway stopped under load ends with 0 in time, loses nothing and sends nothing twice', async () => {
  const chaos = new Chaos();
  try {
    await chaos.prepare();
    await chaos.start();
    let stops = 0;
    const loading = chaos.load(16, () => stops === 2 && chaos.accepted >= 200);
    for (const accepted of [60, 120]) {
      await chaos.acceptedAtLeast(accepted);
      const { code, tookMs } = await chaos.stop();
      assert.equal(code, 0);
      assert.ok(tookMs < 10_000, `${tookMs} ms`);
      await chaos.start();
      stops += 1;
    }
    await loading;
    const report = await chaos.report();
    assertPromiseKept(report);
    assert.equal(report.duplicates, 0, JSON.stringify(report));
    assert.equal(report.uncertain, 0, JSON.stringify(report));
  } finally {
    chaos.close();
  }
});
