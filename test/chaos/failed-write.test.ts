/** A disk that fails while it has room: the process ends at once with a code of its own, and a fresh start has all it promised. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { openSqliteStore } from '../../src/data/sqlite/store.ts';
import { startTestGateway } from '../harness/gateway.ts';
import { setPolicy } from '../harness/test-mode.ts';

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname;
/** EX_IOERR of sysexits.h. */
const EXIT_IOERR = 74;
/** No file may grow beyond this: a write that would fails as on a broken disk. */
const LARGEST_FILE_KB = 12 * 1024;

async function listening(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout!) {
    text += chunk;
    const line = text.split('\n').find((one) => one.includes('"listening"'));
    if (line !== undefined) return (JSON.parse(line) as { http: string }).http;
  }
  throw new Error(`the gateway ended before it listened: ${text}`);
}

it('ends with code 74 at a write that fails, and has every acknowledged message after a start', {
  timeout: 120_000,
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-eio-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const prepared = await startTestGateway({ POSTERN_DATA_DIR: directory, POSTERN_ROLE: 'api' });
  const { testKey } = prepared;
  // So much of the same to the same people would be stopped.
  await setPolicy(prepared, { quarantine: { mode: 'off' } });
  await prepared.stop();
  const limited = `ulimit -f ${LARGEST_FILE_KB}; exec "$0" "$@"`;
  const child = spawn('bash', ['-c', limited, process.execPath, CLI, 'serve'], {
    env: {
      ...process.env,
      ...{ POSTERN_DATA_DIR: directory, POSTERN_ROLE: 'api', POSTERN_PORT: '0', POSTERN_LOG: 'silent' },
      ...{ POSTERN_SMTP_PORT: 'off', POSTERN_INBOUND_PORT: 'off' },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let told = '';
  child.stderr.on('data', (chunk) => {
    told += chunk;
  });
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  const url = await listening(child);
  const acknowledged: string[] = [];
  const text = 'A sentence that takes some room. '.repeat(1500);
  let failures = 0;
  while (failures === 0 && acknowledged.length < 2000) {
    await Promise.all(
      Array.from({ length: 8 }, async (_, i) => {
        const body = JSON.stringify({ to: `p${i}@example.com`, subject: 'x', text });
        const headers = { authorization: `Bearer ${testKey}`, 'content-type': 'application/json' };
        try {
          const answer = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body });
          const { id } = (await answer.json()) as { id: string };
          if (answer.status === 202) acknowledged.push(id);
          else failures += 1;
        } catch {
          failures += 1;
        }
      }),
    );
  }
  const [code] = await ended;
  assert.equal(code, EXIT_IOERR, told);
  assert.match(told, /could not be flushed to disk/);
  assert.ok(acknowledged.length > 50);
  const opened = await openSqliteStore({ directory, domain: 'postern.localhost' });
  assert.ok(opened.ok);
  for (const id of acknowledged)
    assert.notEqual(await opened.store.message({ tenantNo: 1, mode: 'test', id }), null, id);
  await opened.store.close();
});
