import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { runCommand, type Serving, startServing } from '../harness/command.ts';

function folder(): string {
  return mkdtempSync(join(tmpdir(), 'postern-command-'));
}

function shell(line: string): Promise<{ code: number | null; out: string }> {
  const child = spawn('bash', ['-c', line], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out })));
}

describe('a gateway that runs', () => {
  const directory = folder();
  let serving: Serving;
  before(async () => {
    serving = await startServing(directory);
  });
  after(async () => {
    assert.equal(await serving.stop(), 0, 'SIGTERM ends with 0');
    rmSync(directory, { recursive: true, force: true });
  });

  test('the first start prints two keys and a curl line that works as pasted', async () => {
    const text = await serving.said('"text":"It works."}');
    assert.match(text, /Live key {2}pst_live_[0-9A-Za-z]{55}\n/);
    assert.match(text, /Test key {2}pst_test_[0-9A-Za-z]{55}\n/);
    const line = text.split('\n').find((one) => one.startsWith('curl '));
    const { code, out } = await shell(line ?? 'false');
    assert.equal(code, 0);
    const answer = JSON.parse(out) as { id: string; status: string };
    assert.match(answer.id, /^msg_/);
    assert.equal(answer.status, 'accepted');
  });

  test('what opens the door is readable by its owner alone', () => {
    for (const name of ['operator.key', 'master.secret']) assert.equal(statSync(join(directory, name)).mode & 0o077, 0);
    assert.match(readFileSync(join(directory, 'operator.key'), 'utf8').trim(), /^pst_op_[A-Za-z0-9_]{32,}$/);
  });

  test('a second gateway on the same folder stops with one sentence', async () => {
    const { code, error } = await runCommand(directory, ['serve']);
    assert.equal(code, 1);
    assert.match(error, /^postern: The data folder \S+ is in use by another gateway: [^\n]+\.\n$/);
  });

  test('keys are created, work, are listed and revoked through the running gateway', async () => {
    const made = await runCommand(directory, ['keys', 'create', '--mode', 'test', '--name', 'second', '--json']);
    assert.equal(made.code, 0, made.error);
    const { id, key, scopes } = JSON.parse(made.out) as { id: string; key: string; scopes: string[] };
    assert.deepEqual(scopes, ['send', 'read', 'manage']);
    const send = () =>
      fetch(`${serving.listening.http}/v1/messages`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ to: 'bob@example.com', subject: 'x', text: 'y' }),
      });
    assert.equal((await send()).status, 202);
    const listed = await runCommand(directory, ['keys', 'list']);
    assert.ok(listed.out.includes(id) && listed.out.includes('second') && !listed.out.includes(key));
    assert.equal((await runCommand(directory, ['keys', 'revoke', id])).code, 0);
    assert.equal((await send()).status, 401, 'a revoked key stops at once');
    assert.equal((await runCommand(directory, ['keys', 'revoke', 'key_nonsense'])).code, 2);
  });

  test('send and check speak with exit codes: accepted, refused, wrong', async () => {
    const accepted = await runCommand(
      directory,
      ['send', '--mode', 'test', '--to', 'bob@example.com', '--subject', 'Hi', '--text', '-'],
      {},
      'from standard input',
    );
    assert.equal(accepted.code, 0, accepted.error);
    assert.match(accepted.out, /^msg_\w+ {2}accepted\n {2}bob@example\.com {2}accepted\n$/);
    const refused = [
      '--mode',
      'test',
      '--to',
      'blocked+suppressed@simulator.postern.test',
      '--subject',
      'Hi',
      '--text',
      'x',
    ];
    const told = await runCommand(directory, ['send', ...refused]);
    assert.equal(told.code, 3);
    assert.match(told.error, /^postern: suppressed: .* Do not retry.* Who can clear it: .*\nRecorded as msg_/);
    const foretold = await runCommand(directory, ['check', ...refused]);
    assert.match(
      foretold.error,
      /^postern: Every recipient would be refused\.\n- blocked.*: block\n {2}- suppressed: /,
    );
    const checked = await runCommand(directory, ['check', ...refused, '--json']);
    assert.equal(checked.code, 3);
    const verdict = JSON.parse(checked.out) as { verdict: string; recipients: { reasons: { code: string }[] }[] };
    assert.equal(verdict.verdict, 'block');
    assert.equal(verdict.recipients[0]?.reasons[0]?.code, 'suppressed');
    const wrong = await runCommand(directory, ['send', '--to', 'nobody']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.error, /to\[0\]\.email: .*subject: .*text: /);
  });

  test('the same idempotency key sends once', async () => {
    const args = [
      'send',
      '--mode',
      'test',
      '--to',
      'bob@example.com',
      '--subject',
      'Once',
      '--text',
      'x',
      '--idempotency-key',
      'k',
      '--json',
    ];
    const first = JSON.parse((await runCommand(directory, args)).out) as { id: string };
    const second = JSON.parse((await runCommand(directory, args)).out) as { id: string };
    assert.equal(first.id, second.id);
  });
});

describe('a folder that no gateway serves', () => {
  test('migrate makes the schema once, and keys can be made before the first start of a server that had one', async () => {
    const directory = folder();
    const first = await runCommand(directory, ['migrate', '--json']);
    assert.equal(first.code, 0, first.error);
    assert.ok((JSON.parse(first.out) as { applied: string[] }).applied.length >= 1);
    const again = await runCommand(directory, ['migrate']);
    assert.match(again.out, /^Nothing to do/);
    assert.equal((await runCommand(directory, ['keys', 'list'])).code, 2, 'there is no tenant yet');
    const serving = await startServing(directory);
    await serving.stop();
    const made = await runCommand(directory, ['keys', 'create', '--mode', 'live']);
    assert.match(made.out, /^pst_live_\w+\n$/);
    const sent = await runCommand(directory, ['send', '--to', 'bob@example.com', '--subject', 'Later', '--text', 'x']);
    assert.equal(sent.code, 0, sent.error);
    rmSync(directory, { recursive: true, force: true });
  });

  test('a wrong setting stops the start with one sentence that names it', async () => {
    const directory = folder();
    const { code, out, error } = await runCommand(directory, ['serve'], { POSTERN_PORT: 'eighty' });
    assert.equal(code, 1);
    assert.equal(out, '');
    assert.match(error, /^postern: POSTERN_PORT [^\n]+\.\n$/);
    rmSync(directory, { recursive: true, force: true });
  });
});

test('wrong usage is answered with help and exit code 2', async () => {
  const directory = folder();
  for (const args of [
    [],
    ['dance'],
    ['keys'],
    ['keys', 'create'],
    ['keys', 'create', '--mode', 'live', '--scopes', 'operate'],
    ['send', '--nonsense'],
  ]) {
    const { code, out, error } = await runCommand(directory, args);
    assert.equal(code, 2, args.join(' '));
    assert.match(out + error, /Usage: postern/);
  }
  for (const name of ['serve', 'migrate', 'send', 'check', 'keys']) {
    const { code, out } = await runCommand(directory, [name, '--help']);
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^Usage: postern ${name}`));
  }
  rmSync(directory, { recursive: true, force: true });
});
