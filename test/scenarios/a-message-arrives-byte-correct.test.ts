/** One message over the whole road: HTTP in, the next hop out, read there by other people's software. */
import assert from 'node:assert/strict';
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import PostalMime from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { openSecrets } from '../../src/base/secrets.ts';
import { startTestGateway, type TestGateway } from '../harness/gateway.ts';

type Arrived = { from: string; to: string; ehlo: string; content: Buffer };

/** An SMTP server that others wrote; `arrivals(n)` resolves with the first n messages. */
async function nextHop(t: TestContext): Promise<{ port: number; arrivals: (count: number) => Promise<Arrived[]> }> {
  const arrived: Arrived[] = [];
  const waiting: { count: number; resolve: (all: Arrived[]) => void }[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 1,
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        arrived.push({
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address).join(),
          ehlo: String(session.hostNameAppearsAs),
          content: Buffer.concat(chunks),
        });
        callback(null);
        for (const { count, resolve } of waiting) if (arrived.length >= count) resolve(arrived.slice(0, count));
      });
    },
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => new Promise<void>((resolve) => server.close(() => resolve())));
  const address = server.server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    arrivals: (count) =>
      arrived.length >= count
        ? Promise.resolve(arrived.slice(0, count))
        : new Promise((resolve) => waiting.push({ count, resolve })),
  };
}

async function gatewayTo(t: TestContext, port: number): Promise<TestGateway> {
  const gateway = await startTestGateway({
    POSTERN_OUTBOUND: `smtp://127.0.0.1:${port}`,
    POSTERN_DOMAIN: 'gw.example',
  });
  t.after(() => gateway.stop());
  return gateway;
}

/** The record that the gateway tells people to publish, from the key that it keeps. */
async function dkimRecord({ gateway, directory }: TestGateway): Promise<string> {
  const sealed = await gateway.store.setting({ name: 'dkim:gw.example' });
  const secret = readFileSync(join(directory, 'master.secret'), 'utf8').trim();
  const pem = openSecrets([{ version: 1, secret }]).open(Buffer.from(sealed!, 'base64'), 'dkim:gw.example');
  const publicKey = createPublicKey(createPrivateKey(Buffer.from(pem!).toString()));
  return `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}`;
}

async function verify(content: Buffer, record: string): Promise<string[]> {
  const resolver = async (name: string, type: string): Promise<string[][]> => {
    if (name === 'postern._domainkey.gw.example' && type === 'TXT') return [[record]];
    throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
  };
  const { results } = await dkimVerify(content, { resolver });
  return results.map(({ status, signingDomain }) => `${signingDomain} ${status.result}`);
}

const PDF = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 131) % 256));
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const TEXT = 'Grüße aus Zürich 🎈\n.\nA line that is a lone dot stands above.\nFrom here on: naïve, 東京.';
const HTML = '<p>Grüße <img src="cid:logo"> aus Zürich</p>';

test('text, HTML, two attachments and names in many scripts arrive as they were given', async (t) => {
  const hop = await nextHop(t);
  const gateway = await gatewayTo(t, hop.port);
  const sent = await gateway.fetchJson(
    'POST',
    '/v1/messages',
    {
      from: 'Ælfred 🦊 <alice@gw.example>',
      to: [{ email: 'bob@example.com', name: '山田太郎' }],
      cc: [{ email: 'carl@example.com', name: 'Müller, Karl "K"' }],
      bcc: ['boss@example.org'],
      reply_to: 'help@gw.example',
      subject: 'Angebot für Zürich — 見積もり 🎈',
      text: TEXT,
      html: HTML,
      attachments: [
        { filename: 'Angebot Zürich.pdf', content: PDF.toString('base64'), content_type: 'application/pdf' },
        { filename: 'logo.png', content: PNG.toString('base64'), content_type: 'image/png', content_id: 'logo' },
      ],
      headers: { 'X-Job': '42' },
    },
    { key: gateway.liveKey },
  );
  assert.equal(sent.status, 202, JSON.stringify(sent.body));
  const arrived = await hop.arrivals(3);

  assert.deepEqual(arrived.map(({ to }) => to).sort(), ['bob@example.com', 'boss@example.org', 'carl@example.com']);
  assert.equal(new Set(arrived.map(({ from }) => from)).size, 3, 'each recipient has a return path of its own');
  for (const { from, ehlo } of arrived) {
    assert.match(from, /^b\+[a-z2-7]{48}@bounces\.gw\.example$/);
    assert.equal(ehlo, 'gw.example');
  }
  assert.equal(new Set(arrived.map(({ content }) => content.toString('latin1'))).size, 1, 'all get the same octets');

  const { content } = arrived[0]!;
  assert.equal(content.includes('boss@example.org'), false, 'who is in bcc stands in no header');
  const mail = await PostalMime.parse(content);
  assert.deepEqual(mail.from, { address: 'alice@gw.example', name: 'Ælfred 🦊' });
  assert.deepEqual(mail.to, [{ address: 'bob@example.com', name: '山田太郎' }]);
  assert.deepEqual(mail.cc, [{ address: 'carl@example.com', name: 'Müller, Karl "K"' }]);
  assert.equal(mail.bcc, undefined);
  assert.equal(mail.subject, 'Angebot für Zürich — 見積もり 🎈');
  assert.equal(mail.text?.replace(/\r\n/g, '\n').trimEnd(), TEXT);
  assert.equal(mail.html?.trimEnd(), HTML);
  assert.equal(mail.headers.find(({ key }) => key === 'x-job')?.value, '42');
  const files = mail.attachments.map(({ filename, content: bytes }) => [
    filename,
    createHash('sha256')
      .update(Buffer.from(bytes as ArrayBuffer))
      .digest('hex'),
  ]);
  assert.deepEqual(
    new Map(files as [string, string][]),
    new Map([
      ['Angebot Zürich.pdf', createHash('sha256').update(PDF).digest('hex')],
      ['logo.png', createHash('sha256').update(PNG).digest('hex')],
    ]),
  );
  assert.deepEqual(await verify(content, await dkimRecord(gateway)), ['gw.example pass']);
});

test('a signature does not verify once a letter of the text is changed', async (t) => {
  const hop = await nextHop(t);
  const gateway = await gatewayTo(t, hop.port);
  const body = { from: 'alice@gw.example', to: 'bob@example.com', subject: 'x', text: 'pay 10' };
  await gateway.fetchJson('POST', '/v1/messages', body, { key: gateway.liveKey });
  const [{ content }] = (await hop.arrivals(1)) as [Arrived];
  const record = await dkimRecord(gateway);
  assert.deepEqual(await verify(content, record), ['gw.example pass']);
  const changed = Buffer.from(content.toString('latin1').replace('pay 10', 'pay 99'), 'latin1');
  assert.deepEqual(await verify(changed, record), ['gw.example neutral']);
});
