/**
 * How well the risk score judges: 41 kinds of accounts, each made anew from every seed, judged by the yardstick of
 * `traffic/judge.ts` under the default policy. `--seeds N` (default 3), `--from N` (default 1), `--only a,b`, `--all` prints every account.
 *
 * Exits 1 when an account is misjudged.
 */
import { parseArgs } from 'node:util';
import { describe, judge } from './traffic/judge.ts';
import { makeTraffic } from './traffic/make.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    from: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    all: { type: 'boolean', default: false },
  },
});
const only = values.only === '' ? null : values.only.split(',');
const first = Number(values.from);
let accounts = 0;
let misjudged = 0;
let lines = 0;
const began = performance.now();
for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
  for (const traffic of makeTraffic(seed, only)) {
    lines += traffic.lines.length;
    for (const one of judge(traffic.lines, new Map([[traffic.tenant, traffic.label]]))) {
      accounts += 1;
      if (one.faults.length > 0) misjudged += 1;
      if (values.all || one.faults.length > 0) console.log(describe(one));
    }
  }
}
const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(`${accounts} accounts, ${misjudged} misjudged; ${lines} lines in ${seconds} s`);
if (misjudged > 0) process.exitCode = 1;
