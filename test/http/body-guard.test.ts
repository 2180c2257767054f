import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await startTestGateway();
});
after(() => gateway.stop());

type Sent = { status: number; body: { code?: string }; retryAfter: string | undefined };

async function send(headers: Record<string, string | number>, write: (write: (text: string) => void) => void) {
  const asked = request(`${gateway.url}/v1/messages`, {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${gateway.testKey}`, 'content-type': 'application/json', ...headers },
  });
  const answered = new Promise<Sent>((resolve, reject) => {
    asked.on('response', (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += String(chunk);
      });
      answer.on('end', () =>
        resolve({ status: answer.statusCode!, body: JSON.parse(text), retryAfter: answer.headers['retry-after'] }),
      );
    });
    asked.on('error', reject);
  });
  asked.flushHeaders();
  write((text) => asked.write(text));
  asked.end();
  return answered;
}

const message = (bytes: number): string => {
  const head = '{"to":"bob@example.com","subject":"Hello","text":"';
  return `${head}${'x'.repeat(bytes - head.length - 2)}"}`;
};

test('a body in thousands of crumbs is refused, whatever its size', async () => {
  const text = message(6000);
  const answer = await send({}, (write) => {
    for (const letter of text) write(letter);
  });
  assert.deepEqual([answer.status, answer.body.code], [400, 'malformed_request']);
});

test('a body in small chunks is taken', async () => {
  const text = message(40_000);
  const answer = await send({}, (write) => {
    for (let at = 0; at < text.length; at += 100) write(text.slice(at, at + 100));
  });
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
});

test('of many large bodies at once one has room from the start, and comes through', async () => {
  const text = message(20_000_000);
  const first = request(`${gateway.url}/v1/messages`, {
    method: 'POST',
    agent: false,
    headers: {
      authorization: `Bearer ${gateway.testKey}`,
      'content-type': 'application/json',
      'content-length': text.length,
    },
  });
  // Its room is taken when the server has read its headers, which it says before it wants the body.
  first.setHeader('expect', '100-continue');
  first.flushHeaders();
  await once(first, 'continue');
  const others = await Promise.all(
    Array.from({ length: 3 }, () => send({ 'content-length': text.length }, (write) => write(text)).catch(() => null)),
  );
  for (const other of others) {
    if (other !== null) assert.deepEqual([other.status, other.retryAfter], [503, '1']);
  }
  const [answer] = await Promise.all([once(first, 'response'), first.end(text)]);
  assert.equal(answer[0].statusCode, 202);
  answer[0].resume();
});
