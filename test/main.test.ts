import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSettings } from '../src/config/settings.ts';
import { startGateway } from '../src/main.ts';

test('a gateway that cannot open one of its ports says which, and leaves its folder to the next start', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'postern-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  t.after(() => holder.close());
  const { port: taken } = holder.address() as { port: number };
  const start = async (environment: Record<string, string>) => {
    const free = { POSTERN_PORT: '0', POSTERN_SMTP_PORT: '0', POSTERN_INBOUND_PORT: '0' };
    const read = readSettings({ ...free, POSTERN_LOG: 'silent', POSTERN_DATA_DIR: directory, ...environment });
    assert.ok(read.ok);
    return startGateway(read.settings);
  };
  for (const name of ['POSTERN_PORT', 'POSTERN_INBOUND_PORT', 'POSTERN_SMTP_PORT']) {
    const failed = await start({ [name]: String(taken) });
    assert.ok(!failed.ok, name);
    assert.match(failed.message, new RegExp(`^${name} ${taken} `));
  }
  const started = await start({});
  assert.ok(started.ok, started.ok ? '' : started.message);
  await started.gateway.stop();
});
