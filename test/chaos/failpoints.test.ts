/** The process ended at each named point, once: what it had promised is kept, and only an answered dot may come twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Failpoint } from '../../src/base/failpoint.ts';
import { Chaos, type Report } from '../harness/chaos.ts';
import { assertPromiseKept } from '../harness/chaos-story.ts';

/** One delivery at a time, so that at the point nothing else is behind its dot. */
async function dieAt(failpoint: string, text = 'It works.'): Promise<Report> {
  const chaos = new Chaos({ connections: 1, text });
  try {
    await chaos.prepare();
    await chaos.start(failpoint);
    const loading = chaos.load(4, () => chaos.accepted >= 12);
    await chaos.died();
    await chaos.start();
    await loading;
    return await chaos.report();
  } finally {
    chaos.close();
  }
}

const LARGE = 'A line of sixty-four octets, so that it is not folded anywhere.\n'.repeat(2000);

const cases: [point: Failpoint, text?: string][] = [
  ['before-claim'],
  ['after-claim'],
  ['after-mail'],
  ['mid-body', LARGE],
  ['before-dot'],
  ['after-dot'],
  ['after-250'],
  ['before-commit'],
  ['after-commit'],
];
const MAY_COME_TWICE: readonly Failpoint[] = ['after-dot', 'after-250'];

for (const [point, text] of cases) {
  test(`a process that ends at "${point}" keeps its promises`, async () => {
    const report = await dieAt(point, text);
    assertPromiseKept(report);
    if (!MAY_COME_TWICE.includes(point)) assert.equal(report.duplicates, 0, JSON.stringify(report));
  });
}

test('a process that ends before it stored an answer to a dot sends again, marked', async () => {
  const report = await dieAt('after-250');
  assertPromiseKept(report);
  assert.equal(report.duplicates, 1, JSON.stringify(report));
});
