import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isHighlyRestrictive, readDomain } from '../../src/base/domain.ts';

function domainOf(text: string): string {
  const reading = readDomain(text);
  assert.ok(reading.ok, `${text}: ${reading.ok ? '' : reading.message}`);
  return reading.domain;
}

describe('readDomain', () => {
  it('gives one lower-case A-label form for every spelling of a name', () => {
    for (const text of [
      'bücher.example',
      'BÜCHER.Example',
      'bu\u0308cher.example',
      'xn--bcher-kva.example',
      'XN--BCHER-KVA.EXAMPLE',
    ]) {
      assert.equal(domainOf(text), 'xn--bcher-kva.example');
    }
    assert.equal(domainOf('Example.COM'), 'example.com');
  });

  it('follows IDNA2008 where it differs from its forerunner', () => {
    assert.equal(domainOf('faß.de'), 'xn--fa-hia.de');
    assert.equal(domainOf('βόλος.com'), 'xn--nxasmm1c.com');
    assert.notEqual(domainOf('βόλος.com'), domainOf('βόλοσ.com'));
  });

  it('takes names of many scripts', () => {
    for (const text of [
      'пример.рф',
      'हिन्दी.भारत',
      '例え.テスト',
      'ไทย.th',
      'ﺍﻟﻌﺮﺑﻴﺔ.com'.normalize('NFKC'),
      '한국.kr',
      'l·l.cat',
      'ab--c.com',
      '1.a',
    ]) {
      domainOf(text);
    }
  });

  it('refuses what no host name may be', () => {
    const wrong = [
      '',
      'com',
      '.com',
      'a.',
      'a..com',
      '-a.com',
      'a-.com',
      'a.-b',
      'a_b.com',
      'a b.com',
      'a/b.com',
      'a%41.com',
      'a@b.com',
      'a:80.com',
      '[::1]',
      `${'x'.repeat(64)}.com`,
      `${'x.'.repeat(127)}com`,
      `${'ü'.repeat(60)}.com`,
      'a\0.com',
      'a\n.com',
    ];
    for (const text of wrong) assert.ok(!readDomain(text).ok, JSON.stringify(text));
  });

  it('refuses an IPv4 address in any spelling', () => {
    for (const text of [
      '127.0.0.1',
      '127.1',
      '1.2.3.08',
      '0x7f.1',
      'a.0x4',
      'a.123',
      '127.0.0.0x',
      '１２７.0.0.1',
      'a.①',
      'bücher.123',
    ]) {
      assert.ok(!readDomain(text).ok, text);
    }
  });

  it('refuses characters that a look-up would map to others', () => {
    const wrong = [
      'ａ.com',
      'a。b.com',
      'a．b.com',
      '⒈example.com',
      '①.com',
      'ex\u00adample.com',
      'ex\u200bample.com',
      'a\u200db.com',
      'ﬁ.com',
      'ǆ.com',
      '㎏.com',
      'goo\u2044gle.com',
      'a\u202e.com',
      '☕.us',
      'xn--53h.us',
    ];
    for (const text of wrong) assert.ok(!readDomain(text).ok, JSON.stringify(text));
  });

  it('refuses labels that only look encoded', () => {
    for (const text of ['xn--zzzz.com', 'xn--a.com', 'xn--.com', 'xn--abc-.com', 'xn--A-ecp.ru']) {
      assert.ok(!readDomain(text).ok, text);
    }
  });

  it('marks labels that mix scripts, in either form, and no others', () => {
    const mixed = (text: string) => {
      const reading = readDomain(text);
      return reading.ok && reading.isMixedScript;
    };
    for (const text of [
      'exаmple.com',
      'xn--exmple-4nf.com',
      'www.раypal.com',
      'αbc.com',
      '日本語абв.jp',
      '한국ひら.kr',
    ])
      assert.ok(mixed(text), text);
    for (const text of [
      'пример.com',
      'аррӏе.com',
      '日本語abcカナ.jp',
      '中文ㄅabc.tw',
      '한국abc.kr',
      'bücher.рф',
      'a1-2.com',
    ]) {
      assert.ok(!mixed(text), text);
    }
  });

  it('never throws, and reads its own answer as itself', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.domain(),
      fc.string({ unit: 'grapheme' }).map((label) => `${label}.com`),
    );
    fc.assert(
      fc.property(text, (given) => {
        const reading = readDomain(given);
        if (!reading.ok) return;
        assert.match(reading.domain, /^[a-z0-9.-]{3,253}$/);
        assert.deepEqual(readDomain(reading.domain), reading);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('isHighlyRestrictive', () => {
  it('takes ASCII, one script, or the East Asian mixtures', () => {
    for (const text of ['', 'abc', '123', 'пример', 'abc漢かカ', 'abc漢ㄅ', 'abc漢한'])
      assert.ok(isHighlyRestrictive(text), text);
    for (const text of ['abcд', 'αд', '漢д', 'かㄅ', 'ab한か', '\u{10330}a'])
      assert.ok(!isHighlyRestrictive(text), text);
  });
});
