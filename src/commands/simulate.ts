/** `postern simulate`: a traffic file run through a policy, without a gateway and without a data folder. */
import { createReadStream, readFileSync, statSync } from 'node:fs';
import { draftPolicy, readDraft } from '../simulate/draft.ts';
import { ResultFile } from '../simulate/result-file.ts';
import { resultBody, type SummaryBody } from '../simulate/summary.ts';
import { type RunResult, runTraffic } from '../simulate/traffic-run.ts';
import { EXIT_DONE, EXIT_FAILED, EXIT_USAGE } from './exit-codes.ts';
import { failed, readOptions, usage } from './options.ts';

const HELP = `Usage: postern simulate TRAFFIC.jsonl [--policy POLICY.json] [OPTIONS]

Runs a file of past traffic through a policy and says what it would have done. Nothing is sent and no gateway is needed.
Each line of the file is a send or something that came back, in order of time; - reads standard input.

  --policy PATH       the policy to try, over the defaults; without it the defaults alone
  --against PATH      another policy to compare the verdicts with
  --out PATH          one line of JSON for each send
  --on-error stop|skip  what a line that cannot be read does; default stop
  --json              the totals as JSON

Exit codes: 0 done, 1 a file cannot be opened or written, 2 wrong usage, policy or line.
`;

const OPTIONS = {
  policy: { type: 'string' },
  against: { type: 'string' },
  out: { type: 'string' },
  'on-error': { type: 'string' },
} as const;

type Values = Record<string, string | boolean | string[] | undefined>;

export async function simulateCommand(args: string[]): Promise<number> {
  const given = readOptions(args, OPTIONS, HELP);
  if (typeof given === 'number') return given;
  const { values, positionals } = given;
  const [path] = positionals;
  if (path === undefined || positionals.length > 1)
    return usage('name one file of traffic, or - for standard input.', HELP);
  const onError = values['on-error'] ?? 'stop';
  if (onError !== 'stop' && onError !== 'skip') return usage('--on-error must be stop or skip.', HELP);
  const policy = policyAt(values, 'policy');
  if (typeof policy === 'number') return policy;
  const against = policyAt(values, 'against');
  if (typeof against === 'number') return against;
  try {
    const run = { policy: draftPolicy(policy ?? {}), against: against === null ? null : draftPolicy(against), onError };
    const result = await runFile(path, run as Run, typeof values['out'] === 'string' ? values['out'] : null);
    return report(result, values['json'] === true);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error), EXIT_FAILED);
  }
}

type Run = Pick<Parameters<typeof runTraffic>[0], 'policy' | 'against' | 'onError'>;
type Draft = Parameters<typeof draftPolicy>[0];

/** The document an option names, null where it names none, an exit code where it cannot be used. */
function policyAt(values: Values, name: 'policy' | 'against'): Draft | null | number {
  const path = values[name];
  if (typeof path !== 'string') return null;
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    return failed(`--${name} cannot be read: ${(error as Error).message}`, EXIT_FAILED);
  }
  const reading = readDraft(bytes);
  if (reading.ok) return reading.document;
  const issues = reading.issues.map(({ param, message }) => `  ${param === '' ? 'the document' : param}: ${message}`);
  return failed(`the policy in ${path} is not valid:\n${issues.join('\n')}`, EXIT_USAGE);
}

async function runFile(path: string, run: Run, out: string | null): Promise<RunResult> {
  const size = path === '-' ? null : statSync(path).size;
  const chunks = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: 1024 * 1024 });
  const results = out === null ? null : new ResultFile(out);
  const progress = new Progress(size);
  try {
    return await runTraffic({
      ...run,
      chunks,
      onResult: (send) => results?.add(resultBody(send)),
      onProgress: (bytes, sends) => progress.show(bytes, sends),
    });
  } finally {
    results?.close();
    progress.end();
  }
}

/** A line that is written over itself, on a terminal alone. */
class Progress {
  private readonly size: number | null;
  private readonly isShown = process.stderr.isTTY === true;
  private last = 0;

  constructor(size: number | null) {
    this.size = size;
  }

  show(bytes: number, sends: number): void {
    const now = performance.now();
    if (!this.isShown || now - this.last < 200) return;
    this.last = now;
    const share = this.size === null || this.size === 0 ? '' : `${Math.floor((bytes / this.size) * 100)} %, `;
    process.stderr.write(`\r${share}${sends} sends decided `);
  }

  end(): void {
    if (this.last > 0) process.stderr.write('\r\u001b[K');
  }
}

function report(result: RunResult, json: boolean): number {
  const { summary } = result;
  if (json) {
    const fault = result.ok ? {} : { stopped_at: { line: result.line, message: result.message } };
    process.stdout.write(`${JSON.stringify({ ...summary, ...fault })}\n`);
  } else process.stdout.write(summaryText(summary));
  if (result.ok) return EXIT_DONE;
  return failed(`line ${result.line}: ${result.message}. Nothing after it was read.`, EXIT_USAGE);
}

function summaryText(summary: SummaryBody): string {
  const { totals, skipped, changed, tenants } = summary;
  const text = [
    `${totals.sends} sends in ${totals.lines} lines, from ${totals.first_at ?? '-'} to ${totals.last_at ?? '-'}`,
  ];
  text.push(...section('Verdicts', totals.verdicts), ...section('Reasons', totals.reasons));
  text.push(...section('Warnings', totals.warnings));
  if (changed.count > 0) {
    text.push('', `Changed: ${changed.count}`);
    for (const kind of changed.kinds) {
      const codes = [...kind.added.map((code) => `+${code}`), ...kind.removed.map((code) => `-${code}`)].join(' ');
      text.push(`  ${String(kind.count).padStart(9)}  ${kind.from} → ${kind.to}  ${codes}`);
    }
  }
  const stopped = tenants.filter((one) => one.first_warning !== null || one.first_block !== null);
  if (stopped.length > 0) text.push('', 'First warning and first block');
  for (const one of stopped) {
    text.push(`  ${one.tenant}: ${firstText(one.first_warning)}; ${firstText(one.first_block)}`);
  }
  if (skipped.count > 0) text.push('', `Passed over: ${skipped.count} lines`);
  for (const { line, message } of skipped.lines.slice(0, 10)) text.push(`  line ${line}: ${message}`);
  return `${text.join('\n')}\n`;
}

function firstText(first: SummaryBody['tenants'][number]['first_warning']): string {
  return first === null ? 'none' : `${first.at} ${first.codes.join(', ')} (${first.id})`;
}

function section(title: string, counts: Record<string, number>): string[] {
  const rows = Object.entries(counts);
  if (rows.length === 0) return [];
  return ['', title, ...rows.map(([name, n]) => `  ${String(n).padStart(9)}  ${name}`)];
}
