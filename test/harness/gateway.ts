/** A real gateway for a test: in this process, on a free port, with a data folder of its own. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSettings } from '../../src/config/settings.ts';
import { type Gateway, type Outside, startGateway } from '../../src/main.ts';

export type Answer = {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape
  body: any;
};

export type TestGateway = {
  url: string;
  directory: string;
  gateway: Gateway;
  operatorKey: string;
  liveKey: string;
  testKey: string;
  tenantId: string;
  fetchJson(
    method: string,
    path: string,
    body?: unknown,
    options?: { key?: string; headers?: Record<string, string> },
  ): Promise<Answer>;
  stop(): Promise<void>;
};

/** Starts one; `environment` adds to the settings. The test key is used where a call names none. */
export async function startTestGateway(
  environment: Record<string, string> = {},
  outside: Outside = {},
): Promise<TestGateway> {
  const given = environment['POSTERN_DATA_DIR'];
  const directory = given ?? mkdtempSync(join(tmpdir(), 'postern-test-'));
  const read = readSettings({
    POSTERN_PORT: '0',
    POSTERN_SMTP_PORT: 'off',
    POSTERN_INBOUND_PORT: 'off',
    POSTERN_LOG: 'error',
    POSTERN_GRACE: '2',
    POSTERN_DATA_DIR: directory,
    ...environment,
  });
  if (!read.ok) throw new Error(read.message);
  const started = await startGateway(read.settings, outside);
  if (!started.ok) throw new Error(started.message);
  const { gateway } = started;
  const keys = /Live key {2}(\S+)\n {2}Test key {2}(\S+)/.exec(gateway.welcome ?? '');
  const url = gateway.listening.http;
  const operatorKey =
    environment['POSTERN_OPERATOR_KEY'] ?? readFileSync(join(directory, 'operator.key'), 'utf8').trim();
  const testKey = keys?.[2] ?? '';
  return {
    url,
    directory,
    gateway,
    operatorKey,
    liveKey: keys?.[1] ?? '',
    testKey,
    tenantId: (await gateway.store.setting({ name: 'first_tenant' })) ?? '',
    async fetchJson(method, path, body, options = {}) {
      const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
      const headers = { authorization: `Bearer ${options.key ?? testKey}`, ...type, ...options.headers };
      const response = await fetch(url + path, {
        method,
        headers,
        body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') ?? false;
      return {
        status: response.status,
        headers: response.headers,
        body: isJson && text !== '' ? JSON.parse(text) : null,
      };
    },
    async stop() {
      await gateway.stop();
      if (given === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}
