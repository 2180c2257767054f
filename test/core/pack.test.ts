import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PackReader, PackWriter } from '../../src/core/pack.ts';

/** LEB128 as it is written down, a group of seven bits at a time. */
function leb128(value: bigint): number[] {
  const octets: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 128n) return [...octets, Number(rest)];
    octets.push(Number(rest & 127n) | 128);
  }
}

test('a number of up to 53 bits is packed as LEB128 says, and read again', () => {
  const edges = [7, 14, 21, 28, 31, 32, 35, 49, 53].flatMap((bits) => [2 ** bits - 1, 2 ** bits].map(BigInt));
  const numbers = fc.oneof(fc.maxSafeNat(), fc.nat(), fc.nat(300), fc.constantFrom(...edges.map(Number)));
  fc.assert(
    fc.property(
      numbers.filter((value) => Number.isSafeInteger(value)),
      (value) => {
        const w = new PackWriter();
        w.uint(value);
        assert.deepEqual([...w.bytes()], leb128(BigInt(value)));
        const r = new PackReader(w.bytes());
        assert.equal(r.uint(), value);
        assert.ok(r.done);
      },
    ),
  );
});

test('what was written comes back, whatever came before it in the same buffer', () => {
  const texts = fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.integer()), { maxLength: 40 });
  fc.assert(
    fc.property(fc.array(texts, { maxLength: 30 }), (parts) => {
      const w = new PackWriter();
      const given = parts.map((part) => {
        w.restart();
        for (const [text, number] of part) {
          w.text(text);
          w.int(number);
        }
        assert.equal(w.view().length, w.size);
        return w.part();
      });
      // Read at the end: no later part has touched an earlier one.
      parts.forEach((part, i) => {
        const r = new PackReader(given[i]!);
        for (const [text, number] of part) {
          assert.equal(r.text(), text.toWellFormed());
          assert.equal(r.int(), number);
        }
        assert.ok(r.done);
      });
    }),
  );
});

test('a reader of a stretch of octets reads no further than that', () => {
  const w = new PackWriter();
  w.text('before');
  const start = w.size;
  w.uint(2 ** 40);
  w.text('abc');
  const end = w.size;
  w.text('after');
  const r = new PackReader(w.bytes(), start, end);
  assert.equal(r.uint(), 2 ** 40);
  assert.equal(r.skipsText('abcafter'), false);
  assert.equal(r.skipsText('abc'), true);
  assert.equal(r.position, end);
  assert.ok(r.done);
  assert.throws(() => r.byte(), /end too early/);
  assert.throws(() => new PackReader(w.bytes(), start + 1, start + 2).uint(), /end too early/);
});
