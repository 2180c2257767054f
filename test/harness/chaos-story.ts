/** The story of the kill tests, short and long: load, kills at random moments, restarts, and the reckoning. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Chaos, type Report } from './chaos.ts';

/** Kills the gateway so often under load, each time after so many more messages were accepted. */
export async function killUnderLoad(kills: number, acceptedEach: number, clients: number): Promise<Report> {
  const chaos = new Chaos();
  try {
    await chaos.prepare();
    await chaos.start();
    const target = kills * acceptedEach;
    const loading = chaos.load(clients, () => chaos.accepted >= target + acceptedEach / 2);
    for (let kill = 1; kill <= kills; kill++) {
      await chaos.acceptedAtLeast(kill * acceptedEach);
      await pause(Math.random() * 50);
      await chaos.kill();
      await chaos.start();
    }
    await loading;
    return await chaos.report();
  } finally {
    chaos.close();
  }
}

/** What must hold after any fault. */
export function assertPromiseKept(report: Report): void {
  const told = JSON.stringify(report);
  assert.deepEqual(report.refused, [], told);
  assert.deepEqual(report.lost, [], told);
  assert.deepEqual(report.doubled, [], told);
  assert.deepEqual(report.unmarked, [], told);
  assert.ok(report.duplicates <= report.uncertain, told);
  assert.deepEqual(Object.keys(report.states), ['delivered'], told);
}
