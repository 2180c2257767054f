import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { octetsIn } from '../../src/base/text.ts';

test('octets are those of UTF-8, however long a text is', () => {
  const texts = fc.tuple(fc.string({ unit: 'binary' }), fc.constantFrom(0, 1, 5460, 5462, 20_000));
  fc.assert(
    fc.property(texts, ([text, more]) => {
      const whole = text + '€'.repeat(more);
      assert.equal(octetsIn(whole), Buffer.byteLength(whole));
    }),
  );
  assert.equal(octetsIn('\ud800'), 3);
});
