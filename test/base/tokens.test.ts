import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openSecrets } from '../../src/base/secrets.ts';
import { openTokens } from '../../src/base/tokens.ts';

const first = { version: 1, secret: 'a master secret of good length 0001' };
const second = { version: 2, secret: 'a master secret of good length 0002' };
const tokens = openTokens(openSecrets([first]));
const named = fc.record({
  id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  tenant: fc.integer({ min: 0, max: 0xffff_ffff }),
});
const someone = { id: Uint8Array.from({ length: 16 }, (_, i) => i * 16), tenant: 7 };

test('a return path comes back as the recipient and tenant it was made for', () => {
  fc.assert(
    fc.property(named, (recipient) => {
      const address = tokens.makeReturnPath(recipient, 'bounces.acme.example');
      assert.match(address, /^b\+[a-z2-7]{48}@bounces\.acme\.example$/);
      assert.ok(address.indexOf('@') <= 64);
      const parsed = tokens.parseReturnPath(address);
      assert.deepEqual(parsed, { recipientId: recipient.id, tenant: recipient.tenant });
    }),
  );
});

test('a Message-ID comes back as the message and tenant it was made for, with and without angle brackets', () => {
  fc.assert(
    fc.property(named, (message) => {
      const id = tokens.makeMessageId(message, 'acme.example');
      assert.match(id, /^<[a-z2-7]{48}@acme\.example>$/);
      const expected = { messageId: message.id, tenant: message.tenant };
      assert.deepEqual(tokens.parseMessageId(id), expected);
      assert.deepEqual(tokens.parseMessageId(id.slice(1, -1)), expected);
    }),
  );
});

test('letter case does not matter on the way back', () => {
  const address = tokens.makeReturnPath(someone, 'bounces.acme.example').toUpperCase();
  assert.equal(tokens.parseReturnPath(address)?.tenant, 7);
  assert.equal(tokens.parseMessageId(tokens.makeMessageId(someone, 'acme.example').toUpperCase())?.tenant, 7);
});

test('no other character in any place of a token is accepted', () => {
  const address = tokens.makeReturnPath(someone, 'bounces.acme.example');
  const id = tokens.makeMessageId(someone, 'acme.example');
  for (let place = 0; place < 50; place++) {
    for (const other of 'abcdefghijklmnopqrstuvwxyz234567+=<>@ 019\u212a\u017f\0') {
      if (other !== address[place]?.toLowerCase()) {
        assert.equal(tokens.parseReturnPath(address.slice(0, place) + other + address.slice(place + 1)), null);
      }
      if (place > 0 && other !== id[place]) {
        assert.equal(tokens.parseMessageId(id.slice(0, place) + other + id.slice(place + 1)), null);
      }
    }
  }
});

test('a token cut short or made longer is not accepted', () => {
  const address = tokens.makeReturnPath(someone, 'bounces.acme.example');
  const [local = '', domain = ''] = address.split('@');
  for (let length = 0; length < local.length; length++) {
    assert.equal(tokens.parseReturnPath(`${local.slice(0, length)}@${domain}`), null);
  }
  assert.equal(tokens.parseReturnPath(`${local}a@${domain}`), null);
  assert.equal(tokens.parseReturnPath(local), null);
  assert.equal(tokens.parseReturnPath(''), null);
  assert.equal(tokens.parseMessageId(''), null);
});

test('a token of one purpose is no token of the other', () => {
  const token = tokens.makeReturnPath(someone, 'x.example').slice(2, 50);
  assert.equal(tokens.parseMessageId(`<${token}@x.example>`), null);
  const id = tokens.makeMessageId(someone, 'x.example').slice(1, 49);
  assert.equal(tokens.parseReturnPath(`b+${id}@x.example`), null);
});

test('a token made under another secret is not accepted, until that secret is among the earlier ones', () => {
  const old = tokens.makeReturnPath(someone, 'x.example');
  assert.equal(openTokens(openSecrets([second])).parseReturnPath(old), null);
  const rotated = openTokens(openSecrets([second, first]));
  assert.equal(rotated.parseReturnPath(old)?.tenant, 7);
  assert.notEqual(rotated.makeReturnPath(someone, 'x.example'), old);
});

test('arbitrary text is never a token', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      assert.equal(tokens.parseReturnPath(text), null);
      assert.equal(tokens.parseMessageId(text), null);
      assert.equal(tokens.parseReturnPath(`b+${text}@x.example`), null);
    }),
  );
});

test('a domain that could break out of an address or a header is a fault', () => {
  for (const domain of ['', 'a b', 'a\r\nBcc: x', 'a>', 'a@b', 'bücher.example', 'a\0', 'a;', 'x'.repeat(256)]) {
    assert.throws(() => tokens.makeReturnPath(someone, domain), RangeError);
    assert.throws(() => tokens.makeMessageId(someone, domain), RangeError);
  }
});

test('a tenant number or an id of the wrong size is a fault', () => {
  assert.throws(() => tokens.makeReturnPath({ ...someone, tenant: 2 ** 32 }, 'x.example'), RangeError);
  assert.throws(() => tokens.makeReturnPath({ ...someone, id: new Uint8Array(15) }, 'x.example'), RangeError);
});

test('a token for unsubscribing comes back as its recipient, whatever the letter case, and is good for nothing else', () => {
  fc.assert(
    fc.property(named, (recipient) => {
      const token = tokens.makeUnsubscribe(recipient);
      assert.match(token, /^[a-z2-7]{48}$/);
      const expected = { recipientId: recipient.id, tenant: recipient.tenant };
      assert.deepEqual(tokens.parseUnsubscribe(token), expected);
      assert.deepEqual(tokens.parseUnsubscribe(token.toUpperCase()), expected);
      assert.equal(tokens.parseReturnPath(`b+${token}@bounces.acme.example`), null);
      assert.equal(tokens.parseMessageId(`<${token}@acme.example>`), null);
    }),
  );
  const path = tokens.makeReturnPath(someone, 'bounces.acme.example');
  assert.equal(tokens.parseUnsubscribe(path.slice(2, 50)), null);
  for (const none of [
    '',
    'a',
    'a'.repeat(48),
    `${tokens.makeUnsubscribe(someone)}a`,
    '\0'.repeat(48),
    'ä'.repeat(48),
  ]) {
    assert.equal(tokens.parseUnsubscribe(none), null);
  }
});

test('the token of a link holds its address, and neither part is good without the other', () => {
  const tokens = openTokens(openSecrets([{ version: 1, secret: 'first '.repeat(8) }]));
  const recipient = { id: new Uint8Array(16).fill(7), tenant: 5 };
  const url = 'https://shop.example/ü?a=1&b=2';
  const token = tokens.makeClick(recipient, url);
  assert.match(token, /^[a-z2-7]{48}\.[\w-]+$/);
  assert.deepEqual(tokens.parseClick(token), { recipientId: recipient.id, tenant: 5, url });
  const other = tokens.makeClick(recipient, 'https://evil.example/');
  assert.equal(tokens.parseClick(token.slice(0, 49) + other.slice(49)), null);
  assert.equal(tokens.parseClick(token.slice(0, 48)), null);
  assert.equal(tokens.parseClick(tokens.makeOpen(recipient)), null);
  assert.equal(tokens.parseOpen(token.slice(0, 48)), null, 'not even with an empty address');
  assert.equal(tokens.parseUnsubscribe(tokens.makeOpen(recipient)), null);
  assert.deepEqual(tokens.parseOpen(tokens.makeOpen(recipient)), { recipientId: recipient.id, tenant: 5 });
});
