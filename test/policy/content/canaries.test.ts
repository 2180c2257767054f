import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CanaryMatcher, findCanary, isUsable, type SearchedParts } from '../../../src/policy/content/canaries.ts';

const MARKER = 'REF-Zx7Qp-kLm42';
const matcher = new CanaryMatcher([
  { label: 'other', marker: 'another-marker-of-some-length' },
  { label: 'crm', marker: MARKER },
]);
const parts = (more: Partial<SearchedParts>): SearchedParts => ({
  subject: 'Hello',
  text: null,
  html: null,
  headers: [],
  filenames: [],
  ...more,
});
const isFound = (text: string) => findCanary(matcher, parts({ text }))?.label === 'crm';

describe('a canary is found', () => {
  const FORMS: readonly (readonly [string, string])[] = [
    ['as it is', MARKER],
    ['in other letter case', MARKER.toLowerCase()],
    ['with spaces and line ends in it', [...MARKER].join(' \r\n')],
    ['with characters of no width in it', [...MARKER].join('\u200b')],
    ['in full-width letters', [...MARKER].map((c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0)).join('')],
    ['percent-encoded', [...MARKER].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('')],
    ['in the middle of a word', `see${MARKER}please`],
    ['after half of itself', `REF-Zx7Qp-${MARKER}`],
  ];
  for (const [how, text] of FORMS) test(how, () => assert.ok(isFound(`Dear Bob, ${text}!`)));

  test('in base64 and base64url, wherever it begins there', () => {
    for (const before of ['', 'x', 'xy', 'xyz', 'Dear Bob, ']) {
      const octets = Buffer.from(`${before}${MARKER} and more`);
      assert.ok(isFound(`Look: ${octets.toString('base64')}`), before);
      assert.ok(isFound(`Look: ${octets.toString('base64url')}`), before);
      assert.ok(isFound(octets.toString('base64').replaceAll(/(.{7})/g, '$1\r\n')), 'in lines');
    }
    assert.ok(isFound(Buffer.from(`x${MARKER.toUpperCase()}`).toString('base64')));
  });

  test('in HTML with tags and comments in it, in references, and in the address of a link', () => {
    const inHtml = (html: string) => findCanary(matcher, parts({ html }));
    const spelt = [...MARKER].map((c) => `&#${c.charCodeAt(0)};`).join('');
    for (const html of [
      `<p>${MARKER.slice(0, 5)}<b>${MARKER.slice(5)}</b></p>`,
      `<p>${MARKER.slice(0, 5)}<!-- x -->${MARKER.slice(5)}</p>`,
      `<p>${spelt}</p>`,
      `<a href="https://evil.example/?q=${MARKER}">x</a>`,
      `<img alt="${spelt}">`,
      `<!-- ${MARKER} -->`,
    ]) {
      assert.deepEqual(inHtml(html), { label: 'crm', part: 'html' }, html);
    }
  });

  test('in the subject, in headers and in names of files', () => {
    assert.deepEqual(findCanary(matcher, parts({ subject: MARKER })), { label: 'crm', part: 'subject' });
    assert.deepEqual(findCanary(matcher, parts({ headers: ['x', MARKER] })), { label: 'crm', part: 'headers' });
    assert.deepEqual(findCanary(matcher, parts({ filenames: [`${MARKER}.pdf`] })), {
      label: 'crm',
      part: 'attachment',
    });
  });

  test('whatever stands around it, and never where it does not stand', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.string({ maxLength: 60 }), (before, after) => {
        assert.ok(isFound(`${before}${MARKER}${after}`));
        assert.ok(!isFound(`${before}${MARKER.slice(0, -1)}`));
      }),
    );
  });
});

test('many markers that share beginnings and ends are told apart', () => {
  const markers = ['abcdabcdabce', 'bcdabcdabcda', 'dabcdabceabc'];
  const many = new CanaryMatcher(markers.map((marker) => ({ label: marker, marker })));
  for (const marker of markers) assert.equal(many.find(`abcdab ${marker} x`), marker);
  assert.equal(many.find('abcdabcdabcabcdabcdabc'), null);
});

test('a marker that is white space, or nearly nothing without it, is of no use', () => {
  assert.equal(isUsable(' '.repeat(40)), false);
  assert.equal(isUsable('a b c', 4), false);
  assert.equal(isUsable(MARKER, 12), true);
  assert.equal(new CanaryMatcher([{ label: 'x', marker: ' a ' }]).find('a'), null);
});
