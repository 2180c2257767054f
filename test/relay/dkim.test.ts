import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { composeMessage, markPossibleDuplicate } from '../../src/relay/compose.ts';
import { type DkimKey, dkimDnsRecord, generateDkimKey, signDkim, withDkim } from '../../src/relay/dkim.ts';
import { sampleMessage } from './sample-message.ts';

const keys: DkimKey[] = [];
const zone = new Map<string, string>();
for (const algorithm of ['rsa', 'ed25519'] as const) {
  const pair = await generateDkimKey(algorithm);
  zone.set(`${algorithm}._domainkey.acme.example`, dkimDnsRecord(pair));
  keys.push({ domain: 'acme.example', selector: algorithm, privateKey: createPrivateKey(pair.privateKey) });
}

async function resolver(name: string, type: string): Promise<string[][]> {
  const found = zone.get(name);
  if (type !== 'TXT' || found === undefined) throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
  return [found.match(/.{1,255}/g)!];
}

async function verify(bytes: Uint8Array): Promise<string[]> {
  const { results } = await dkimVerify(Buffer.from(bytes), { resolver });
  return results.map(({ status }) => status.result);
}

const crlf = (text: string) => Buffer.from(text.replace(/\r\n|\n/g, '\r\n'), 'latin1');
const header = 'From: Alice <alice@acme.example>\nTo: bob@example.com\nSubject: Hi\n';

test('a composed message verifies under both algorithms', async () => {
  const html = '<p>Grüße</p>'.repeat(200);
  const attachments = [{ filename: 'a.bin', contentType: 'a/b', contentId: null, bytes: Buffer.alloc(5000, 7) }];
  const { bytes } = composeMessage(sampleMessage({ html, attachments, listUnsubscribe: ['https://x.example/'] }));
  assert.deepEqual(await verify(await withDkim(bytes, keys)), ['pass', 'pass']);
});

// SMTP carries no body without a line end at its end, and verifiers differ about blanks there.
test('bodies of every shape verify', async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '\r\n',
      '\r\n\r\n',
      ' ',
      '\t',
      ' \t ',
      ' \r\n',
      '\t\r\n \r\n',
      '.',
      '\r\n.\r\n',
      'a',
      'Wort',
      '\xff',
      '\x00',
    ),
    fc.string({ unit: 'grapheme-ascii', maxLength: 30 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 15 }), async (pieces) => {
      const message = Buffer.concat([crlf(header), Buffer.from(`\r\n${pieces.join('')}\r\n`, 'latin1')]);
      assert.deepEqual(await verify(await withDkim(message, keys)), ['pass', 'pass']);
    }),
    { numRuns: 150 },
  );
});

test('an empty body, one of line ends alone and one of blanks alone verify', async () => {
  for (const body of ['', '\r\n', '\r\n\r\n\r\n', ' \r\n', ' \t \r\n', 'a', 'a\r\n\r\n\r\n', '  a  b  \r\n']) {
    const message = Buffer.concat([crlf(`${header}\n`), Buffer.from(body)]);
    assert.deepEqual(await verify(await withDkim(message, keys)), ['pass', 'pass'], JSON.stringify(body));
  }
});

test('headers folded, stretched, long, repeated and of 8 bits verify', async () => {
  const fields = fc.array(
    fc.constantFrom(
      'Subject:  a \t b\r\n\tc  \r\n',
      `References: ${'<r@x.example>\r\n '.repeat(60)}<last@x.example>\r\n`,
      'To: J\xc3\xb6rg <j\xc3\xb6rg@example.com>\r\n',
      'In-Reply-To:<a@b.example>\r\n',
      'reply-to : a@b.example\r\n',
      `X-Long: ${'x'.repeat(900)}\r\n`,
      'Subject: second\r\n',
      'Cc:\r\n',
      'Cc: \t \r\n',
      'Feedback-ID: a:b\r\n',
    ),
  );
  await fc.assert(
    fc.asyncProperty(fields, fields, async (above, below) => {
      const text = [...above, 'FROM:  Alice\r\n <alice@acme.example>\r\n', ...below, '\r\nbody\r\n'].join('');
      assert.deepEqual(await verify(await withDkim(Buffer.from(text, 'latin1'), keys)), ['pass', 'pass'], text);
    }),
    { numRuns: 100 },
  );
});

test('a signature outlives dot-stuffing, folding anew, and blanks and empty lines added at ends', async () => {
  const { bytes } = composeMessage(sampleMessage({ text: 'a\n.\n..b\n. c \n\n', subject: 'Long '.repeat(60).trim() }));
  const signed = Buffer.from(await withDkim(bytes, keys)).toString('latin1');
  const stuffed = signed.replace(/^\./gm, '..');
  const received = stuffed.replace(/^\.\./gm, '.');
  assert.deepEqual(await verify(Buffer.from(received, 'latin1')), ['pass', 'pass']);
  const refolded = received.replace('Subject: ', 'subject:\r\n\t').replace(/\r\n\r\n$/, ' \r\n\t\r\n\r\n\r\n');
  assert.deepEqual(await verify(Buffer.from(`${refolded}\r\n\r\n`, 'latin1')), ['pass', 'pass']);
});

test('whatever is changed, the signature no longer verifies', async () => {
  const { bytes } = composeMessage(sampleMessage());
  const signed = Buffer.from(await withDkim(bytes, keys)).toString('latin1');
  for (const [from, to] of [
    ['Hello Bob', 'Hello Rob'],
    ['Subject: Your quote', 'Subject: Your qoute'],
    ['alice@acme', 'alicf@acme'],
    ['bob@example.com', 'bob@example.org'],
    ['Date: Tue', 'Date: Wed'],
    ['\r\nTo:', '\r\nX-To:'],
    ['text/plain', 'text/html'],
  ] as const) {
    const changed = signed.replace(from, to);
    assert.notEqual(changed, signed);
    for (const result of await verify(Buffer.from(changed, 'latin1'))) assert.notEqual(result, 'pass', from);
  }
});

test('a second From, Subject or Content-Type and a Cc or Reply-To that was not there break the signature', async () => {
  const { bytes } = composeMessage(sampleMessage());
  const signed = Buffer.from(await withDkim(bytes, keys)).toString('latin1');
  for (const field of [
    'From: e@evil.example',
    'Subject: x',
    'Content-Type: text/html',
    'Cc: e@evil.example',
    'Reply-To: e@evil.example',
  ]) {
    for (const changed of [`${field}\r\n${signed}`, signed.replace('\r\n\r\n', `\r\n${field}\r\n\r\n`)]) {
      for (const result of await verify(Buffer.from(changed, 'latin1'))) assert.notEqual(result, 'pass', field);
    }
  }
  assert.deepEqual(await verify(Buffer.from(`Received: by x.example\r\nX-Spam: no\r\n${signed}`, 'latin1')), [
    'pass',
    'pass',
  ]);
});

test('the mark of a possible duplicate is signed with the rest', async () => {
  const marked = markPossibleDuplicate(composeMessage(sampleMessage()).bytes);
  const signed = Buffer.from(await withDkim(marked, keys)).toString('latin1');
  assert.deepEqual(await verify(Buffer.from(signed, 'latin1')), ['pass', 'pass']);
  const changed = await verify(Buffer.from(signed.replace('Duplicate: 1', 'Duplicate: 0'), 'latin1'));
  assert.ok(!changed.includes('pass'));
});

test('a message in UTF-8 verifies', async () => {
  const { bytes, needsSmtpUtf8 } = composeMessage(
    sampleMessage({ to: [{ email: 'jörg@bücher.example', name: 'Jörg' }] }),
  );
  assert.ok(needsSmtpUtf8);
  assert.deepEqual(await verify(await withDkim(bytes, keys)), ['pass', 'pass']);
});

test('the signature is one header of short lines that says when it was made', async () => {
  for (const key of keys) {
    const signature = await signDkim(composeMessage(sampleMessage()).bytes, key, 1_700_000_000_999);
    assert.match(signature, /^DKIM-Signature: v=1; a=(rsa|ed25519)-sha256; c=relaxed\/relaxed; d=acme\.example;\r\n/);
    assert.match(signature, / t=1700000000;/);
    assert.match(signature, /h=From:From:/);
    assert.ok(signature.endsWith('\r\n'));
    const lines = signature.slice(0, -2).split('\r\n');
    assert.ok(lines.every((line, i) => line.length <= 78 && (i === 0 || /^ +[^ ]/.test(line))));
  }
});

test('a message without From, or with two, is not signed', async () => {
  for (const fields of ['To: a@b.example\n', `${header}From: b@c.example\n`, '']) {
    await assert.rejects(signDkim(crlf(`${fields}\nbody`), keys[0]!), TypeError);
  }
});

test('a key that is no DKIM key is a fault', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  for (const key of [privateKey, publicKey, createPublicKey(keys[0]!.privateKey)]) {
    await assert.rejects(signDkim(crlf(`${header}\nx`), { ...keys[0]!, privateKey: key }), TypeError);
  }
});

test('a record for DNS carries the key as its RFC has it', () => {
  const [rsa, ed25519] = [...zone.values()];
  assert.match(rsa!, /^v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQ[A-Za-z0-9+/=]{370}$/);
  assert.match(ed25519!, /^v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=$/);
});

test('signing takes time in proportion to the body', async () => {
  const spent = process.cpuUsage();
  for (const part of [' ', '\r\n', ' \r\n', '\t a', 'a', '\r']) {
    await signDkim(
      crlf(`${header}X-A: ${part.replace(/[\r\n]/g, '').repeat(100_000)}\n\n${part.repeat(1_000_000)}`),
      keys[1]!,
    );
  }
  const { user, system } = process.cpuUsage(spent);
  assert.ok(user + system < 10_000_000, `${(user + system) / 1e6} s`);
});
