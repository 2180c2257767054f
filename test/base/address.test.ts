import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { readAddress, readMailbox } from '../../src/base/address.ts';

function lines<Line>(path: string): Line[] {
  const text = readFileSync(new URL(`../fixtures/${path}`, import.meta.url), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

function keyOf(value: string): string {
  const reading = readAddress(value);
  assert.ok(reading.ok, `${value}: ${reading.ok ? '' : reading.message}`);
  return reading.address.key;
}

function isRead(value: string): boolean {
  return readMailbox(value).ok;
}

/** Valid for flanker, whose view is that of RFC 5322; not for us, each for its reason. */
const refusedOnPurpose: Readonly<Record<string, string>> = {
  'postbox@com': 'a domain needs a dot',
  'first.last@com': 'a domain needs a dot',
  'a@b': 'a domain needs a dot',
  'a@bar': 'a domain needs a dot',
  'bob@under_scope': 'a domain needs a dot, and a host name has no underscore',
  'Bill Gates <"billy"@retired.Micr!osoft99.com>': 'a host name has no exclamation mark',
  'test@123.123.123.123': 'no IP addresses',
  '(this is a comment) test@example.com': 'no comments',
  'test@example.com(this is a comment)': 'no comments',
};

describe('readAddress', () => {
  it('judges the isemail set as a gateway should', () => {
    type Line = { address: string; gateway_expect: string };
    const outcome: Readonly<Record<string, boolean>> = {
      accept: true,
      reject: false,
      policy_quoted_local: true,
      policy_numeric_tld: false,
      policy_address_literal: false,
    };
    for (const { address, gateway_expect } of lines<Line>('addresses/isemail.jsonl')) {
      assert.equal(readAddress(address).ok, outcome[gateway_expect], `${JSON.stringify(address)} ${gateway_expect}`);
    }
  });

  it('gives one key to letter case, normal forms, A- and U-labels, and needless quotes', () => {
    assert.equal(keyOf('A.B+Tag@Example.COM'), 'a.b+tag@example.com');
    assert.equal(keyOf('ü@example.com'), keyOf('u\u0308@example.com'));
    assert.equal(keyOf('Ü@BÜCHER.example'), keyOf('ü@xn--bcher-kva.example'));
    assert.equal(keyOf('"Ann.Lee"@example.com'), 'ann.lee@example.com');
    assert.equal(keyOf('"A\\nn"@example.com'), 'ann@example.com');
    assert.equal(keyOf('"Ann Lee"@example.com'), keyOf('"a\\nn\\ lee"@example.com'));
    assert.equal(keyOf('ΟΔΟΣ@example.com'), keyOf('οδοσ@example.com'));
    assert.equal(keyOf('İ@example.com'), keyOf('i\u0307@example.com'));
  });

  it('keeps apart what a provider alone may know to be one', () => {
    const keys = [
      'ann@example.com',
      'a.nn@example.com',
      'ann+x@example.com',
      '"ann "@example.com',
      '"an\\"n"@example.com',
      'ann@sub.example.com',
    ];
    assert.equal(new Set(keys.map(keyOf)).size, keys.length);
  });

  it('keeps the address as it was given', () => {
    const reading = readAddress('"Ann\\ Lee"@BÜCHER.Example');
    assert.ok(reading.ok);
    assert.equal(reading.address.email, '"Ann\\ Lee"@BÜCHER.Example');
    assert.equal(reading.address.domain, 'xn--bcher-kva.example');
    assert.equal(reading.address.name, null);
  });

  it('gives a key that is an address with the same key', () => {
    const character = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
      fc.constantFrom('.', ' ', '"', '\\', '@', 'Σ', 'İ'),
    );
    fc.assert(
      fc.property(
        fc.array(character, { maxLength: 8 }),
        fc.constantFrom('example.com', 'bücher.example'),
        (local, domain) => {
          const quoted = `"${local.join('').replace(/["\\]/g, '\\$&')}"@${domain}`;
          const reading = readAddress(quoted);
          fc.pre(reading.ok);
          assert.equal(keyOf(reading.address.key), reading.address.key);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('measures in octets: 64 before the "@", 254 in all, also in A-labels', () => {
    assert.ok(isRead(`${'x'.repeat(64)}@example.com`));
    assert.ok(!isRead(`${'x'.repeat(65)}@example.com`));
    assert.ok(isRead(`${'ü'.repeat(32)}@example.com`));
    assert.ok(!isRead(`${'ü'.repeat(33)}@example.com`));
    assert.ok(!isRead(`"${'x'.repeat(63)}"@example.com`));
    const labels = `${'x'.repeat(62)}.`.repeat(3);
    assert.ok(isRead(`${'a'.repeat(60)}@${labels}com`));
    assert.ok(!isRead(`${'a'.repeat(63)}@${labels}com`));
    assert.ok(isRead(`${'a'.repeat(50)}@${'ü.'.repeat(24)}example`));
    assert.ok(!isRead(`${'a'.repeat(64)}@${'ü.'.repeat(24)}example`));
  });

  it('refuses what cannot be seen or passes for something else', () => {
    const wrong = [
      'a\u200bb',
      'a\u202eb',
      'a\u00adb',
      'a\u0085b',
      'a\u00a0b',
      'a\u2028b',
      'a\ufeffb',
      'a\ud800b',
      'a\ufdd0b',
      'a＠b.com',
      'a\uff0eb',
      'a＜b',
      'a\u037eb',
      '"\u200b"',
    ];
    for (const local of wrong) assert.ok(!isRead(`${local}@example.com`), JSON.stringify(local));
  });

  it('takes a backslash in quotes before ASCII only', () => {
    assert.ok(isRead('"a\\@\\"b"@example.com'));
    assert.ok(!isRead('"a\\ü"@example.com'));
    assert.ok(!isRead('"a\\\u0001"@example.com'));
    assert.ok(!isRead('"a\\"@example.com'));
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        readAddress(text);
        readAddress(`${text}@example.com`);
        readMailbox(`${text}<a@example.com>`);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('readMailbox', () => {
  it('judges the flanker set, but for what is refused on purpose', () => {
    for (const { address, valid } of lines<{ address: string; valid: boolean }>('addresses/flanker.jsonl')) {
      const expected = valid && !(address in refusedOnPurpose);
      assert.equal(isRead(address), expected, address);
    }
  });

  it('answers each hostile address as it must', () => {
    const accepted = [
      'a@exаmple.com',
      'A@example.com',
      'a@bücher.example',
      'a@xn--bcher-kva.example',
      'a@faß.de',
      'ü@example.com',
      'ü@bücher.example',
      'u\u0308@example.com',
      '"a@internal.test x"@example.com',
      'a!b@x.test',
      '-oQ/tmp@x.test',
    ];
    for (const { address } of lines<{ address: string }>('vectors/addresses-hostile.jsonl')) {
      const reading = readMailbox(address);
      assert.equal(reading.ok, accepted.includes(address), address);
      if (reading.ok) assert.equal(reading.address.email, address);
    }
    const inner = readMailbox('"a@internal.test x"@example.com');
    assert.ok(inner.ok);
    assert.equal(inner.address.domain, 'example.com');
    const mixed = readMailbox('a@exаmple.com');
    assert.ok(mixed.ok && mixed.address.isMixedScript);
    const plain = readMailbox('a@example.com');
    assert.ok(plain.ok && plain.address.isMixedScript === undefined);
  });

  it('reads names before angle brackets', () => {
    const names: readonly [text: string, name: string | null][] = [
      ['Alice <a@b.example>', 'Alice'],
      ['Alice<a@b.example>', 'Alice'],
      ['John Q. Public <a@b.example>', 'John Q. Public'],
      ['"Doe, John" <a@b.example>', 'Doe, John'],
      ['"say \\"hi\\"" <a@b.example>', 'say "hi"'],
      ['Jörg Müller <a@b.example>', 'Jörg Müller'],
      ['<a@b.example>', null],
      ['"" <a@b.example>', null],
      ['=?utf-8?q?a?= <a@b.example>', '=?utf-8?q?a?='],
      ['"<c@d.example>" <a@b.example>', '<c@d.example>'],
      ['👩\u200d🚀 Eve <a@b.example>', '👩\u200d🚀 Eve'],
    ];
    for (const [text, name] of names) {
      const reading = readMailbox(text);
      assert.ok(reading.ok, text);
      assert.equal(reading.address.name, name);
      assert.equal(reading.address.email, 'a@b.example');
    }
  });

  it('takes one address and nothing beside it', () => {
    const wrong = [
      'a@b.example, c@d.example',
      'A <a@b.example>, B <c@d.example>',
      'A <a@b.example> <c@d.example>',
      'c@d.example <a@b.example>',
      'Doe, John <a@b.example>',
      'Group: a@b.example;',
      'A (comment) <a@b.example>',
      'A <a@b.example> ',
      ' a@b.example',
      'a@b.example ',
      '<@route.example:a@b.example>',
      'A <<a@b.example>>',
      'A < a@b.example>',
      'A <>',
      'A >',
      '"A <a@b.example>',
      'A\t<a@b.example>',
      'A\r\n <a@b.example>',
      '"A\r\nBcc: x" <a@b.example>',
      'a@b@c.example',
      '>',
    ];
    for (const text of wrong) assert.ok(!isRead(text), JSON.stringify(text));
  });

  it('takes a bare address in the field of an object, whose name is any text without controls', () => {
    const reading = readMailbox({ email: 'a@b.example', name: 'Doe, John <boss>' });
    assert.ok(reading.ok && reading.address.name === 'Doe, John <boss>');
    assert.ok(!readMailbox({ email: 'A <a@b.example>' }).ok);
    const blank = readMailbox({ email: 'a@b.example', name: '  ' });
    assert.ok(blank.ok && blank.address.name === null);
    for (const name of [
      'a\u202eb',
      'a\nb',
      'a\0b',
      'a\ud800',
      'a\u200bb',
      'a\u0085',
      'a@b.test> SIZE=1 <',
      'x'.repeat(999),
      'ü'.repeat(500),
    ]) {
      const refusal = readMailbox({ email: 'a@b.example', name });
      assert.ok(!refusal.ok && refusal.field === 'name', JSON.stringify(name));
    }
  });

  it('takes no more than milliseconds for what has hurt other parsers', () => {
    const hostile = [
      '('.repeat(100_000),
      Array(5000).fill('a@b.test').join(', '),
      `${'"'.repeat(100_000)}<a@b.test>`,
      `${'\\"'.repeat(100_000)}@b.test`,
      `a@${'a.'.repeat(100_000)}com`,
      `a@${'ü'.repeat(100_000)}.com`,
      `${'<'.repeat(100_000)}>`,
      `${'a'.repeat(2000)}<a@b.test>`,
      `a@${'xn--'.repeat(60)}.com`,
    ];
    for (const text of hostile) {
      const before = process.cpuUsage();
      const reading = readMailbox(text);
      const spent = process.cpuUsage(before);
      if (!text.endsWith('<a@b.test>')) assert.ok(!reading.ok);
      assert.ok(spent.user + spent.system < 100_000, `${text.slice(0, 10)}: ${spent.user} µs`);
    }
  });
});
