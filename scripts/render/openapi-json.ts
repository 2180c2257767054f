/** `openapi.json`: what a gateway with all its routes says of itself. One is started in an empty folder and asked. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSettings } from '../../src/config/settings.ts';
import { startGateway } from '../../src/main.ts';

export async function openapiJson(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-openapi-'));
  try {
    const read = readSettings({
      POSTERN_PORT: '0',
      POSTERN_SMTP_PORT: 'off',
      POSTERN_INBOUND_PORT: 'off',
      POSTERN_ROLE: 'api',
      POSTERN_LOG: 'error',
      POSTERN_DATA_DIR: directory,
    });
    if (!read.ok) throw new Error(read.message);
    const started = await startGateway(read.settings);
    if (!started.ok) throw new Error(started.message);
    const { gateway } = started;
    try {
      const answer = await fetch(`${gateway.listening.http}/openapi.json`);
      return `${JSON.stringify(await answer.json(), null, 2)}\n`;
    } finally {
      await gateway.stop();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
