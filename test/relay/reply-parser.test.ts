import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  MAX_LINE_BYTES,
  MAX_REPLY_BYTES,
  type Reply,
  ReplyParser,
  toRemoteReply,
} from '../../src/relay/smtp/reply-parser.ts';

function parse(...chunks: (string | Buffer)[]): Reply[] {
  const parser = new ReplyParser();
  const replies: Reply[] = [];
  for (const chunk of chunks) parser.push(Buffer.from(chunk as string, 'latin1'), (reply) => replies.push(reply));
  return replies;
}

test('single-line, multi-line and text-less replies', () => {
  assert.deepEqual(parse('220 ready\r\n250-a\r\n250-b\r\n250 c\r\n250\r\n250-\r\n250\r\n'), [
    { code: 220, lines: ['ready'], fault: null },
    { code: 250, lines: ['a', 'b', 'c'], fault: null },
    { code: 250, lines: [''], fault: null },
    { code: 250, lines: ['', ''], fault: null },
  ]);
});

test('a bare LF ends a line, as some servers write it', () => {
  assert.deepEqual(parse('250-a\n250 b\n'), [{ code: 250, lines: ['a', 'b'], fault: null }]);
});

test('replies are the same however the octets are cut', () => {
  const code = fc.integer({ min: 200, max: 559 });
  const text = fc.string({ unit: fc.constantFrom('a', ' ', '-', '2', 'é', '€', '\t', '\u0000'), maxLength: 30 });
  const reply = fc.tuple(code, fc.array(text, { minLength: 1, maxLength: 5 }));
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), (replies, cuts) => {
      const wire = Buffer.from(
        replies
          .map(([number, lines]) =>
            lines.map((line, index) => `${number}${index + 1 < lines.length ? '-' : ' '}${line}\r\n`).join(''),
          )
          .join(''),
      );
      const places = [0, ...cuts.map((cut) => cut % (wire.length + 1)).sort((a, b) => a - b), wire.length];
      const parser = new ReplyParser();
      const seen: Reply[] = [];
      for (let i = 1; i < places.length; i++) {
        parser.push(wire.subarray(places[i - 1], places[i]), (each) => seen.push(each));
      }
      assert.deepEqual(
        seen,
        replies.map(([number, lines]) => ({ code: number, lines, fault: null })),
      );
    }),
  );
});

test('octets that are no UTF-8 are read one by one', () => {
  assert.deepEqual(parse(Buffer.from('250 caf\xe9\r\n', 'latin1'))[0]?.lines, ['café']);
  assert.deepEqual(parse(Buffer.from('250 café\r\n', 'utf8'))[0]?.lines, ['café']);
});

for (const bad of [
  'hello\r\n',
  '\r\n',
  '25\r\n',
  '25x ok\r\n',
  '150 ok\r\n',
  '650 ok\r\n',
  '2500 ok\r\n',
  '250ok\r\n',
  ' 250 ok\r\n',
  '250\tok\r\n',
]) {
  test(`${JSON.stringify(bad)} is malformed, and nothing behind it is read`, () => {
    const replies = parse(`${bad}250 ok\r\n`, '250 ok\r\n');
    assert.equal(replies.length, 1);
    assert.deepEqual([replies[0]!.code, replies[0]!.fault], [0, 'malformed']);
  });
}

test('lines of one reply with different codes are malformed', () => {
  assert.equal(parse('250-ok\r\n550 no\r\n')[0]?.fault, 'malformed');
});

test('a line beyond the cap is cut, with its code', () => {
  const whole = parse(`550 ${'x'.repeat(MAX_LINE_BYTES - 5)}\r\n`);
  assert.equal(whole[0]?.fault, null);
  for (const tail of ['', '\r\n', '\r\n250 ok\r\n']) {
    assert.deepEqual(parse(`550 ${'x'.repeat(MAX_LINE_BYTES)}${tail}`, '250 ok\r\n'), [
      { code: 550, lines: [], fault: 'too_long' },
    ]);
  }
});

test('a reply beyond the cap is cut, with its code, and its memory is bounded', () => {
  const replies = parse(...Array.from({ length: 200 }, () => `250-${'x'.repeat(1000)}\r\n`));
  assert.equal(replies.length, 1);
  assert.deepEqual([replies[0]!.code, replies[0]!.fault], [250, 'too_long']);
  assert.ok(replies[0]!.lines.join('').length <= MAX_REPLY_BYTES);
});

test('the bound is for one reply: any number of them may come in one piece', () => {
  const many = Math.ceil((MAX_REPLY_BYTES * 2) / '250 ok\r\n'.length);
  const replies = parse('250 ok\r\n'.repeat(many));
  assert.equal(replies.length, many);
  assert.ok(replies.every(({ code, fault }) => code === 250 && fault === null));
});

test('a megabyte in single octets takes no superlinear time', () => {
  const parser = new ReplyParser();
  const octet = Buffer.from('x');
  let count = 0;
  for (let i = 0; i < 1_000_000; i++) parser.push(octet, () => count++);
  assert.equal(count, 1);
});

for (const [lines, expected] of [
  [['5.1.1 User unknown'], { enhanced: '5.1.1', text: 'User unknown' }],
  [['5.1.1 <a@b>: no', '5.1.1 such user'], { enhanced: '5.1.1', text: '<a@b>: no such user' }],
  [['5.1.1: no', 'such user'], { enhanced: '5.1.1', text: 'no such user' }],
  [['4.2.2'], { enhanced: '4.2.2', text: '' }],
  [['User unknown'], { enhanced: null, text: 'User unknown' }],
  [['5.1.1.1 is an address'], { enhanced: null, text: '5.1.1.1 is an address' }],
  [['3.1.1 odd'], { enhanced: null, text: '3.1.1 odd' }],
  [['a\tb\u0000\u001b[1mc\u0085d'], { enhanced: null, text: 'a b [1mc d' }],
] as const) {
  test(`the reply ${JSON.stringify(lines)} is given as ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(toRemoteReply({ code: 550, lines: [...lines], fault: null }), { code: 550, ...expected });
  });
}

test('the text is cut at 2,000 characters, never inside one', () => {
  const { text } = toRemoteReply({ code: 550, lines: [`x${'\u{1f4e7}'.repeat(1500)}`], fault: null });
  assert.equal(text.length, 1999);
  assert.ok(text.isWellFormed());
});
