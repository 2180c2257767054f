/**
 * Durable, policy-checked accepts over HTTP as a share of bare Fastify that validates and echoes the same body: both on the
 * same cores, in turn, in one run. `--seconds N` a round (default 8), `--rounds N` (default 3), `--plain` without idempotency
 * keys.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  firstMessage,
  load,
  memoryOf,
  processorSeconds,
  startGatewayProcess,
  startScript,
  writtenBy,
} from './rig/processes.ts';
import { prepareTenants, sendRequests } from './rig/tenants.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '64' },
    plain: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const connections = Number(values.connections);
const directory = mkdtempSync(join(tmpdir(), 'postern-bench-'));
const { keys } = await prepareTenants(directory, 50);
// 100,000 contacts in all, each written to again only when its tenant has written to all the others, and with another text: an account
// that sends the same to the same people many times a minute is warned in every answer, which is not what is measured here.
const TURNS = { tenants: 50, people: 1999 };
const requests = sendRequests(keys, 20_000, null, !values.plain);
const floor = startScript('./floor.ts');
const { port: floorPort } = await firstMessage<{ port: number }>(floor);
const gateway = await startGatewayProcess({
  POSTERN_DATA_DIR: directory,
  POSTERN_ROLE: 'api',
  POSTERN_LOG: 'error',
  BENCH_QUIET: '1',
});
const figures = async (): Promise<Record<string, number>> => {
  const text = await (await fetch(`http://127.0.0.1:${gateway.port}/metrics`)).text();
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.startsWith('postern_'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
};
let sent = 0;
const run = async (port: number, for_: number) => {
  const turns = { ...TURNS, from: sent };
  const result = await load({ port, connections, seconds: for_, requests, numbered: !values.plain, turns });
  if (port === gateway.port) sent += result.count;
  return result;
};

// Both run warm: what is measured is the steady state, not compilation.
await run(floorPort, 3);
await run(gateway.port, 8);
const ratios: number[] = [];
for (let round = 1; round <= Number(values.rounds); round += 1) {
  const floorBefore = processorSeconds(floor.pid!);
  const base = await run(floorPort, seconds);
  const floorMicros = ((processorSeconds(floor.pid!) - floorBefore) * 1e6) / base.count;
  const before = await figures();
  const written = writtenBy(gateway.child.pid!);
  const cpuBefore = processorSeconds(gateway.child.pid!);
  const ours = await run(gateway.port, seconds);
  const micros = ((processorSeconds(gateway.child.pid!) - cpuBefore) * 1e6) / ours.count;
  const after = await figures();
  const delta = (name: string): number => (after[name] ?? 0) - (before[name] ?? 0);
  const accepted = ours.statuses['202'] ?? 0;
  const refused = ours.count - accepted;
  const groups = delta('postern_store_groups_total');
  const memory = memoryOf(gateway.child.pid!);
  const part = (name: string): string => (delta(`postern_store_micros_total{part="${name}"}`) / accepted).toFixed(1);
  ratios.push(ours.perSecond / base.perSecond);
  console.log(
    [
      `round ${round}: ${ours.perSecond.toFixed(0)} accepts/s, floor ${base.perSecond.toFixed(0)}/s, ratio ${(ours.perSecond / base.perSecond).toFixed(3)}`,
      `  p50 ${ours.p50Ms.toFixed(1)} ms, p99 ${ours.p99Ms.toFixed(1)} ms (floor ${base.p50Ms.toFixed(1)} and ${base.p99Ms.toFixed(1)} ms); refused ${refused}`,
      `  groups ${groups}, ${(accepted / Math.max(1, groups)).toFixed(1)} calls a group; writer µs a message: decide ${part('decide')}, write ${part('write')}, commit ${part('commit')}`,
      `  HTTP thread µs a message: parse ${part('parse')}, answer ${part('answer')}`,
      `  processor µs a request, all threads: ${micros.toFixed(0)} (floor ${floorMicros.toFixed(0)})`,
      `  written ${((writtenBy(gateway.child.pid!) - written) / accepted / 1024).toFixed(1)} KB an accept, ${(groups / accepted).toFixed(3)} flushes an accept`,
      `  memory ${memory.residentMb.toFixed(0)} MB resident, ${memory.peakMb.toFixed(0)} MB peak; load generator ${ours.cpuSeconds.toFixed(1)} s of processor`,
    ].join('\n'),
  );
  if (refused > 0) console.log(`  REFUSED: ${JSON.stringify(ours.statuses)}`);
}
ratios.sort((a, b) => a - b);
console.log(
  `accept: median ratio ${ratios[Math.floor(ratios.length / 2)]!.toFixed(3)} of the floor (bar 0.35, goal 0.6)`,
);
await gateway.stop();
floor.kill();
rmSync(directory, { recursive: true, force: true });
