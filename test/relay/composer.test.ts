import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { createPrivateKey } from 'node:crypto';
import { test } from 'node:test';
import { composeMessage } from '../../src/relay/compose.ts';
import { ComposeFault } from '../../src/relay/compose-fault.ts';
import { ComposerBusy, type ComposerOptions, startComposer } from '../../src/relay/composer.ts';
import { generateDkimKey } from '../../src/relay/dkim.ts';
import { sampleMessage } from './sample-message.ts';

async function withComposer(
  options: ComposerOptions,
  run: (composer: ReturnType<typeof startComposer>) => Promise<void>,
) {
  const composer = startComposer(options);
  try {
    await run(composer);
  } finally {
    await composer.close();
  }
}

const file = (bytes: Uint8Array) => ({ filename: 'a', contentType: 'a/b', contentId: null, bytes });
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

test('the thread gives the same octets as composing here', () =>
  withComposer({}, async (composer) => {
    const messages = Array.from({ length: 50 }, (_, i) =>
      sampleMessage({
        subject: `Nr. ${i} – ü`,
        html: `<p>${i}</p>`,
        to: [{ email: i % 2 ? 'jörg@x.example' : 'a@x.example', name: null }],
      }),
    );
    const composed = await Promise.all(messages.map((message) => composer.compose({ message })));
    composed.forEach((one, i) => {
      const here = composeMessage(messages[i]!);
      assert.ok(Buffer.from(one.bytes).equals(here.bytes));
      assert.equal(one.needsSmtpUtf8, here.needsSmtpUtf8);
    });
  }));

test('the mark of a possible duplicate and the signatures stand above, in that order', () =>
  withComposer({}, async (composer) => {
    const pairs = await Promise.all([generateDkimKey('rsa'), generateDkimKey('ed25519')]);
    const dkim = pairs.map((pair) => ({
      domain: 'acme.example',
      selector: pair.algorithm,
      privateKey: createPrivateKey(pair.privateKey),
    }));
    const { bytes } = await composer.compose({ message: sampleMessage(), possibleDuplicate: true, dkim });
    assert.match(
      text(bytes),
      /^DKIM-Signature: v=1; a=rsa[\s\S]*DKIM-Signature: v=1; a=ed25519[\s\S]*X-Postern-Possible-Duplicate: 1\r\nFrom: /,
    );
  }));

test('octets of attachments are moved, and a message whose octets are gone is refused rather than sent empty', () =>
  withComposer({}, async (composer) => {
    const bytes = new Uint8Array(100_000).fill(7);
    const message = sampleMessage({ attachments: [file(bytes)] });
    const expected = composeMessage(message);
    const composed = await composer.compose({ message });
    assert.ok(Buffer.from(composed.bytes).equals(expected.bytes));
    assert.equal(bytes.length, 0);
    await assert.rejects(composer.compose({ message }), (error) => error instanceof ComposeFault);
  }));

test('octets that are part of a larger memory stay where they are', () =>
  withComposer({}, async (composer) => {
    const memory = new Uint8Array(2000).fill(9);
    const pooled = Buffer.from('pooled');
    const message = sampleMessage({ attachments: [file(memory.subarray(10, 1000)), file(pooled)] });
    const expected = composeMessage(message);
    const composed = await composer.compose({ message });
    assert.ok(Buffer.from(composed.bytes).equals(expected.bytes));
    assert.equal(memory[10], 9);
    assert.equal(pooled.toString(), 'pooled');
  }));

test('two messages asked for at once may share an attachment', () =>
  withComposer({}, async (composer) => {
    const bytes = new Uint8Array(1000).fill(1);
    const message = sampleMessage({ attachments: [file(bytes)] });
    const [one, other] = await Promise.all([composer.compose({ message }), composer.compose({ message })]);
    assert.ok(Buffer.from(one.bytes).equals(other.bytes));
  }));

test('a message that cannot be composed is rejected with its field, and the others are not harmed', () =>
  withComposer({}, async (composer) => {
    const bad = composer.compose({ message: sampleMessage({ subject: 'a\r\nBcc: b@c.example' }) });
    const good = composer.compose({ message: sampleMessage() });
    await assert.rejects(bad, (error) => error instanceof ComposeFault && error.field === 'subject');
    assert.ok((await good).bytes.length > 0);
  }));

test('more than the bound is refused at once, and taken again when there is room', () =>
  withComposer({ maxWaiting: 2 }, async (composer) => {
    const message = sampleMessage();
    const taken = [composer.compose({ message }), composer.compose({ message })];
    await assert.rejects(composer.compose({ message }), ComposerBusy);
    await Promise.all(taken);
    await composer.compose({ message });
  }));

test('octets under way are bounded, though a single large message is taken', () =>
  withComposer({ maxWaitingBytes: 1000 }, async (composer) => {
    const large = composer.compose({ message: sampleMessage({ text: 'x'.repeat(5000) }) });
    await assert.rejects(composer.compose({ message: sampleMessage() }), ComposerBusy);
    await large;
    await composer.compose({ message: sampleMessage() });
  }));

test('when a thread dies, what was under way in it is rejected and the next message is composed by another', () =>
  withComposer({ script: new URL('./dying-worker.ts', import.meta.url) }, async (composer) => {
    const deadly = composer.compose({ message: sampleMessage({ subject: 'die' }) });
    const beside = composer.compose({ message: sampleMessage() });
    await assert.rejects(deadly, /thread died/);
    await assert.rejects(beside, /thread died/);
    const { bytes } = await composer.compose({ message: sampleMessage() });
    assert.ok(Buffer.from(bytes).equals(composeMessage(sampleMessage()).bytes));
  }));

test('a thread that cannot start rejects its messages, each time anew, and closing still ends', () =>
  withComposer({ script: new URL('./no-such-file.ts', import.meta.url) }, async (composer) => {
    for (let i = 0; i < 2; i++) await assert.rejects(composer.compose({ message: sampleMessage() }), /thread died/);
  }));

test('closing waits for what is under way and takes no more', async () => {
  const composer = startComposer({ threads: 2 });
  const underWay = Array.from({ length: 20 }, () => composer.compose({ message: sampleMessage() }));
  const closed = composer.close();
  await assert.rejects(composer.compose({ message: sampleMessage() }), /closed/);
  await closed;
  assert.equal((await Promise.all(underWay)).length, 20);
});

test('a composer that nobody used starts no thread', async (t) => {
  let threads = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'WORKER') threads += 1;
    },
  }).enable();
  t.after(() => hook.disable());
  const composer = startComposer();
  t.after(() => composer.close());
  assert.equal(threads, 0);
  await composer.compose({ message: sampleMessage() });
  assert.equal(threads, 1, 'the first message starts it');
});
