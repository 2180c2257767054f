/** What the pages for Molted's and Sendmux's clients say of reasons is what the interfaces do. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { REASON_CODES, REASONS, type ReasonCode } from '../../src/core/reasons.ts';
import { MOLTED_ORDER, MOLTED_WORDS } from '../../src/intake/faces/molted/words.ts';
import { isRetryable, SENDMUX_WORDS } from '../../src/intake/faces/sendmux/words.ts';

/** The rows of the table under "Words", cell by cell. */
function tableOf(name: string): string[][] {
  const text = readFileSync(new URL(`../../docs/compat/${name}.md`, import.meta.url), 'utf8');
  const rows = text
    .slice(text.indexOf('## Words'))
    .split('\n')
    .filter((line) => line.startsWith('| '));
  return rows.slice(2).map((row) => row.slice(2, -2).split(' | '));
}

const named = (cell: string): string[] => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code!);
const isReason = (code: string): code is ReasonCode => Object.hasOwn(REASONS, code);

test('the page of Molted names every reason that blocks, in the order in which they fail', () => {
  const rows = tableOf('molted').map(([word, reasons]) => [named(word!)[0]!, named(reasons!)] as const);
  assert.deepEqual(
    rows.map(([word]) => word),
    [...MOLTED_ORDER],
  );
  for (const [word, reasons] of rows) {
    const known = REASON_CODES.filter(
      (code) => MOLTED_WORDS[code].word === word && !code.startsWith('idempotency_') && !code.startsWith('request_'),
    );
    assert.deepEqual(reasons, known, word);
  }
});

test('the page of Sendmux names every reason that has a status under its code', () => {
  const told = new Set<string>();
  for (const [http, word, retryable, reasons] of tableOf('sendmux')) {
    const code = named(word!)[0]!;
    assert.equal(retryable, isRetryable(code) ? 'yes' : 'no', code);
    for (const reason of named(reasons!).filter(isReason)) {
      const { http: status, word: said } = SENDMUX_WORDS[reason];
      if (said === code) assert.deepEqual([reason, String(status)], [reason, http]);
      else assert.ok(['not_found', 'missing_parameter'].includes(code), `${reason} under ${code}`);
      if (said === code) told.add(reason);
    }
  }
  // Two statuses of HTTP itself, of which its pages say nothing.
  const absent = ['method_not_allowed', 'request_timeout'];
  const missing = REASON_CODES.filter((code) => REASONS[code].http !== null && !told.has(code));
  assert.deepEqual(missing, absent);
});
