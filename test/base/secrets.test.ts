import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { openSecrets } from '../../src/base/secrets.ts';

const first = { version: 1, secret: 'a master secret of good length 0001' };
const second = { version: 2, secret: 'a master secret of good length 0002' };

test('what was sealed opens again in its own place, and only there', () => {
  const secrets = openSecrets([first]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), fc.string(), (plain, context, other) => {
      const sealed = secrets.seal(plain, context);
      assert.deepEqual(new Uint8Array(secrets.open(sealed, context)!), plain);
      if (other !== context) assert.equal(secrets.open(sealed, other), null);
    }),
  );
});

test('no sealed value opens with a bit changed or an octet missing', () => {
  const secrets = openSecrets([first]);
  const sealed = secrets.seal(Buffer.from('password'), 'provider/1');
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Uint8Array.from(sealed);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(secrets.open(changed, 'provider/1'), null);
  }
  for (let length = 0; length < sealed.length; length++) {
    assert.equal(secrets.open(sealed.subarray(0, length), 'provider/1'), null);
  }
});

test('the same bytes sealed twice look different', () => {
  const secrets = openSecrets([first]);
  const once = secrets.seal(Buffer.from('password'), 'x');
  assert.notDeepEqual(once, secrets.seal(Buffer.from('password'), 'x'));
  assert.equal(Buffer.from(once).includes('password'), false);
});

test('after a change of the master secret old values open while the old secret is known, and new ones use the new', () => {
  const old = openSecrets([first]).seal(Buffer.from('password'), 'x');
  const rotated = openSecrets([second, first]);
  assert.equal(Buffer.from(rotated.open(old, 'x')!).toString(), 'password');
  const renewed = rotated.seal(Buffer.from('password'), 'x');
  assert.equal(renewed[0], 2);
  assert.equal(openSecrets([first]).open(renewed, 'x'), null);
  assert.equal(openSecrets([{ ...first, version: 2 }]).open(renewed, 'x'), null);
});

test('each purpose has a key of its own, the current secret first', () => {
  const secrets = openSecrets([second, first]);
  const keys = secrets.keysFor('return-path');
  assert.deepEqual(keys[1], openSecrets([first]).keysFor('return-path')[0]);
  assert.equal(keys[0]?.length, 32);
  assert.notDeepEqual(keys[0], keys[1]);
  assert.notDeepEqual(keys[0], secrets.keysFor('message-id')[0]);
});

test('unusable master secrets are a fault', () => {
  for (const masters of [[], [{ version: 1, secret: '' }], [{ ...first, version: 0 }], [{ ...first, version: 256 }]]) {
    assert.throws(() => openSecrets(masters), RangeError);
  }
  assert.throws(() => openSecrets([first, { ...second, version: 1 }]), RangeError);
});
