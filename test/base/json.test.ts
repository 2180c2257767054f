import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findFlaws, type JsonReading, parseJson, showKey } from '../../src/base/json.ts';

function read(text: string): JsonReading {
  return parseJson(Buffer.from(text));
}

function refusal(text: string): string {
  const reading = read(text);
  assert.ok(!reading.ok, `${text.slice(0, 60)} was read`);
  assert.equal(reading.code, 'malformed_request');
  return reading.message;
}

function flawParams(text: string): string[] {
  const reading = read(text);
  assert.ok(reading.ok);
  return reading.flaws.map(({ param }) => param);
}

describe('parseJson', () => {
  it('gives what JSON.parse gives for every value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 2, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        const reading = read(text);
        assert.ok(reading.ok);
        assert.deepEqual(reading.value, JSON.parse(text));
      }),
    );
  });

  it('agrees with JSON.parse on what is no JSON, and never quotes the body', () => {
    for (const text of [
      '',
      '{',
      '{"secret":}',
      '[1,]',
      'nul',
      '"open',
      "{'a':1}",
      '{"a" 1}',
      '\u0001',
      '"\u0001"',
      '[]]',
    ]) {
      const message = refusal(text);
      assert.throws(() => JSON.parse(text));
      assert.ok(!message.includes('secret'), message);
    }
  });

  it('says where reading stopped, where the engine tells', () => {
    const reading = read('{"a":1 "secret":2}');
    assert.ok(!reading.ok);
    assert.equal(reading.offset, 7);
  });

  it('refuses invalid UTF-8 instead of mending it', () => {
    for (const hex of ['7b2273223a22fffe227d', '22c022', '22eda08022', '22f4908080 22'.replace(' ', ''), '22e282']) {
      const reading = parseJson(Buffer.from(hex, 'hex'));
      assert.ok(!reading.ok, hex);
      assert.match(reading.message, /UTF-8/);
    }
  });

  it('refuses a byte order mark', () => {
    assert.match(refusal('\ufeff{}'), /byte order mark/);
  });

  it('names a key that stands twice, wherever and however it is spelt', () => {
    assert.match(refusal('{"to":"a@a.test","to":"b@b.test"}'), /"to" stands twice/);
    assert.match(refusal('{"x":[1,{"deep":1,"a":":{","deep":2}]}'), /"deep" stands twice/);
    assert.match(refusal('{"a":1,"\\u0061":2}'), /"a" stands twice/);
    assert.match(refusal('{"__proto__":1,"__proto__":2}'), /"__proto__" stands twice/);
    assert.match(refusal('{"1":1,"1":2}'), /"1" stands twice/);
    assert.match(refusal('{"a":["x"],"b":"y","a":[]}'), /"a" stands twice/);
    assert.match(refusal('{"a":{"b":"x"},"a":"y"}'), /"a" stands twice/);
    assert.match(refusal('[{"a":"x","a":"y"}]'), /"a" stands twice/);
    assert.match(refusal('{"q\\"":1,"q\\u0022":2}'), /stands twice/);
  });

  it('takes equal keys in different objects, and colons and quotes inside strings', () => {
    for (const text of [
      '[{"a":1},{"a":2}]',
      '{"a":{"a":1}}',
      '{"a":"\\":\\"a\\":"}',
      '{"a\\\\":1,"a":":"}',
      '{"":{"":""}}',
    ]) {
      const reading = read(text);
      assert.ok(reading.ok, text);
      assert.deepEqual(reading.value, JSON.parse(text));
    }
  });

  it('finds every duplicate that is put into an object', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue(), { minKeys: 1 }),
        fc.nat(),
        (object, at) => {
          const keys = Object.keys(object);
          const key = keys[at % keys.length]!;
          const text = JSON.stringify(object);
          const twice = `${text.slice(0, -1)},${JSON.stringify(key)}:null}`;
          assert.match(refusal(twice), /stands twice/);
        },
      ),
    );
  });

  it('takes 32 levels and refuses 33, at the place of the last one', () => {
    assert.ok(read('['.repeat(32) + ']'.repeat(32)).ok);
    const reading = read('['.repeat(33) + ']'.repeat(33));
    assert.ok(!reading.ok);
    assert.equal(reading.offset, 32);
    assert.match(refusal('{"a":'.repeat(100_000)), /deeper than 32/);
    assert.ok(read('["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]').ok);
  });

  it('refuses more keys, objects and lists than a sender can mean, before they cost time', () => {
    assert.match(refusal(`{"a":[${'{},'.repeat(200_000)}1]}`), /more than 200000/);
    assert.match(refusal(`{${'"a":1,'.repeat(200_001)}"b":1}`), /more than 200000/);
    assert.ok(read(`[${'":{[",'.repeat(200_001)}1]`).ok);
    assert.ok(parseJson(Buffer.from('{"a":[1,2]}'), { maxParts: 3 }).ok);
    assert.ok(!parseJson(Buffer.from('{"a":[1,2]}'), { maxParts: 2 }).ok);
  });

  it('reports lone surrogates and U+0000 in values and keys, with their place', () => {
    assert.deepEqual(flawParams('{"subject":"\\ud800"}'), ['subject']);
    assert.deepEqual(flawParams('{"to":[{"name":"a\\u0000"}]}'), ['to[0].name']);
    assert.deepEqual(flawParams('{"metadata":{"\\uDC00":"x"}}'), ['metadata.\ufffd']);
    assert.deepEqual(flawParams('{"a":"\\ud83d\\ude00","b":"\\\\u0000 \\\\ud800"}'), []);
  });

  it('reports numbers that a double cannot hold', () => {
    assert.deepEqual(flawParams('{"a":1e400,"b":[-1e400],"c":9007199254740993,"d":-9007199254740992}'), [
      'a',
      'b[0]',
      'c',
      'd',
    ]);
    assert.deepEqual(flawParams('{"a":9007199254740991,"b":0.1,"c":-0,"d":1e-400,"e":1.5e3}'), []);
  });

  it('keeps "__proto__" as plain data', () => {
    const reading = read('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}');
    assert.ok(reading.ok);
    assert.equal(Object.getPrototypeOf(reading.value), Object.prototype);
    assert.deepEqual(Object.keys(reading.value as object), ['__proto__', 'constructor']);
    assert.equal(({} as Record<string, unknown>)['isAdmin'], undefined);
  });

  it('takes time in proportion to the body, whatever it is made of', () => {
    const bodies = [
      `"${'\\'.repeat(1_000_000)}"`,
      `"${'\\"'.repeat(500_000)}"`,
      '{"a":"'.repeat(150_000),
      `{${'"a":1,'.repeat(150_000)}"b":1}`,
      `[${'"\\ud800",'.repeat(100_000)}1]`,
    ];
    for (const body of bodies) {
      const before = process.cpuUsage();
      parseJson(Buffer.from(body));
      const spent = process.cpuUsage(before);
      assert.ok(spent.user + spent.system < 1_000_000, `${body.slice(0, 20)}: ${spent.user} µs`);
    }
  });
});

describe('findFlaws', () => {
  it('stops at a hundred, and does not descend for ever', () => {
    assert.equal(findFlaws(Array.from({ length: 5000 }, () => '\0')).length, 100);
    let deep: unknown = 'x';
    for (let level = 0; level < 50_000; level++) deep = [deep];
    assert.match(findFlaws(deep, 'data')[0]!.message, /deeper/);
  });
});

describe('showKey', () => {
  it('shows any key in few, harmless characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (key) => {
        const shown = showKey(`${key}\ud800\r\n`);
        assert.ok(shown.length <= 65 && shown.isWellFormed() && !/[\r\n\0]/.test(shown));
      }),
    );
  });
});
