import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { runCommand } from '../harness/command.ts';

const LINES = [0, 1, 2, 3, 4].map((n) =>
  JSON.stringify({
    at: `2026-03-01T09:0${n}:00Z`,
    kind: 'send',
    id: `s${n}`,
    from: 'a@x.example',
    to: [`p${n}@y.example`],
    subject: `Order ${n}`,
    text: `Your order ${n} is on its way to you.`,
  }),
);

describe('postern simulate', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-simulate-'));
  const at = (name: string): string => join(folder, name);
  const write = (name: string, text: string): string => {
    writeFileSync(at(name), text);
    return at(name);
  };
  after(() => rmSync(folder, { recursive: true, force: true }));
  // No gateway runs, and the data folder that the command would use does not exist.
  const run = (args: string[]) => runCommand(at('no-data'), ['simulate', ...args]);

  test('says what a policy would have done, and writes a line for each send', async () => {
    const traffic = write('traffic.jsonl', LINES.join('\n'));
    const policy = write(
      'policy.json',
      JSON.stringify({ limits: [{ name: 'daily', scope: 'tenant', window: 'calendar_day', max: 3 }] }),
    );
    const { code, out } = await run([traffic, '--policy', policy, '--out', at('out.jsonl'), '--json']);
    assert.equal(code, 0);
    const { totals, tenants } = JSON.parse(out);
    assert.deepEqual(totals.verdicts, { accept: 3, block: 2 });
    assert.deepEqual(totals.reasons, { daily_quota_exceeded: 2 });
    assert.equal(tenants[0].tenant, 'default');
    const results = readFileSync(at('out.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(results.length, 5);
    assert.deepEqual(Object.keys(results[4]), ['id', 'at', 'tenant', 'verdict', 'reasons', 'warnings', 'risk']);
    assert.deepEqual(results[4].reasons, ['daily_quota_exceeded']);
    const text = await run([traffic, '--policy', policy, '--against', write('none.json', '{}')]);
    assert.equal(text.code, 0);
    assert.match(text.out, /5 sends in 5 lines/);
    assert.match(text.out, /2 {2}accept → block {2}\+daily_quota_exceeded/);
  });

  test('stops at a line that cannot be read and names it, or goes on where it is told to', async () => {
    const traffic = write('bad.jsonl', [LINES[0], '{"kind":"send"}', LINES[1]].join('\n'));
    const stopped = await run([traffic]);
    assert.equal(stopped.code, 2);
    assert.match(stopped.error, /line 2: "at" is not a time/);
    const went = await run([traffic, '--on-error', 'skip', '--json']);
    assert.equal(went.code, 0);
    assert.deepEqual(JSON.parse(went.out).skipped, {
      count: 1,
      lines: [{ line: 2, message: '"at" is not a time as RFC 3339 has it' }],
    });
  });

  test('refuses a faulty policy whole, with every fault and its place', async () => {
    const policy = write(
      'faulty.json',
      JSON.stringify({ limits: [{ name: 'x', scope: 'moon', window: 'soon', max: 1 }], more: 1 }),
    );
    const { code, error } = await run([write('one.jsonl', LINES[0]!), '--policy', policy]);
    assert.equal(code, 2);
    for (const place of ['limits[0].scope', 'limits[0].window', 'more'])
      assert.ok(error.includes(`  ${place}: `), place);
  });

  test('tells apart what is not there from what is used wrongly', async () => {
    assert.equal((await run([at('nowhere.jsonl')])).code, 1);
    assert.equal((await run([])).code, 2);
    assert.equal((await run(['a', '--on-error', 'shrug'])).code, 2);
    assert.equal((await run(['--help'])).code, 0);
  });
});
