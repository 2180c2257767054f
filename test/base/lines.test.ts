import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { eachLine } from '../../src/base/lines.ts';

async function* chunksOf(text: string, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  let at = 0;
  for (let n = 0; at < bytes.length; n += 1) {
    const size = sizes[n % Math.max(1, sizes.length)] ?? 7;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function linesOf(text: string, sizes: readonly number[], maxBytes = 1000): Promise<(string | null)[]> {
  const found: (string | null)[] = [];
  await eachLine(chunksOf(text, sizes), maxBytes, ({ number, bytes }) => {
    assert.equal(number, found.length + 1);
    found.push(bytes === null ? null : Buffer.from(bytes).toString());
    return true;
  });
  return found;
}

test('lines come out whole and in order, however the stream is cut into pieces', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.stringMatching(/^[a-zé{}]{0,12}$/u), { maxLength: 12 }),
      sizes,
      async (lines, cuts) => {
        const expected = [...lines];
        // What follows the last line feed is a line of its own where it holds something.
        if (expected.at(-1) === '') expected.pop();
        assert.deepEqual(await linesOf(lines.join('\n'), cuts), expected);
      },
    ),
    { numRuns: 200 },
  );
});

test('a line past the bound is passed over to its end and keeps its number', async () => {
  const text = `short\n${'x'.repeat(50)}\nlast`;
  assert.deepEqual(await linesOf(text, [3], 20), ['short', null, 'last']);
  assert.deepEqual(await linesOf(text, [1000], 20), ['short', null, 'last']);
  assert.deepEqual(await linesOf('x'.repeat(50), [9], 20), [null]);
});

test('reading stops where it is told to', async () => {
  let taken = 0;
  const isWhole = await eachLine(chunksOf('a\nb\nc\n', [2]), 10, () => {
    taken += 1;
    return taken < 2;
  });
  assert.equal(isWhole, false);
  assert.equal(taken, 2);
});
