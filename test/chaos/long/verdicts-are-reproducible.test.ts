import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestGateway } from '../../harness/gateway.ts';
import { decideAllAgain, mixedLoad } from '../../harness/mixed-load.ts';

test('ten thousand stored verdicts of all kinds come out the same to the byte when they are decided again', async () => {
  const gateway = await startTestGateway({ POSTERN_ROLE: 'api' });
  try {
    await mixedLoad(gateway, 12_000, 7);
    const { verdicts, codes, differing } = await decideAllAgain(gateway, 10_000, 7);
    console.log(`${verdicts} verdicts; reasons and warnings: ${[...codes].sort().join(', ')}`);
    assert.deepEqual(differing, []);
    assert.ok(verdicts >= 10_000);
  } finally {
    await gateway.stop();
  }
});
