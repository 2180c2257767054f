/** The official checks of the Model Context Protocol, against a gateway: its conformance scenarios and the inspector's command. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CONFORMANCE = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);
const INSPECTOR = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/inspector-cli/build/index.js', import.meta.url),
);

export type KeyAdder = { url: string; pointAt(target: string, key: string): void; stop(): void };

/** A proxy that adds a key, for checks that know of none. */
export async function startKeyAdder(): Promise<KeyAdder> {
  let to: { hostname: string; port: string } | undefined;
  let authorization = '';
  const server = createServer((asked, answered) => {
    const { method, url: path } = asked;
    const passed = request({ ...to, method, path, headers: { ...asked.headers, authorization } }, (answer) => {
      answered.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(answered);
    });
    passed.on('error', () => answered.destroy());
    asked.pipe(passed);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pointAt(target, key) {
      const { hostname, port } = new URL(target);
      to = { hostname, port };
      authorization = `Bearer ${key}`;
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export type Checked = { code: number | null; passed: number; failed: number; warnings: number; said: string };

/** Runs one scenario; it writes its findings into a folder that goes again. */
export async function checkConformance(url: string, scenario: string): Promise<Checked> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-mcp-'));
  const { code, said } = await run([CONFORMANCE, 'server', '--url', `${url}/mcp`, '--scenario', scenario], directory);
  rmSync(directory, { recursive: true, force: true });
  const [, passed, failed, warnings] = /Passed: (\d+)\/\d+, (\d+) failed, (\d+) warnings/.exec(said) ?? [];
  return { code, passed: Number(passed), failed: Number(failed), warnings: Number(warnings), said };
}

/** What the inspector prints for a method. It looks for its own version beside its folder. */
export async function inspect(target: string[], args: string[]): Promise<{ code: number | null; said: string }> {
  return run([INSPECTOR, ...target, ...args], dirname(INSPECTOR));
}

async function run(args: string[], directory: string): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk;
    });
  }
  const [code] = await once(child, 'close');
  return { code, said };
}
