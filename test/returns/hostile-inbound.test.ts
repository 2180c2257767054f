import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InboundReader } from '../../src/returns/inbound-reader.ts';
import { messageAfter } from '../harness/events.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';
import { smtpTalk } from '../harness/smtp-talk.ts';

const FOLDER = fileURLToPath(new URL('../fixtures/mime', import.meta.url));
const SCRIPT = new URL('../../src/inbound-thread.ts', import.meta.url);
const MOST_MS = 1000;

function filesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesIn(path) : [path];
  });
}

const samples = filesIn(FOLDER).filter((path) => !path.includes('LICENSES'));

/** The same flips on every run. */
function flipped(octets: Uint8Array, share: number): Uint8Array {
  const copy = Uint8Array.from(octets);
  let seed = 12_345;
  for (let i = 0; i < Math.ceil(copy.length * share); i++) {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    copy[seed % copy.length]! ^= 1 << (seed % 7);
  }
  return copy;
}

const repeated = (text: string, times: number): Buffer => Buffer.from(text.repeat(times));
const head = (more: string): string => `From: a@b.example\r\nTo: c@d.example\r\n${more}`;

const BOMBS: [string, () => Uint8Array][] = [
  ['10,000 messages in each other', () => repeated('Content-Type: message/rfc822\r\n\r\n', 10_000)],
  [
    '10,000 multiparts in each other',
    () =>
      Buffer.from(
        Array.from(
          { length: 10_000 },
          (_, i) => `Content-Type: multipart/mixed; boundary="b${i}"\r\n\r\n--b${i}\r\n`,
        ).join(''),
      ),
  ],
  [
    '100,000 parts',
    () =>
      Buffer.from(
        `${head('Content-Type: multipart/mixed; boundary=b\r\n\r\n')}${'--b\r\n\r\nx\r\n'.repeat(100_000)}--b--`,
      ),
  ],
  ['a header of 10 MB', () => Buffer.from(`${head('X: ')}${'y'.repeat(10_000_000)}\r\n\r\nz`)],
  ['a million headers', () => Buffer.from(`${head('')}${'A: b\r\n'.repeat(1_000_000)}\r\nz`)],
  ['a folded header of 200 kB', () => Buffer.from(`${head('Subject: a\r\n')}${' b\r\n'.repeat(50_000)}\r\nz`)],
  [
    'a boundary that is always nearly there',
    () =>
      Buffer.from(
        `${head('Content-Type: multipart/mixed; boundary=aaaaaaaaaa\r\n\r\n')}${'--aaaaaaaaa'.repeat(180_000)}`,
      ),
  ],
  [
    '10,000 continuations of a parameter',
    () =>
      Buffer.from(
        `${head('Content-Type: text/plain;')}${Array.from({ length: 10_000 }, (_, i) => ` n*${i}=x;`).join('\r\n')}\r\n\r\nz`,
      ),
  ],
  [
    'a delivery status of 100,000 recipients',
    () =>
      Buffer.from(
        `${head('Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n')}--b\r\nContent-Type: message/delivery-status\r\n\r\n${'Final-Recipient: rfc822;a@b.c\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n'.repeat(100_000)}--b--`,
      ),
  ],
  ['100 kB of one letter', () => Buffer.from(head(`Subject: Undeliverable\r\n\r\n${'a'.repeat(100_000)}`))],
  ['100 kB of angle brackets', () => Buffer.from(head(`Subject: Undeliverable\r\n\r\n${'<'.repeat(100_000)}`))],
  ['addresses without end', () => Buffer.from(head(`Subject: Undeliverable\r\n\r\n${'a@b.c '.repeat(300_000)}`))],
  ['references without end', () => Buffer.from(head(`References: ${'<a@b> '.repeat(30_000)}\r\n\r\nx`))],
  ['a name of an object', () => Buffer.from(head('__proto__: x\r\nconstructor: y\r\ntoString: z\r\n\r\nx'))],
  ['nothing', () => new Uint8Array()],
  ['only line ends', () => repeated('\r\n', 500_000)],
];

describe('the reader of mail that comes in', () => {
  let reader: InboundReader;
  before(async () => {
    reader = new InboundReader(SCRIPT);
    // The first one waits for the thread to start.
    await reader.read(Buffer.from('From: a@b.example\r\n\r\nx'));
  });
  after(() => reader.close());

  for (const [name, make] of BOMBS) {
    test(`is done with ${name} in time`, async () => {
      const octets = make();
      const start = performance.now();
      const read = await reader.read(octets);
      const took = performance.now() - start;
      assert.ok(took < MOST_MS, `${Math.round(took)} ms`);
      if (read !== null) assert.ok(JSON.stringify(read).length < 1_000_000);
    });
  }

  test(`reads ${samples.length} malformed and foreign mails, whole, cut at 20 places, and with flipped bits`, async () => {
    let longest = 0;
    for (const path of samples) {
      const whole = readFileSync(path);
      const cuts = Array.from({ length: 20 }, (_, i) => whole.subarray(0, Math.floor((whole.length * i) / 20)));
      for (const octets of [whole, ...cuts, flipped(whole, 0.01), flipped(whole, 0.2)]) {
        const start = performance.now();
        assert.notEqual(await reader.read(octets), null, path);
        longest = Math.max(longest, performance.now() - start);
      }
    }
    assert.ok(longest < MOST_MS, `${Math.round(longest)} ms`);
  });

  test('goes on with the next mail after one that its thread did not survive', async (t) => {
    const dying = new InboundReader(
      new URL(
        `data:text/javascript,${encodeURIComponent("import { parentPort } from 'node:worker_threads'; parentPort.on('message', ({ id, question }) => { if (question[0] === 1) process.exit(1); if (question[0] === 2) for (;;); parentPort.postMessage({ id, answer: { kind: 'other' } }); });")}`,
      ),
      300,
    );
    t.after(() => dying.close());
    assert.equal(await dying.read(Buffer.from([1])), null);
    assert.equal(await dying.read(Buffer.from([2])), null);
    assert.notEqual(await dying.read(Buffer.from([3])), null);
  });
});

describe('the gateway, given hostile mail to a signed address', () => {
  let gateway: TestGateway;
  let path = '';
  let id = '';
  before(async () => {
    gateway = await startTestGateway({ POSTERN_INBOUND_PORT: '0' });
    const mail = { to: 'bob@hostile-target.example', subject: 'x', text: 'y' };
    id = (await gateway.fetchJson('POST', '/v1/messages', mail)).body.id;
    const tenantNo = (await gateway.gateway.store.tenantById({ id: gateway.tenantId }))!.no;
    await messageAfter(gateway.gateway.store, { tenantNo, mode: 'test', id }, 'message.delivered');
    path = (await gateway.fetchJson('GET', '/v1/sink')).body.data[0].envelope.from;
  });
  after(() => gateway.stop());

  test('keeps all of it as it came, and changes no state and no contact', async () => {
    const port = Number(gateway.gateway.listening.inbound!.split(':')[1]);
    const mails = [
      ...samples.map((file) => readFileSync(file)),
      ...samples.slice(0, 20).map((file) => flipped(readFileSync(file), 0.05)),
      ...BOMBS.filter(([name]) => !name.includes('10 MB')).map(([, make]) => make()),
    ].map(wired);
    const talk = await smtpTalk(port);
    await talk.say('EHLO a.example');
    let taken = 0;
    for (const octets of mails) {
      for (const line of ['MAIL FROM:<x@y.example>', `RCPT TO:<${path}>`]) assert.match(await talk.say(line), /^250/);
      assert.match(await talk.say('DATA'), /^354/);
      talk.write(octets);
      talk.write('\r\n.\r\n');
      const reply = await talk.reply();
      assert.match(reply, /^(?:250|554 5\.4\.6) /);
      if (reply.startsWith('250')) taken += 1;
    }
    talk.end();
    const rows: { outcome: string; kind: string; size: number; id: string }[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await gateway.fetchJson('GET', `/v1/inbound?limit=200${cursor}`);
      rows.push(...body.data);
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    assert.ok(rows.length > 50 && rows.length <= taken);
    // Notes of people who are away are told of, from whomever they come.
    const applied = rows.filter(({ outcome }) => outcome === 'applied');
    assert.ok(applied.every(({ kind }) => kind === 'auto_reply'));
    assert.deepEqual((await gateway.fetchJson('GET', '/v1/suppressions')).body.data, []);
    const large = rows.find(({ size }) => size > 100_000)!;
    const raw = await fetch(`${gateway.url}/v1/inbound/${large.id}/raw`, {
      headers: { authorization: `Bearer ${gateway.testKey}` },
    });
    assert.equal((await raw.arrayBuffer()).byteLength, large.size);
    const { body } = await gateway.fetchJson('GET', `/v1/messages/${id}`);
    assert.equal(body.status, 'delivered');
    assert.equal((await gateway.fetchJson('GET', '/readyz')).status, 200);
  });
});

/** As it can cross SMTP: CRLF line ends, no NUL, dots doubled. */
function wired(octets: Uint8Array): Buffer {
  const text = Buffer.from(octets)
    .toString('latin1')
    .replaceAll('\0', ' ')
    .replaceAll(/\r\n|\r|\n/g, '\r\n');
  return Buffer.from(text.replaceAll(/^\./gm, '..').replaceAll(/\r\n$/g, ''), 'latin1');
}
