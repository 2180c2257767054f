import assert from 'node:assert/strict';
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
    await agent.close();
  });

  test('says that a key is wrong as soon as it is used', async () => {
    await assert.rejects(start(['--url', gateway.url, '--key', 'pst_test_wrong']), /authentication_required/);
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
