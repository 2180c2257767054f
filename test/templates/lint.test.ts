/** The check of templates: what is found, where, and what is left alone. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LINT_NAMES, LINTS, lintBits, lintLevel, lintsOfBits } from '../../src/core/lints.ts';
import type { TemplateVariable } from '../../src/data/port/templates.ts';
import { lintRendered } from '../../src/templates/lint.ts';
import { filledIn, findings } from './given.ts';

const names = (...all: string[]): TemplateVariable[] =>
  all.map((name) => ({ name, type: 'any', required: null, description: null }));
const inHtml = (html: string): string[] => findings({ html, text: 'x' });

test('a template with nothing wrong has no findings', () => {
  const html = '<p>Dear {{ name }}, <a href="{{ url }}">open</a> <img src="https://a.example/x.png" alt="x"></p>';
  assert.deepEqual(
    findings({ subject: 'Hi {{ name }}', html, text: 'Dear {{ name }}: {{ url }}', variables: names('name', 'url') }),
    [],
  );
});

describe('variables', () => {
  test('that are used and not declared are found where they stand, those of loops and assignments are not', () => {
    const text =
      '{{ nmae }}\n{% for line in lines %}{{ line.price }} {{ forloop.index }}{% endfor %}{% assign x = 1 %}{{ x }}{{ nmae }}';
    assert.deepEqual(findings({ text, variables: names('lines') }), [
      'undeclared_variable text 1:4',
      'undeclared_variable text 2:100',
    ]);
    assert.deepEqual(findings({ text }), []);
    assert.deepEqual(findings({ text: '{{ unsubscribe_url }}', variables: [] }), []);
  });

  test('that are declared and not used are found', () => {
    assert.deepEqual(findings({ text: '{{ a }}', variables: names('a', 'b') }), ['unused_variable']);
  });
});

describe('addresses', () => {
  test('reached by http, or that run or carry code, are found however they are written', () => {
    for (const address of [
      'http://shop.example',
      'HTTP://shop.example',
      'javascript:alert(1)',
      ' JaVa\tScript:alert(1)',
      'java&#115;cript:x',
      'javascript&colon;x',
      '&#x6a;avascript:x',
      'data:text/html,x',
      'vbscript:x',
      'file:///etc/passwd',
    ]) {
      assert.ok(inHtml(`<a href="${address}">x</a>`).includes('insecure_url html 1:4'), address);
    }
    assert.deepEqual(inHtml(`<p>\n<img alt="" src='http://a.example/x.png'></p>`), ['insecure_url html 2:13']);
    assert.deepEqual(inHtml('<a href=http://a.example>x</a>'), ['insecure_url html 1:4']);
    assert.deepEqual(findings({ text: 'see\n http://a.example' }), ['insecure_url text 2:2']);
  });

  test('on this machine, secure or of another kind are left alone', () => {
    for (const address of [
      'http://localhost:8480/x',
      'http://127.0.0.1/x',
      'https://a.example',
      'mailto:a@b.example',
      'tel:+491',
      'cid:x',
    ]) {
      assert.deepEqual(inHtml(`<a href="${address}">x</a>`), [], address);
    }
    assert.deepEqual(inHtml('<!-- <a href="http://a.example"> --><p xmlns="http://www.w3.org/1999/xhtml">x</p>'), []);
  });

  test('that come with the data are looked at when they are filled in', () => {
    const { subject, html, text } = filledIn({ html: '<a href="{{ url }}">x</a>' }, { url: 'javascript:alert(1)' });
    assert.deepEqual(
      lintRendered({ subject, html, text }).map(({ lint }) => lint),
      ['insecure_url'],
    );
    assert.deepEqual(lintRendered({ subject, html: '<a href="http://theirs.example">x</a>', text }), []);
  });

  test('that lead nowhere are found, and those that Liquid writes are not', () => {
    for (const address of ['', '#', 'shop/cart', 'https://', 'https:///x', 'https://a.example/a b']) {
      assert.deepEqual(inHtml(`<a href="${address}">x</a>`), ['broken_link html 1:4'], address);
    }
    for (const address of [
      '{{ url }}',
      'https://{{ host }}/x?y={{ z }}',
      '#top',
      '{% if a %}https://a.example{% endif %}',
    ]) {
      assert.deepEqual(inHtml(`<a href="${address}">x</a>`), [], address);
    }
  });
});

describe('marketing mail', () => {
  const marketing = (text: string, html: string | null = null): string[] => findings({ kind: 'marketing', text, html });
  const ADDRESS = 'Acme, 12 Harbour Street, Springfield';

  test('needs a way out', () => {
    for (const way of [
      '{{ unsubscribe_url }}',
      'Unsubscribe: https://a.example/u',
      'To opt out write to mailto:out@a.example',
      'Abmelden: https://a.example/u',
    ]) {
      assert.deepEqual(marketing(`${way}\n${ADDRESS}`), [], way);
    }
    for (const way of ['', 'unsubscribe', 'https://a.example/news']) {
      assert.deepEqual(marketing(`${way}\n${ADDRESS}`), ['missing_unsubscribe'], way);
    }
  });

  test('names a postal address', () => {
    const way = '{{ unsubscribe_url }}';
    for (const address of [
      ADDRESS,
      'Acme GmbH, Hauptstraße 5, 10115 Berlin',
      'Acme Inc., PO Box 1234, Springfield, IL 62704',
      '12 rue de la Paix, 75002 Paris',
      '1600 Amphitheatre Pkwy, Mountain View, CA 94043',
      '{{ company_address }}',
      'Calle Mayor 1\n28013 Madrid',
    ]) {
      assert.deepEqual(marketing(`News\n${way}\n${address}`), [], address);
    }
    assert.deepEqual(marketing(way, `<p>${way}</p><address>Acme</address>`), []);
    for (const none of ['', 'Acme Inc.', '20 % off until May 5', 'Order 12345 today']) {
      assert.deepEqual(marketing(`${way}\n${none}`), ['missing_address'], none);
    }
  });

  test('is the only kind that needs either', () => {
    assert.deepEqual(findings({ text: 'Your code is 1234' }), []);
  });
});

describe('words and form', () => {
  test('phrases known from spam are found in what people read, over line breaks, and nowhere else', () => {
    assert.deepEqual(findings({ subject: 'You have WON', text: 'act\n now' }), [
      'spam_phrase subject 1:1',
      'spam_phrase text 1:1',
    ]);
    assert.deepEqual(findings({ text: 'Free!!! Only $$$ today, and no winners' }), [
      'spam_phrase text 1:5',
      'spam_phrase text 1:14',
    ]);
    assert.deepEqual(inHtml('<p class="act now">react now {{ "act now" }}</p><!-- act now --><p>Act now</p>'), [
      'spam_phrase html 1:68',
    ]);
  });

  test('HTML without text, a long subject, a value as it is, active content and a picture without words', () => {
    assert.deepEqual(findings({ html: '<p>x</p>', text: null }), ['missing_text']);
    assert.deepEqual(findings({ subject: `${'x'.repeat(79)}{{ a }}` }), ['long_subject subject 1:1']);
    assert.deepEqual(inHtml('<p>\n{{ a | raw }}</p>'), ['unescaped_value html 2:6']);
    assert.deepEqual(inHtml('<i title={{ a }}>x</i><i title="{{ a }}">x</i>'), ['unescaped_value html 1:4']);
    assert.deepEqual(inHtml('<p onclick="x()">x</p><form action="https://a.example"></form>'), [
      'active_content html 1:4',
      'active_content html 1:23',
    ]);
    assert.deepEqual(inHtml('<img src="https://a.example/x.png">'), ['missing_alt html 1:1']);
  });

  test('of one lint at most twenty are listed', () => {
    assert.equal(inHtml('<img src="https://a.example/x.png">'.repeat(500)).length, 20);
  });
});

test('levels come from the policy where it names the lint, else from the lint; sets of names are kept as bits', () => {
  assert.equal(lintLevel('insecure_url', {}), 'error');
  assert.equal(lintLevel('insecure_url', { insecure_url: 'off' }), 'off');
  assert.equal(lintLevel('spam_phrase', JSON.parse('{"__proto__":{"spam_phrase":"off"}}')), LINTS.spam_phrase.level);
  assert.ok(LINT_NAMES.length < 31, 'bits of a signed number');
  for (const name of LINT_NAMES) assert.deepEqual(lintsOfBits(lintBits([name])), [name]);
  assert.deepEqual(lintsOfBits(lintBits(LINT_NAMES)), LINT_NAMES);
});
