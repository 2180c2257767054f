import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { offsetOf, Pages } from '../../src/core/pages.ts';

const MEGABYTE = 1024 * 1024;

test('pieces never share an octet, whatever is given back and taken again', () => {
  const lengths = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 200_000, max: MEGABYTE }));
  const steps = fc.array(fc.record({ length: lengths, givesBack: fc.nat(3) }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (all) => {
      const pages = new Pages();
      const held: { place: number; length: number; mark: number }[] = [];
      for (const [n, { length, givesBack }] of all.entries()) {
        const place = pages.take(length);
        const at = offsetOf(place);
        assert.equal(at % 16, 0);
        const mark = (n % 255) + 1;
        pages.pageOf(place).octets.fill(mark, at, at + length);
        held.push({ place, length, mark });
        for (const one of held) {
          const { octets } = pages.pageOf(one.place);
          const from = offsetOf(one.place);
          assert.ok(from + one.length <= octets.length);
          assert.equal(octets[from], one.mark);
          assert.equal(octets[from + one.length - 1], one.mark);
        }
        if (givesBack === 0) {
          const one = held.splice(n % held.length, 1)[0]!;
          pages.giveBack(one.place, one.length);
        }
      }
    }),
    { numRuns: 30 },
  );
});

test('a piece that was given back is the next one of its length', () => {
  const pages = new Pages();
  const first = pages.take(100);
  const other = pages.take(100);
  pages.giveBack(first, 100);
  assert.notEqual(pages.take(40), first);
  assert.equal(pages.take(97), first, 'of as many units');
  assert.notEqual(pages.take(100), other);
});

test('numbers and octets of a page are the same memory', () => {
  const pages = new Pages();
  const place = pages.take(16);
  const { octets, numbers } = pages.pageOf(place);
  numbers[offsetOf(place) / 8] = 1;
  assert.deepEqual([...octets.subarray(offsetOf(place), offsetOf(place) + 8)], [0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
});
