/**
 * `postern simulate` over a million lines: seconds, lines a second and the peak of its memory. The file is made here, the
 * same for the same seed: sixty accounts of several kinds, bodies of 100 to 600 characters, replies and bounces between the
 * sends. `--lines N` (default 1,000,000), `--seed N`, `--keep PATH` keeps the file.
 *
 * Exits 1 above 60 s or 512 MB.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EIGHT_LIMITS } from './rig/tenants.ts';

const BAR_SECONDS = 60;
const BAR_MB = 512;
const START = Date.UTC(2026, 0, 5);
const ACCOUNTS = 60;

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'string' },
  },
});
const lines = Number(values.lines);

/** A linear congruential generator (Numerical Recipes): numbers below `below`. */
let seed = Number(values.seed) >>> 0;
function random(below: number): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 4_294_967_296) * below);
}

const WORDS =
  'invoice meeting tomorrow please find attached the quote for your order number and let us know whether it suits thanks again code expires in ten minutes report week numbers team update call with customer about delivery monday room change cancelled new address link account'.split(
    ' ',
  );

function words(count: number): string {
  const text: string[] = [];
  for (let n = 0; n < count; n += 1) text.push(WORDS[random(WORDS.length)]!);
  return text.join(' ');
}

const BODIES = Array.from({ length: 400 }, () => words(15 + random(75)));

function writeTraffic(path: string): void {
  const file = openSync(path, 'w');
  let piece = '';
  let at = START;
  for (let n = 0; n < lines; n += 1) {
    at += random(5000);
    piece += `${JSON.stringify(lineAt(n, at))}\n`;
    if (piece.length > 1 << 20 || n === lines - 1) {
      writeSync(file, piece);
      piece = '';
    }
  }
  closeSync(file);
}

function lineAt(n: number, ms: number): object {
  const at = new Date(ms).toISOString();
  const account = random(ACCOUNTS);
  const tenant = `account-${account}`;
  const person = `person${random(4000)}@mail${random(40)}.example`;
  const what = random(100);
  if (what < 3) return { at, kind: 'reply', tenant, from: person };
  if (what === 3) return { at, kind: 'bounce', tenant, from: person, class: 'mailbox_full' };
  const body = `Hello ${person.slice(0, 9)}, ${BODIES[(account * 7 + random(12)) % BODIES.length]!} ${words(8)}.`;
  const from = `sender@account${account}.example`;
  return { at, kind: 'send', id: `s${n}`, tenant, from, to: [person], subject: words(4), text: body };
}

type Figures = { seconds: number; peakMb: number; code: number | null; out: string };

function simulate(path: string, policy: string, out: string): Promise<Figures> {
  const began = performance.now();
  const command = join(import.meta.dirname, '..', 'bin', 'postern');
  const child = spawn(command, ['simulate', path, '--policy', policy, '--out', out, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let peakKb = 0;
  const look = setInterval(() => {
    peakKb = Math.max(peakKb, peakOf(child.pid!));
  }, 100);
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  return new Promise((resolve) =>
    child.once('close', (code) => {
      clearInterval(look);
      resolve({ seconds: (performance.now() - began) / 1000, peakMb: peakKb / 1024, code, out: text });
    }),
  );
}

/** The most memory the process had so far, in kB, as Linux counts it. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'postern-bench-simulate-'));
try {
  const path = values.keep ?? join(folder, 'traffic.jsonl');
  const policy = join(folder, 'policy.json');
  writeTraffic(path);
  writeFileSync(policy, JSON.stringify({ limits: EIGHT_LIMITS }));
  const megabytes = Math.round(statSync(path).size / 1e6);
  const { seconds, peakMb, code, out } = await simulate(path, policy, join(folder, 'results.jsonl'));
  const { totals } = JSON.parse(out) as {
    totals: { sends: number; verdicts: object; reasons: object; warnings: object };
  };
  console.log(
    `${lines} lines (${megabytes} MB, ${totals.sends} sends): ${seconds.toFixed(1)} s, ${Math.round(lines / seconds)} lines/s, ` +
      `peak ${Math.round(peakMb)} MB; the bars are ${BAR_SECONDS} s and ${BAR_MB} MB`,
  );
  console.log(JSON.stringify({ verdicts: totals.verdicts, reasons: totals.reasons, warnings: totals.warnings }));
  if (code !== 0 || seconds > BAR_SECONDS || peakMb > BAR_MB) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
