/**
 * `npm test`: every test but the long ones (`test/chaos/long`), in Node's own runner, whose closing lines and exit code are
 * its own. `npm test -- test/policy` runs what lies below the paths given.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

/** A guard against tests that hang, not a bound on good ones. */
const HANGS_AFTER_MS = 300_000;
const ROOT = dirname(import.meta.dirname);

function testFiles(below: readonly string[]): string[] {
  return readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .map((path) => `test/${path.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.test.ts') && !path.startsWith('test/chaos/long/'))
    .filter((path) => below.length === 0 || below.some((start) => path.startsWith(start)))
    .sort();
}

const files = testFiles(process.argv.slice(2));
if (files.length === 0) {
  console.error(`No tests lie below ${process.argv.slice(2).join(', ')}.`);
  process.exit(1);
}
const options = [
  '--test',
  `--test-concurrency=${Math.min(4, Math.max(2, availableParallelism()))}`,
  `--test-timeout=${HANGS_AFTER_MS}`,
];
const runner = spawn(process.execPath, [...options, ...files], { cwd: ROOT, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => runner.kill(signal));
runner.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
