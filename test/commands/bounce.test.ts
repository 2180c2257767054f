import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { runCommand } from '../harness/command.ts';
import { FOLDER } from '../returns/sample.ts';

const BOUNCE = `${FOLDER}bsd/lhost-exim-02.eml`;
const VACATION = `${FOLDER}bsd/rfc3834-01.eml`;

test('bounce classify prints one line of JSON for each file, in their order', async () => {
  const { code, out } = await runCommand(tmpdir(), ['bounce', 'classify', '--json', VACATION, BOUNCE]);
  assert.equal(code, 0);
  const [vacation, bounce, ...rest] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(rest, []);
  assert.deepEqual([vacation.file, vacation.kind], [VACATION, 'auto_reply']);
  assert.deepEqual(Object.keys(bounce), ['file', 'kind', 'recipients']);
  assert.deepEqual(bounce.recipients[0], {
    email: 'kijitora@example.jp',
    class: 'unknown_user',
    status: '5.1.1',
    action: 'failed',
    hard: true,
    suppress: true,
  });
});

test('bounce classify keeps the line of a file that cannot be read, and ends with 1', async () => {
  const { code, out, error } = await runCommand(tmpdir(), ['bounce', 'classify', '--json', '/nowhere/x.eml', VACATION]);
  assert.equal(code, 1);
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map((line) => line.kind),
    [null, 'auto_reply'],
  );
  assert.match(error, /x\.eml cannot be read/);
});

test('bounce classify says it in words without --json', async () => {
  const { out } = await runCommand(tmpdir(), ['bounce', 'classify', BOUNCE]);
  assert.match(out, /: bounce\n {2}kijitora@example\.jp: failed, unknown_user, 5\.1\.1, hard, suppress\n/);
});

for (const args of [['bounce'], ['bounce', 'classify'], ['bounce', 'eat', 'x']]) {
  test(`postern ${args.join(' ')} is wrong usage`, async () => {
    assert.equal((await runCommand(tmpdir(), args)).code, 2);
  });
}
