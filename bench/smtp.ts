/**
 * Durable, policy-checked accepts over SMTP as a multiple of Postfix accepting the same mails and dropping them: both over kept
 * connections, on the same cores, in turn, in one run. Where Postfix is not installed, only our own figures are printed.
 *
 *   node bench/smtp.ts [--seconds 7] [--rounds 3] [--connections 50]
 *
 * Each mail is a text and an HTML part of 2 KB in all, with an idempotency key, to another person than the last ones; Postfix
 * checks and signs nothing, and asks for no login.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostfix } from './rig/postfix.ts';
import { memoryOf, processorSeconds, smtpLoad, startGatewayProcess } from './rig/processes.ts';
import { prepareTenants } from './rig/tenants.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '7' },
    rounds: { type: 'string', default: '3' },
    connections: { type: 'string', default: '50' },
  },
});
const seconds = Number(values.seconds);
const connections = Number(values.connections);
const directory = mkdtempSync(join(tmpdir(), 'postern-bench-'));
const { keys } = await prepareTenants(directory, 50);
const postfix = await startPostfix(null, connections);
const gateway = await startGatewayProcess({
  POSTERN_DATA_DIR: directory,
  POSTERN_ROLE: 'api',
  POSTERN_SMTP_PORT: '0',
  POSTERN_LOG: 'error',
  BENCH_QUIET: '1',
});
let sent = 0;
const ofOurs = async (for_: number) => {
  const result = await smtpLoad({ port: gateway.smtpPort, connections, seconds: for_, keys, from: sent });
  sent += result.count;
  return result;
};
const ofTheirs = (for_: number) => smtpLoad({ port: postfix!.port, connections, seconds: for_, keys: [], from: 0 });

try {
  if (postfix === null) console.log('Postfix not installed (or not root): nothing to compare with');
  // Both run warm: what is measured is the steady state, not compilation.
  else await ofTheirs(2);
  await ofOurs(5);
  const ratios: number[] = [];
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    const base = postfix === null ? null : await ofTheirs(seconds);
    const before = processorSeconds(gateway.child.pid!);
    const ours = await ofOurs(seconds);
    const micros = ((processorSeconds(gateway.child.pid!) - before) * 1e6) / ours.count;
    const memory = memoryOf(gateway.child.pid!);
    const ratio = base === null ? null : ours.perSecond / base.perSecond;
    if (ratio !== null) ratios.push(ratio);
    console.log(
      [
        `round ${round}: ${ours.perSecond.toFixed(0)} accepts/s${base === null ? '' : `, Postfix ${base.perSecond.toFixed(0)}/s, ratio ${ratio!.toFixed(2)}`}`,
        `  p50 ${ours.p50Ms.toFixed(1)} ms, p99 ${ours.p99Ms.toFixed(1)} ms${base === null ? '' : ` (Postfix ${base.p50Ms.toFixed(1)} and ${base.p99Ms.toFixed(1)} ms)`}`,
        `  processor µs a message, all threads: ${micros.toFixed(0)}; load generator ${((ours.cpuSeconds * 1e6) / ours.count).toFixed(0)}`,
        `  memory ${memory.residentMb.toFixed(0)} MB resident, ${memory.peakMb.toFixed(0)} MB peak`,
      ].join('\n'),
    );
    for (const result of [ours, base]) {
      if (result !== null && Object.keys(result.refused).length > 0)
        console.log(`  REFUSED: ${JSON.stringify(result.refused)}`);
    }
  }
  ratios.sort((a, b) => a - b);
  if (ratios.length > 0)
    console.log(`smtp: median ratio ${ratios[Math.floor(ratios.length / 2)]!.toFixed(2)} (bar 2, goal 4)`);
} finally {
  await gateway.stop();
  postfix?.stop();
  rmSync(directory, { recursive: true, force: true });
}
