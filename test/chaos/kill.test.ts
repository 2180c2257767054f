/** The gateway killed under load: nothing accepted is lost, and nothing comes twice without saying so. */
import { test } from 'node:test';
import { assertPromiseKept, killUnderLoad } from '../harness/chaos-story.ts';

test('two kills under load lose nothing, double no message and mark what may come twice', async () => {
  assertPromiseKept(await killUnderLoad(2, 80, 16));
});
