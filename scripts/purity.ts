/** What `core` and `policy` never touch: clocks, randomness, the process, the network, waiting. And they catch nothing. */
import { readSource } from './source-code.ts';

const IMPURE: readonly [what: string, pattern: RegExp][] = [
  ['reads a clock', /\bDate\s*\.\s*now\b|\bnew\s+Date\s*\(\s*\)|\bDate\s*\(\s*\)|\bperformance\b/],
  ['is random', /\bMath\s*\.\s*random\b|\bcrypto\b/],
  ['touches the process', /\bprocess\b|\bglobalThis\b|\brequire\b/],
  ['reaches the network', /\bfetch\b|\bWebSocket\b/],
  ['waits', /\bawait\b|\basync\b|\bPromise\b|\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/],
  ['catches', /\bcatch\b/],
  [
    'uses a floating-point function whose last bit may differ',
    /\bMath\s*\.\s*(?:exp|log\w*|pow|sin|cos|tan|sinh|cosh|tanh)\b/,
  ],
];

/** What makes a module impure, as `line: what`. */
export function impurities(text: string): string[] {
  return readSource(text)
    .code.split('\n')
    .flatMap((line, i) => IMPURE.filter(([, pattern]) => pattern.test(line)).map(([what]) => `line ${i + 1} ${what}`));
}
