import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { socketPath } from '../../src/base/data-lock.ts';
import { askRunning } from '../../src/control.ts';
import { runCommand } from '../harness/command.ts';
import { startTestGateway } from '../harness/gateway.ts';

const directory = mkdtempSync(join(tmpdir(), 'postern-secrets-'));
const server = new SMTPServer({
  disabledCommands: ['STARTTLS'],
  allowInsecureAuth: true,
  onAuth: ({ password }, _session, done) =>
    password === 'correct horse' ? done(null, { user: 'alice' }) : done(new Error('no')),
});

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
});
after(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

const secret = () => readFileSync(join(directory, 'master.secret'), 'utf8').trim();
const start = () => startTestGateway({ POSTERN_DATA_DIR: directory, POSTERN_PROVIDER_ALLOW: '127.0.0.0/8' });

test('a new secret is put in place under a running gateway, and in a folder that none serves', async () => {
  let gateway = await start();
  const key = gateway.testKey;
  const { port } = server.server.address() as AddressInfo;
  const tested = async (): Promise<boolean> =>
    (await gateway.fetchJson('POST', '/v1/providers/a/test', undefined, { key })).body.ok;
  const made = await gateway.fetchJson('POST', '/v1/providers', {
    ...{ name: 'a', url: `smtp://alice:correct%20horse@127.0.0.1:${port}` },
  });
  assert.equal(made.status, 201);
  assert.equal(await tested(), true);
  const dkim = await gateway.gateway.store.setting({ name: 'dkim:postern.localhost' });
  const first = secret();
  try {
    const reply = await askRunning(directory, { command: 'secrets.rotate', secret: null });
    assert.ok(reply?.ok, JSON.stringify(reply));
    assert.notEqual(secret(), first);
    assert.equal(await tested(), true, 'the gateway goes on with the new one');
    assert.notEqual(await gateway.gateway.store.setting({ name: 'dkim:postern.localhost' }), dkim);
  } finally {
    await gateway.stop();
  }
  const second = secret();
  const { code, out, error } = await runCommand(directory, ['secrets', 'rotate', '--json']);
  assert.equal(code, 0, error);
  const told = JSON.parse(out) as { version: number; secret: string | null; resealed: number };
  assert.deepEqual([told.version, told.secret, told.resealed], [3, null, 2]);
  assert.notEqual(secret(), second);
  assert.equal(statSync(join(directory, 'master.secret')).mode & 0o077, 0);
  gateway = await start();
  try {
    assert.equal(await tested(), true);
  } finally {
    await gateway.stop();
  }
});

test('wrong usage is told, and a secret that is too short', async () => {
  assert.equal((await runCommand(directory, ['secrets'])).code, 2);
  const short = await runCommand(directory, ['secrets', 'rotate', '--stdin'], {}, 'short\n');
  assert.equal(short.code, 2);
  assert.match(short.error, /32 characters/);
});

test('a gateway that ends before it answers is told of in one sentence', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-ended-'));
  const ending = createServer((socket) => socket.once('data', () => socket.end()));
  ending.listen(socketPath(folder));
  await once(ending, 'listening');
  const { code, error } = await runCommand(folder, ['secrets', 'rotate']);
  ending.close();
  rmSync(folder, { recursive: true, force: true });
  assert.equal(code, 1);
  assert.match(error, /^postern: the gateway closed the connection without an answer: .*\.\n$/);
});
