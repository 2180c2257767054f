import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import PostalMime, { type Email } from 'postal-mime';
import { openSecrets } from '../../src/base/secrets.ts';
import { openTokens } from '../../src/base/tokens.ts';
import { composeMessage, type OutgoingMessage } from '../../src/relay/compose.ts';
import { ComposeFault } from '../../src/relay/compose-fault.ts';
import { signDkim } from '../../src/relay/dkim.ts';
import { fieldNames, sampleMessage } from './sample-message.ts';

type Vector = { field: string; kind: string; value: string | null; value_len: number | null; expect: string };

const vectors: Vector[] = readFileSync(new URL('../fixtures/vectors/injection.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

const textOf = (vector: Vector) => vector.value ?? 'a'.repeat(vector.value_len ?? 0);
const named = (name: string) => ({ email: 'a@b.example', name });
const bare = (email: string) => ({ email, name: null });
const file = { filename: 'a', contentType: 'a/b', contentId: null, bytes: Buffer.from('a') };

/** Where a value of each field goes. `harmless` is what stands there instead to compare with: "a", or an address where one is due. */
const places: Record<string, { change: (value: string) => Partial<OutgoingMessage>; harmless?: string }> = {
  'from.email': { change: (value) => ({ from: bare(value) }), harmless: 'a@b.example' },
  'from.name': { change: (value) => ({ from: named(value) }) },
  'to.email': { change: (value) => ({ to: [bare(value)] }), harmless: 'a@b.example' },
  'to.name': { change: (value) => ({ to: [named(value)] }) },
  'cc.email': { change: (value) => ({ cc: [bare(value)] }), harmless: 'a@b.example' },
  reply_to: { change: (value) => ({ replyTo: [bare(value)] }), harmless: 'a@b.example' },
  subject: { change: (value) => ({ subject: value }) },
  message_id: { change: (value) => ({ messageId: value }) },
  in_reply_to: { change: (value) => ({ inReplyTo: value }) },
  references: { change: (value) => ({ references: [value] }) },
  'custom_header.name': { change: (value) => ({ headers: [[value, 'x']] }) },
  'custom_header.value': { change: (value) => ({ headers: [['X-Job', value]] }) },
  list_unsubscribe: { change: (value) => ({ listUnsubscribe: [value] }), harmless: 'https://a.example/' },
  'attachment.filename': { change: (value) => ({ attachments: [{ ...file, filename: value }] }) },
  'attachment.content_type': {
    change: (value) => ({ attachments: [{ ...file, contentType: value }] }),
    harmless: 'a/a',
  },
  'attachment.content_id': { change: (value) => ({ attachments: [{ ...file, contentId: value }] }) },
  'template.variable': { change: (value) => ({ subject: `Hi ${value}`, html: `<p>${value}</p>`, text: value }) },
};

/** What an injection would change: fields of the message and of its parts, and who it is to and from. */
async function shapeOf(message: OutgoingMessage) {
  const { bytes } = composeMessage(message);
  const wire = Buffer.from(bytes).toString('latin1');
  const parsed = await PostalMime.parse(bytes);
  const partFields = wire
    .split(/\r\n--=_[0-9a-f.]+\r\n/)
    .slice(1)
    .map((part) => fieldNames(Buffer.from(part, 'latin1')));
  return {
    fields: fieldNames(bytes),
    read: parsed.headers.map(({ key }) => key),
    partFields,
    addressCounts: [parsed.from, parsed.to, parsed.cc, parsed.bcc, parsed.replyTo].map(
      (list) => [list ?? []].flat().length,
    ),
    attachmentCount: parsed.attachments.length,
    parsed,
  };
}

const readBack: Record<string, (parsed: Email) => unknown> = {
  'from.name': (parsed) => parsed.from?.name,
  'to.name': (parsed) => parsed.to?.[0]?.name,
  subject: (parsed) => parsed.subject,
  'attachment.filename': (parsed) => parsed.attachments[0]?.filename,
};

for (const [field, { change, harmless = 'a' }] of Object.entries(places)) {
  test(`nothing in ${field} adds a header, a part or an address`, async () => {
    const { parsed: _, ...expected } = await shapeOf(sampleMessage(change(harmless)));
    let count = 0;
    for (const vector of vectors.filter((one) => one.field === field)) {
      count++;
      const value = textOf(vector);
      let shape: Awaited<ReturnType<typeof shapeOf>>;
      try {
        shape = await shapeOf(sampleMessage(change(value)));
      } catch (error) {
        assert.ok(error instanceof ComposeFault, String(error));
        assert.ok(!vector.expect.startsWith('accept'), `${vector.kind} is to be accepted: ${error.message}`);
        continue;
      }
      const { parsed, ...actual } = shape;
      assert.deepEqual(actual, expected, `${field} ${vector.kind}`);
      // This reader decodes encoded words in file names that were percent-encoded (RFC 2231), so those are left out here.
      const isReadBack = field in readBack && !(field === 'attachment.filename' && value.includes('=?'));
      if (isReadBack) assert.equal(readBack[field]!(parsed), value, `${field} ${vector.kind}`);
    }
    assert.ok(count > 0);
  });
}

test('nothing goes into a return path or a Message-ID but the token and a plain domain', () => {
  const tokens = openTokens(openSecrets([{ version: 1, secret: 'a master secret of good length' }]));
  for (const vector of vectors.filter(({ field }) => field === 'return_path.verp_part')) {
    const value = textOf(vector);
    assert.throws(() => tokens.makeReturnPath({ id: new Uint8Array(16), tenant: 1 }, value), RangeError);
    assert.throws(() => tokens.makeMessageId({ id: new Uint8Array(16), tenant: 1 }, value), RangeError);
  }
});

test('no selector or domain that could change the signature’s header is signed with', async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { bytes } = composeMessage(sampleMessage());
  for (const vector of vectors.filter(({ field }) => field === 'dkim.selector')) {
    const value = textOf(vector);
    await assert.rejects(signDkim(bytes, { domain: 'a.example', selector: value, privateKey }), TypeError);
    await assert.rejects(signDkim(bytes, { domain: value, selector: 'a', privateKey }), TypeError);
  }
});
