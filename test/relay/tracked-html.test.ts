import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { trackHtml } from '../../src/relay/tracked-html.ts';
import { tagsOf } from '../../src/templates/html-tags.ts';

const link = (url: string): string => `https://t.example/${Buffer.from(url).toString('base64url')}`;
const led = (html: string): string => trackHtml(html, { picture: null, link });
const originals = (html: string): string[] =>
  [...html.matchAll(/https:\/\/t\.example\/([\w-]+)/g)].map(([, text]) => Buffer.from(text!, 'base64url').toString());

describe('tracked HTML', () => {
  test('leads links to the web through the gateway, however they are written', () => {
    for (const html of [
      '<a href="https://a.example/x?a=1&amp;b=2">x</a>',
      "<A CLASS=x HREF='https://a.example/x?a=1&amp;b=2'>x</A>",
      '<a href=https://a.example/x?a=1&b=2>x</a>',
      '<a\n href = "https://a.example/x?a=1&#38;b=2" target=_blank>x</a>',
      '<map><area href="https://a.example/x?a=1&b=2"></map>',
    ]) {
      assert.deepEqual(originals(led(html)), ['https://a.example/x?a=1&b=2'], html);
    }
  });

  test('leaves all other links, and all else, as they are', () => {
    for (const html of [
      '<a href="mailto:a@b.example">x</a>',
      '<a href="#top">x</a>',
      '<a href="/path">x</a>',
      '<a href="tel:+1">x</a>',
      '<a href="javascript:alert(1)">x</a>',
      '<a href="https://a.example/unsubscribe?u=1">x</a>',
      '<a href="https://postern.invalid/u">x</a>',
      '<a data-postern-track="off" href="https://a.example/">x</a>',
      '<a href="https://a.example/" data-postern-track=OFF>x</a>',
      '<a href="https://a.example/?a&copy;b">x</a>',
      '<a href="https://a.example/ x">x</a>',
      '<a href="https://">x</a>',
      '<a href>x</a>',
      '<a href="https://a.example/" href="https://b.example/">x</a>',
      `<a href="https://a.example/${'x'.repeat(1000)}">x</a>`,
      '<img src="https://a.example/x.png"><link href="https://a.example/x.css">',
      '<!-- <a href="https://a.example/">x</a> -->',
      '<script>"<a href=\'https://a.example/\'>"</script>',
      'https://a.example/',
    ]) {
      assert.equal(led(html), html);
    }
  });

  test('has its picture at the end of the body', () => {
    const picture = 'https://t.example/o.gif';
    const image = '<img src="https://t.example/o.gif" width="1" height="1" alt="" style="display:none">';
    assert.equal(trackHtml('<p>x</p></body></html>', { picture, link: null }), `<p>x</p>${image}</body></html>`);
    assert.equal(trackHtml('<p>x', { picture, link: null }), `<p>x${image}`);
  });

  test('loses and changes nothing but the addresses, whatever the source', () => {
    const piece = fc.constantFrom(
      ...[
        '<a href="https://a.example/',
        '">',
        "'",
        '"',
        '<',
        '>',
        ' href=',
        'https://b.example/?a=1&amp;b',
        '{{',
        '}}',
        'x',
        '</body>',
        '<!--',
        '-->',
        '&',
        '<script>',
        '\n',
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const html = pieces.join('');
        const back = led(html).replaceAll(/"https:\/\/t\.example\/([\w-]+)"/g, () => 'LINK');
        const count = originals(led(html)).length;
        assert.ok(count <= tagsOf(html).length);
        if (count === 0) assert.equal(led(html), html);
        else assert.ok(back.includes('LINK'));
        for (const url of originals(led(html))) assert.ok(URL.canParse(url));
      }),
      { numRuns: 2000 },
    );
  });

  test('takes time in proportion to its length', () => {
    for (const part of [
      '<a href="https://a.example/">',
      '<a ',
      '<',
      '&',
      '<a href="',
      '<a href="https://a.example/&',
    ]) {
      const started = performance.now();
      led(part.repeat(Math.floor(500_000 / part.length)));
      assert.ok(performance.now() - started < 2000, part);
    }
  });
});
