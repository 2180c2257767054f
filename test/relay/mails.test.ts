/** Mail made ready: once per message, within bounds of memory, and never from damaged content. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { newId } from '../../src/base/ids.ts';
import { contentText } from '../../src/core/content-text.ts';
import { UNSUBSCRIBE_PLACEHOLDER } from '../../src/core/unsubscribe.ts';
import { composeMessage } from '../../src/relay/compose.ts';
import type { Composer } from '../../src/relay/composer.ts';
import { type Mail, type MailAnswer, Mails } from '../../src/relay/mails.ts';
import { claimedOne, memoryBlobs, submission, tokens } from '../harness/claims.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function setUp(options: { blobs?: Record<string, Uint8Array>; maxBytes?: number } = {}) {
  let composed = 0;
  const composer: Composer = {
    async compose({ message }) {
      composed += 1;
      return composeMessage(message);
    },
    close: async () => {},
  };
  const blobs = memoryBlobs(options.blobs);
  const { maxBytes } = options;
  const mails = new Mails({
    blobs,
    composer,
    tokens,
    domain: 'gateway.example',
    publicUrl: 'https://gateway.example',
    keysFor: async () => [],
    maxBytes,
  });
  return { mails, composed: () => composed };
}

const textOf = (answer: MailAnswer): string =>
  Buffer.from(ready(answer).bytes).toString('utf8').replaceAll('=\r\n', '').replaceAll('\r\n ', ' ');

function ready(answer: MailAnswer): Mail {
  assert.ok(typeof answer === 'object' && 'bytes' in answer, JSON.stringify(answer));
  return answer;
}

const problemOf = (answer: MailAnswer): string =>
  typeof answer === 'object' && 'problem' in answer ? answer.problem : `no problem: ${JSON.stringify(answer)}`;

const people = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ email: `p${i}@example.com`, name: null, key: '', domain: '' }));

test('all recipients of a message share the octets that were composed once', async () => {
  const { mails, composed } = setUp();
  const first = claimedOne({ submission: { to: people(3) } });
  const together = await Promise.all([mails.take(first), mails.take({ ...first, recipient: 1001 })]);
  const later = await mails.take({ ...first, recipient: 1002 });
  assert.equal(ready(together[0]).bytes, ready(together[1]).bytes);
  assert.equal(ready(together[0]).bytes, ready(later).bytes);
  for (const mail of [...together, later]) ready(mail).release();
  ready(await mails.take({ ...first, recipient: 1003 }));
  assert.equal(composed(), 1);
});

test('marketing mail is made for each recipient, with a link of their own that nobody else gets', async () => {
  const { mails, composed } = setUp();
  const first = claimedOne({
    submission: { to: people(2), kind: 'marketing', text: `Out: ${UNSUBSCRIBE_PLACEHOLDER}` },
  });
  const marketing = { ...first, kind: 'marketing' } as const;
  const second = { ...marketing, recipient: 1001, recipientId: newId('rcp') };
  const both = await Promise.all([mails.take(marketing), mails.take(second)]);
  const links = both.map((mail) => /<(https:\/\/gateway\.example\/u\/[a-z2-7]{48})>/.exec(textOf(mail))?.[1]);
  assert.notEqual(links[0], links[1]);
  both.forEach((mail, i) => {
    assert.ok(textOf(mail).includes(`Out: ${links[i]}`));
    assert.ok(textOf(mail).includes('List-Unsubscribe-Post: List-Unsubscribe=One-Click'));
    ready(mail).release();
  });
  assert.equal(composed(), 2);
});

test('other mail is made for each recipient as soon as it holds the place of the link, whoever asks first', async () => {
  const { mails } = setUp();
  const first = claimedOne({ submission: { to: people(3), text: `Out: ${UNSUBSCRIBE_PLACEHOLDER}` } });
  const claims = [first, ...[1001, 1002].map((recipient) => ({ ...first, recipient, recipientId: newId('rcp') }))];
  const taken = await Promise.all(claims.map((claimed) => mails.take(claimed)));
  assert.equal(new Set(taken.map((mail) => /u\/([a-z2-7]{48})/.exec(textOf(mail))?.[1])).size, 3);
  for (const mail of taken) {
    assert.ok(!textOf(mail).includes(UNSUBSCRIBE_PLACEHOLDER));
    ready(mail).release();
  }
});

test('a message for one is not kept', async () => {
  const { mails, composed } = setUp();
  const only = claimedOne();
  ready(await mails.take(only)).release();
  ready(await mails.take(only)).release();
  assert.equal(composed(), 2);
});

test('a possible duplicate is another mail than the first copy', async () => {
  const { mails, composed } = setUp();
  const first = claimedOne({ submission: { to: people(2) } });
  await mails.take(first);
  await mails.take({ ...first, possibleDuplicate: true });
  assert.equal(composed(), 2);
});

test('attachments and large bodies come from the blob store', async () => {
  const bytes = Buffer.from('octets of a file');
  const attachment = { filename: 'a.txt', contentType: 'text/plain', contentId: null, sha256: sha256(bytes), size: 16 };
  const body = Buffer.from(contentText(submission({ attachments: [attachment] })));
  const { mails } = setUp({ blobs: { [sha256(bytes)]: bytes, [sha256(body)]: body } });
  const mail = ready(await mails.take(claimedOne({ content: { blob: sha256(body) } })));
  assert.ok(Buffer.from(mail.bytes).toString().includes(bytes.toString('base64')));
});

test('content that is gone, damaged or no submission is a problem, and an attachment likewise', async () => {
  const damaged = sha256(Buffer.from('as stored'));
  const { mails } = setUp({ blobs: { [damaged]: Buffer.from('as read') } });
  const attached = (hash: string) => ({
    attachments: [{ filename: 'a.txt', contentType: 'text/plain', contentId: null, sha256: hash, size: 9 }],
  });
  const cases = [
    claimedOne({ content: { gone: true } }),
    claimedOne({ content: { blob: damaged } }),
    claimedOne({ content: { blob: sha256(Buffer.from('nowhere')) } }),
    claimedOne({ content: { inline: Buffer.from('{"subject":') } }),
    claimedOne({ content: { inline: Buffer.from('{}') } }),
    claimedOne({ submission: attached(damaged) }),
    claimedOne({ submission: { text: null, template: { id: 'x', version: null, data: {} } } }),
  ];
  for (const claimed of cases) {
    assert.match(problemOf(await mails.take(claimed)), /stored|damaged|rendered/);
  }
});

test('at most so many octets of content are in memory: the next waits for a release', async () => {
  const { mails } = setUp({ maxBytes: 1000 });
  const first = ready(await mails.take(claimedOne({ size: 600 })));
  let isReady = false;
  const waiting = mails.take(claimedOne({ size: 600 })).then((answer) => {
    isReady = true;
    return answer;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isReady, false);
  first.release();
  ready(await waiting).release();
  ready(await mails.take(claimedOne({ size: 600 })));
});

test('a message larger than the bound goes alone', async () => {
  const { mails } = setUp({ maxBytes: 1000 });
  const large = ready(await mails.take(claimedOne({ size: 5000 })));
  let isReady = false;
  const next = mails.take(claimedOne({ size: 1 })).then((answer) => {
    isReady = true;
    return answer;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isReady, false);
  large.release();
  ready(await next);
});

test('kept octets make room for new ones', async () => {
  const { mails, composed } = setUp({ maxBytes: 1000 });
  const shared = claimedOne({ size: 600, submission: { to: people(2) } });
  ready(await mails.take(shared)).release();
  ready(await mails.take(claimedOne({ size: 600 }))).release();
  ready(await mails.take(shared));
  assert.equal(composed(), 3);
});

test('what failed holds no memory and is made anew', async () => {
  const { mails } = setUp({ maxBytes: 1000 });
  const bad = claimedOne({ size: 900, submission: { subject: 'a\nb', to: people(2) } });
  assert.match(problemOf(await mails.take(bad)), /subject/);
  assert.match(problemOf(await mails.take(bad)), /subject/);
  ready(await mails.take(claimedOne({ size: 900 })));
});

test('a stop ends the waiting for memory', async () => {
  const { mails } = setUp({ maxBytes: 1000 });
  ready(await mails.take(claimedOne({ size: 1000 })));
  const waiting = mails.take(claimedOne({ size: 1000 }));
  mails.stop();
  assert.equal(await waiting, 'stopped');
  assert.equal(await mails.take(claimedOne({ size: 1 })), 'stopped');
});
