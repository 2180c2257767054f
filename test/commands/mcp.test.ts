import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { POSTERN, runCommand } from '../harness/command.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { type Agent, connectOver } from '../harness/mcp.ts';

describe('postern mcp', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway();
  });
  after(() => gateway.stop());

  const start = (args: string[], more: Record<string, string> = {}): Promise<Agent> =>
    connectOver(
      new StdioClientTransport({
        command: POSTERN,
        args: ['mcp', ...args],
        env: { ...(process.env as Record<string, string>), ...more },
        stderr: 'ignore',
      }),
    );

  test('carries the tools of a gateway over standard input and output', async () => {
    const agent = await start(['--url', gateway.url, '--agent', 'desk-1'], { POSTERN_KEY: gateway.testKey });
    const { tools } = await agent.client.listTools();
    assert.equal(tools.length, 10);
    const message = { to: 'bob@example.com', subject: 'Line\u2028end', text: 'Über stdio.\n' };
    const first = await agent.call('send_message', message);
    assert.equal(first.isError, false, first.text);
    const second = await agent.call('send_message', message);
    assert.deepEqual([second.body.id, second.body.replayed], [first.body.id, true]);
    const lease = await agent.call('acquire_lease', { contact: 'eve@example.com', ttl_seconds: 60 });
    assert.equal(lease.body.agent, 'desk-1', lease.text);
    await agent.close();
    const seen = await gateway.fetchJson('GET', `/v1/messages/${first.body.id}`);
    assert.equal(seen.body.agent, 'desk-1');
  });

  test('tells a model when the gateway is gone, and what to do', async () => {
    const gone = await startTestGateway();
    const agent = await start(['--url', gone.url], { POSTERN_KEY: gone.testKey });
    await gone.stop();
    const result = await agent.call('send_message', { to: 'bob@example.com', subject: 'Hi', text: 'Hi' });
    assert.deepEqual([result.isError, result.body.code], [true, 'service_unavailable']);
    assert.match(result.text, /cannot be reached \(ECONNREFUSED\)/);
    assert.match(result.text, /sends once/);
    assert.match(result.text, /Who can clear it: The operator/);
    await agent.close();
  });

  test('says that a key is wrong as soon as it is used', async () => {
    await assert.rejects(
      start(['--url', gateway.url, '--key', 'pst_test_wrong']),
      /authentication_required.*into POSTERN_KEY/,
    );
  });

  const ask = (child: ChildProcess, message: object): Promise<Record<string, unknown>> => {
    const answered = once(createInterface(child.stdout!), 'line');
    child.stdin!.write(`${JSON.stringify(message)}\n`);
    return answered.then(([line]) => JSON.parse(line));
  };
  const spawned = (): ChildProcess =>
    spawn(POSTERN, ['mcp', '--url', gateway.url], { env: { ...process.env, POSTERN_KEY: gateway.testKey } });

  test('carries a batch, a message with a large file, and errors that name no request', async () => {
    const child = spawned();
    const ping = { jsonrpc: '2.0', method: 'ping' };
    const batch = await ask(child, [
      { ...ping, id: 1 },
      { ...ping, id: 2 },
    ]);
    assert.deepEqual((batch as unknown as { id: number }[]).map(({ id }) => id).sort(), [1, 2]);
    const content = Buffer.alloc(15_000_000, 'x').toString('base64');
    const message = { to: 'big@example.com', subject: 'Big', text: 'x', attachments: [{ filename: 'a.txt', content }] };
    const params = { name: 'send_message', arguments: message };
    const sent = await ask(child, { jsonrpc: '2.0', id: 3, method: 'tools/call', params });
    assert.equal(sent['id'], 3);
    assert.equal((sent['result'] as { isError?: boolean }).isError, undefined);
    const wrong = await ask(child, { jsonrpc: '2.0', id: 4, method: 'ping', params: 5 });
    assert.deepEqual([wrong['id'], (wrong['error'] as { code: number }).code], [4, -32700]);
    child.stdin!.end();
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });

  test('ends by itself on a signal, and when nobody reads its answers', async () => {
    for (const end of [
      (child: ChildProcess) => child.kill('SIGTERM'),
      (child: ChildProcess) => {
        child.stdout!.destroy();
        child.stdin!.write('{"jsonrpc":"2.0","id":2,"method":"ping"}\n');
      },
    ]) {
      const child = spawned();
      let error = '';
      child.stderr!.on('data', (chunk) => {
        error += chunk;
      });
      assert.equal((await ask(child, { jsonrpc: '2.0', id: 1, method: 'ping' }))['id'], 1);
      const exited = once(child, 'exit');
      end(child);
      assert.deepEqual(await exited, [0, null], error);
      assert.equal(error, '');
    }
  });

  test('answers what came in before its input ended, and ends', async () => {
    const lines = [
      { jsonrpc: '2.0', id: 1, method: 'ping' },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'get_limits' } },
    ];
    const input = `not JSON\n${lines.map((line) => JSON.stringify(line)).join('\n')}\n`;
    const environment = { POSTERN_URL: `${gateway.url}/`, POSTERN_KEY: gateway.testKey };
    const { code, out, error } = await runCommand(gateway.directory, ['mcp'], environment, input);
    assert.equal(code, 0, error);
    const answers = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(answers.map(({ id }) => id).sort(), [1, 2]);
    assert.match(error, /a line was not read/);
  });

  test('does not start without a key, or with an address that is none', async () => {
    const keyless = await runCommand(gateway.directory, ['mcp'], { POSTERN_KEY: '' });
    assert.equal(keyless.code, 2);
    assert.match(keyless.error, /POSTERN_KEY/);
    const lost = await runCommand(gateway.directory, ['mcp', '--key', 'k', '--url', 'gateway'], {});
    assert.equal(lost.code, 2);
    assert.match(lost.error, /--url/);
  });
});
