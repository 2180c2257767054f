/**
 * Sendmux's sends in its envelope: a batch with mixed results, the limits that its pages name, a 503, and a key in flight, which is
 * answered 409 and not waited for. For that one a second gateway is started, which POSTERN_FAILPOINT stops in its first commit.
 *
 *   npm start            # in one terminal
 *   node examples/sendmux.mjs
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, openAccount, say, show } from './exchange.mjs';

const SEND = '/compat/sendmux/api/v1/emails/send';
const BATCH = `${SEND}/batch`;
const HEADERS = [
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'Retry-After',
  'Idempotent-Replayed',
  'X-Postern-Reason',
];
const message = (email, more = {}) => ({
  from: { email: 'alice@acme.example', name: 'Alice' },
  to: { email },
  subject: 'Your quote',
  html_body: '<p>Here is your quote.</p>',
  ...more,
});

async function tell(key, path, body, headers = {}) {
  const answer = await ask(key, 'POST', path, body, headers);
  show('POST', path, body, answer, { headers: HEADERS });
  return answer;
}

async function manage(key, method, path, body) {
  const answer = await ask(key, method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
}

const { key } = await openAccount('Shop', { policy: { quarantine: { mode: 'off' } } });

say('One message, and the same key again: the first answer.');
await tell(key, SEND, message('bob@example.com'), { 'Idempotency-Key': 'quote-42' });
await tell(key, SEND, message('bob@example.com'), { 'Idempotency-Key': 'quote-42' });

say('The same key with another body: 409.');
await tell(key, SEND, message('eve@example.com'), { 'Idempotency-Key': 'quote-42' });

say('A batch: two are queued, one address is none, one is suppressed, one has a field that there is not.');
await manage(key, 'POST', '/v1/suppressions', { email: 'gone@example.com', reason: 'hard_bounce' });
await tell(key, BATCH, {
  messages: [
    message('one@example.com'),
    message('nobody'),
    message('gone@example.com'),
    message('three@example.com', { idempotency_key: 'in the body' }),
    message('two@example.com'),
  ],
});

say('The daily limit: 429, and when to come back.');
const free = await openAccount('Free', {
  policy: { limits: [{ name: 'free', scope: 'tenant', window: 'calendar_day', max: 1 }] },
});
await ask(free.key, 'POST', SEND, message('bob@example.com'));
await tell(free.key, SEND, message('eve@example.com'));

say('No provider is active: 503, which its pages call retryable, though a person must act.');
const idle = await openAccount('Idle');
await manage(idle.key, 'POST', '/v1/providers/default/deactivate', { note: 'out of order' });
await tell(idle.key, SEND, message('bob@example.com'));

/** Another gateway on a free port; `environment` adds to its own. */
async function gateway(environment) {
  const child = spawn('npm', ['start', '--silent'], {
    env: {
      ...process.env,
      ...{
        POSTERN_PORT: '0',
        POSTERN_SMTP_PORT: 'off',
        POSTERN_INBOUND_PORT: 'off',
        POSTERN_LOG: 'silent',
        POSTERN_GRACE: '2',
      },
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that all of it ends.
    detached: true,
  });
  let told = '';
  let welcome = '';
  child.stderr.on('data', (chunk) => {
    welcome += chunk;
  });
  const url = await new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      told += chunk;
      const line = told.split('\n').find((one) => one.includes('"listening"') && one.endsWith('}'));
      if (line !== undefined) resolve(JSON.parse(line).http);
    });
    child.once('exit', () => reject(new Error(`The gateway did not start: ${welcome}`)));
  });
  const stop = (signal) =>
    new Promise((resolve) => {
      child.removeAllListeners('exit');
      child.once('exit', resolve);
      process.kill(-child.pid, signal);
    });
  return { url, testKey: () => /Test key {2}(\S+)/.exec(welcome)?.[1], stop };
}

say('A key in flight: the first request is held in its commit, the second is answered at once.');
const folder = mkdtempSync(join(tmpdir(), 'postern-sendmux-'));
try {
  const prepared = await gateway({ POSTERN_DATA_DIR: folder });
  const testKey = prepared.testKey();
  await prepared.stop('SIGTERM');
  const held = await gateway({
    ...{ POSTERN_DATA_DIR: folder, POSTERN_ROLE: 'api' },
    ...{ POSTERN_TESTING: '1', POSTERN_FAILPOINT: 'hold-commit' },
  });
  const body = message('bob@example.com');
  const init = {
    method: 'POST',
    headers: { authorization: `Bearer ${testKey}`, 'content-type': 'application/json', 'idempotency-key': 'quote-43' },
    body: JSON.stringify(body),
  };
  // Whichever comes first is held; the other one is answered.
  const both = [fetch(held.url + SEND, init), fetch(held.url + SEND, init)];
  const second = await Promise.race(both);
  const answer = { status: second.status, headers: second.headers, body: await second.json() };
  show('POST', SEND, body, answer, { headers: HEADERS });
  await held.stop('SIGKILL');
  await Promise.allSettled(both);
  say('That gateway is killed, and started again: nothing was stored, so the same key sends once.');
  const again = await gateway({ POSTERN_DATA_DIR: folder });
  const third = await fetch(again.url + SEND, init);
  show(
    'POST',
    SEND,
    body,
    { status: third.status, headers: third.headers, body: await third.json() },
    { headers: HEADERS },
  );
  await again.stop('SIGTERM');
} finally {
  rmSync(folder, { recursive: true, force: true });
}
