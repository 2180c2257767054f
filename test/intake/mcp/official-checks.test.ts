import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { POSTERN } from '../../harness/command.ts';
import { startTestGateway, type TestGateway } from '../../harness/gateway.ts';
import { checkConformance, inspect, type KeyAdder, startKeyAdder } from '../../harness/mcp-checks.ts';

/**
 * Those that a server with tools alone is meant for. Of the other 28 of the suite, 12 call tools of their own names (`test_…`), which
 * answer with pictures, sounds, logs, progress or questions back; 11 ask for resources and prompts, one each for completion, a level
 * of logs and a tool with a schema of theirs, and this server offers none; two look at sessions and find none.
 */
const SCENARIOS: [string, number][] = [
  ['server-initialize', 1],
  ['ping', 1],
  ['tools-list', 1],
  ['dns-rebinding-protection', 2],
];

describe('the official checks', () => {
  let adder: KeyAdder;
  let gateway: TestGateway;
  before(async () => {
    adder = await startKeyAdder();
    gateway = await startTestGateway();
    adder.pointAt(gateway.url, gateway.testKey);
  });
  after(async () => {
    adder.stop();
    await gateway.stop();
  });

  for (const [scenario, checks] of SCENARIOS) {
    test(`of conformance pass: ${scenario}`, async () => {
      const { code, passed, failed, warnings, said } = await checkConformance(adder.url, scenario);
      assert.deepEqual({ code, passed, failed, warnings }, { code: 0, passed: checks, failed: 0, warnings: 0 }, said);
    });
  }

  test('of the inspector work over HTTP', async () => {
    const target = [
      `${gateway.url}/mcp`,
      '--transport',
      'http',
      '--header',
      `Authorization: Bearer ${gateway.testKey}`,
    ];
    const listed = await inspect(target, ['--method', 'tools/list']);
    assert.equal(listed.code, 0, listed.said);
    assert.equal(JSON.parse(listed.said).tools.length, 10);
    const call = ['--method', 'tools/call', '--tool-name', 'send_message'];
    const fields = ['--tool-arg', 'to=bob@example.com', 'subject=Hi', 'text=Hello'];
    const [first, second] = [await inspect(target, [...call, ...fields]), await inspect(target, [...call, ...fields])];
    assert.equal(first.code, 0, first.said);
    const sent = JSON.parse(first.said).structuredContent;
    const again = JSON.parse(second.said).structuredContent;
    assert.deepEqual([again.id, sent.replayed, again.replayed], [sent.id, false, true]);
  });

  test('of the inspector work over standard input and output', async () => {
    const command = [POSTERN, 'mcp', '--url', gateway.url, '--key', gateway.testKey];
    const limits = await inspect(command, ['--method', 'tools/call', '--tool-name', 'get_limits']);
    assert.equal(limits.code, 0, limits.said);
    assert.deepEqual(JSON.parse(limits.said).structuredContent.data, []);
  });
});
