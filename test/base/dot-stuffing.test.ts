import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { unstuffed } from '../../src/base/dot-stuffing.ts';

/** Reads pieces as they come; null where the end never came. */
function read(pieces: Buffer[]): { content: string; rest: string } | null {
  let content = '';
  let kept: Buffer = Buffer.alloc(0);
  let isAtStart = true;
  for (const [i, piece] of pieces.entries()) {
    const octets = Buffer.concat([kept, piece]);
    const found = unstuffed(octets, isAtStart);
    content += found.content.toString('latin1');
    if (found.isEnd) return { content, rest: Buffer.concat([found.rest, ...pieces.slice(i + 1)]).toString('latin1') };
    assert.ok(found.rest.length <= 4);
    isAtStart &&= found.rest.length === octets.length;
    kept = found.rest;
  }
  return null;
}

function cut(text: string, places: number[]): Buffer[] {
  const octets = Buffer.from(text, 'latin1');
  const at = [...new Set(places.map((place) => place % (octets.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, i) => octets.subarray(from, at[i] ?? octets.length));
}

const lines = fc.array(fc.constantFrom('', '.', '..', '.x', 'x', 'x.', 'a longer line', '\r', '.\r'), { maxLength: 8 });

test('what was stuffed comes back as it was, wherever it is cut', () => {
  fc.assert(
    fc.property(lines, fc.array(fc.nat(200), { maxLength: 6 }), (written, places) => {
      const stuffed = written.map((line) => `${line.startsWith('.') ? '.' : ''}${line}\r\n`).join('');
      const found = read(cut(`${stuffed}.\r\nNOOP\r\n`, places));
      assert.deepEqual(found, { content: written.map((line) => `${line}\r\n`).join(''), rest: 'NOOP\r\n' });
    }),
    { numRuns: 2000 },
  );
});

test('nothing but a line of one dot is the end, and a dot that was not doubled stays', () => {
  for (const text of ['.', '.\r', 'x.\r\n', 'x\n.\r\n', 'x\r.\r\n', 'x\r\n.\n', 'x\r\n.x\r\n', '\r\n..\r\n']) {
    assert.equal(read([Buffer.from(text)]), null, JSON.stringify(text));
  }
  assert.deepEqual(read([Buffer.from('.x\r\n.y\r\n.\r\n')]), { content: '.x\r\n.y\r\n', rest: '' });
  assert.deepEqual(read([Buffer.from('.\r\n')]), { content: '', rest: '' });
});

test('a piece of nothing but dots is read in linear time', () => {
  const octets = Buffer.from('..\r\n'.repeat(4_000_000));
  const before = process.cpuUsage();
  assert.equal(unstuffed(octets, true).content.length, 3 * 4_000_000 - 2);
  const { user } = process.cpuUsage(before);
  assert.ok(user < 10_000_000, `${user} µs`);
});
