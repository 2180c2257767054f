/**
 * Resident memory of a gateway after its first 100,000 accepted messages, and how it goes on over the next `--more N` (default
 * 400,000): messages to ever new people with ever new keys, as a long-running gateway sees them. Prints the figures, and ends
 * with 1 where the first is over its bar.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { load, memoryOf, startGatewayProcess } from './rig/processes.ts';
import { prepareTenants, sendRequests } from './rig/tenants.ts';

const FIRST = 100_000;
const BAR_MB = 320;
const STEP_SECONDS = 5;

const { values } = parseArgs({
  options: { more: { type: 'string', default: '400000' }, connections: { type: 'string', default: '64' } },
});
const directory = mkdtempSync(join(tmpdir(), 'postern-bench-'));
const { keys } = await prepareTenants(directory, 50);
const gateway = await startGatewayProcess({
  POSTERN_DATA_DIR: directory,
  POSTERN_ROLE: 'api',
  POSTERN_LOG: 'error',
  BENCH_QUIET: '1',
});

let accepted = 0;
let other = 0;
const refused: Record<string, number> = {};
/** Accepted messages and megabytes, step by step. */
const samples: [count: number, megabytes: number][] = [];

async function step(): Promise<void> {
  // Other people each time, of names as long: contacts and keys that the store has not seen.
  const people = `p${String(samples.length).padStart(5, '0')}`;
  const requests = sendRequests(keys, 20_000, 10_000_000, true).map((text) => text.replace('person', people));
  const { statuses } = await load({
    port: gateway.port,
    connections: Number(values.connections),
    seconds: STEP_SECONDS,
    requests,
    numbered: true,
  });
  for (const [status, count] of Object.entries(statuses)) {
    if (status === '202') accepted += count;
    else {
      other += count;
      refused[status] = (refused[status] ?? 0) + count;
    }
  }
  if (accepted === 0) throw new Error(`nothing was accepted: ${JSON.stringify(refused)}`);
  const { residentMb } = memoryOf(gateway.child.pid!);
  samples.push([accepted, residentMb]);
  console.log(`${accepted} accepted: ${residentMb.toFixed(0)} MB`);
}

/** Megabytes per 100,000 messages, by least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
  const x = mean(points.map(([count]) => count));
  const y = mean(points.map(([, megabytes]) => megabytes));
  const over = points.reduce((sum, [count, megabytes]) => sum + (count - x) * (megabytes - y), 0);
  const under = points.reduce((sum, [count]) => sum + (count - x) ** 2, 0);
  return under === 0 ? 0 : (over / under) * 100_000;
}

while (accepted < FIRST) await step();
const first = samples.at(-1)![1];
const from = samples.length - 1;
while (accepted < FIRST + Number(values.more)) await step();
const { peakMb } = memoryOf(gateway.child.pid!);
if (other > 0) console.log(`REFUSED: ${JSON.stringify(refused)}`);
console.log(
  `memory: ${first.toFixed(0)} MB after ${samples[from]![0]} messages (bar ${BAR_MB}), peak ${peakMb.toFixed(0)} MB`,
);
if (samples.length > from + 2) {
  const last = samples.slice(Math.floor((from + samples.length) / 2));
  console.log(
    `slope: ${slope(samples.slice(from)).toFixed(1)} MB per 100,000 over the next ${accepted - samples[from]![0]}, ${slope(last).toFixed(1)} over the last ${last.at(-1)![0] - last[0]![0]}`,
  );
}
await gateway.stop();
rmSync(directory, { recursive: true, force: true });
if (first > BAR_MB) process.exitCode = 1;
