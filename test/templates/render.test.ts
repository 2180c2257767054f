/** Filling in: what comes out, and what is refused with its place. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TemplateVariable } from '../../src/data/port/templates.ts';
import { failureOf, faultsOf, filledIn } from './given.ts';

const html = (source: string, data: Record<string, unknown> = {}): string =>
  filledIn({ html: source, text: null }, data).html!;
const text = (source: string, data: Record<string, unknown> = {}): string => filledIn({ text: source }, data).text!;
const variable = (name: string, more: Partial<TemplateVariable> = {}): TemplateVariable => ({
  name,
  type: 'any',
  required: null,
  description: null,
  ...more,
});

describe('values', () => {
  const nasty = `<b>"Tom" & 'Jerry'</b>`;
  const escaped = '&lt;b&gt;&quot;Tom&quot; &amp; &#39;Jerry&#39;&lt;/b&gt;';

  test('are escaped in HTML wherever they come out, and once', () => {
    const data = { a: nasty, list: [nasty] };
    for (const source of [
      '{{ a }}',
      '{{ a | escape }}',
      '{% echo a %}',
      '{% for x in list %}{{ x }}{% endfor %}',
      '{% assign b = a %}{{ b }}',
      '{% capture b %}{{ a }}{% endcapture %}{{ b | raw }}',
      '{% cycle a %}',
      '{{ list | join }}',
      '{{ list }}',
      '{{ a | strip }}',
    ]) {
      assert.equal(html(source, data), escaped, source);
    }
    assert.equal(html('{{ a | escape_once }}', data), escaped.replaceAll('&quot;', '&#34;'));
    assert.equal(html('{{ a | newline_to_br }}', { a: '<x>\ny' }), '&lt;x&gt;<br>\ny');
    assert.equal(html('{{ a | raw }}', data), nasty);
  });

  test('stay as they are in text and subject', () => {
    assert.equal(text('{{ a }}', { a: nasty }), nasty);
    assert.equal(filledIn({ subject: '{{ a }}' }, { a: nasty }).subject, nasty);
  });

  test('cannot break out of a subject', () => {
    for (const value of ['a\r\nBcc: x@example.com', 'a\nb', 'a\tb', 'a\0b', 'a\u0085b', 'a\u202eb']) {
      const failure = failureOf({ subject: 'Hi {{ a }}' }, { a: value });
      assert.equal(failure.problem, 'bad_subject', JSON.stringify(value));
      assert.deepEqual([failure.part, failure.line, failure.column], ['subject', 1, 4]);
    }
    for (const value of ['a\u202eb', 'a\u0001b', 'a\u0085b']) {
      assert.equal(failureOf({ subject: 'Hi {{ a | raw }}' }, { a: value }).problem, 'bad_subject');
    }
    assert.equal(filledIn({ subject: 'Hi {{ a | raw }}' }, { a: 'x\r\nBcc: y' }).subject, 'Hi x Bcc: y');
    assert.equal(filledIn({ subject: '\n  Two\n  lines {{ a }} ' }, { a: 1 }).subject, 'Two lines 1');
    assert.equal(failureOf({ subject: '{{ a }}' }, { a: ' ' }).problem, 'bad_subject');
    assert.equal(failureOf({ subject: '{{ a }}' }, { a: 'ä'.repeat(500) }).problem, 'bad_subject');
  });

  test('that are objects are no text', () => {
    assert.equal(failureOf({ text: 'x\n{{ a }}' }, { a: {} }).problem, 'wrong_type');
    assert.equal(text('{{ a | json }}', { a: { b: 1 } }), '{"b":1}');
  });

  test('that cannot be stored are refused', () => {
    assert.equal(failureOf({ text: '{{ a }}' }, { a: '\ud800' }).problem, 'wrong_type');
    assert.equal(failureOf({ text: '{{ a }}' }, { a: '\0' }).problem, 'wrong_type');
  });
});

describe('a variable', () => {
  test('that the data lack is named with its first place', () => {
    const failure = failureOf({ text: 'Hi,\n  {{ customer.name }}' }, { customer: {} });
    assert.deepEqual(failure, {
      problem: 'missing_variable',
      part: 'text',
      variable: 'customer.name',
      line: 2,
      column: 6,
      message: 'there is no customer.name in the data',
    });
  });

  test('may be missing where the template provides for it', () => {
    assert.equal(text('{{ name | default: "you" }}'), 'you');
    assert.equal(text('{% if name %}{{ name }}{% else %}you{% endif %}'), 'you');
    assert.equal(text('{{ name }}!', { name: null }), '!');
  });

  test('is filled in, required or left empty as it was declared', () => {
    const source = { text: 'Hi {{ name }}' };
    assert.equal(filledIn({ ...source, variables: [variable('name', { default: 'you' })] }).text, 'Hi you');
    assert.equal(filledIn({ ...source, variables: [variable('name', { required: false })] }).text, 'Hi ');
    const required = failureOf({
      text: '{% if name %}x{% endif %}',
      variables: [variable('name', { required: true })],
    });
    assert.deepEqual([required.problem, required.variable, required.line], ['missing_variable', 'name', 1]);
  });

  test('has the type it was declared with', () => {
    const values = { string: 'a', number: 1, boolean: true, array: [1], object: { a: 1 } };
    for (const type of ['string', 'number', 'boolean', 'array', 'object'] as const) {
      for (const [is, value] of Object.entries(values)) {
        const source = { text: '{% if a %}x{% endif %}', variables: [variable('a', { type })] };
        if (is === type) assert.equal(filledIn(source, { a: value }).text, 'x');
        else assert.equal(failureOf(source, { a: value }).problem, 'wrong_type', `${is} for ${type}`);
      }
    }
  });

  test('reaches own properties alone', () => {
    for (const path of ['a.constructor', 'a.__proto__', 'a.toString', 'constructor', '__proto__', 'a["constructor"]']) {
      assert.equal(failureOf({ text: `{{ ${path} }}` }, { a: { b: 1 } }).problem, 'missing_variable', path);
    }
    assert.equal(text('{{ a.constructor }}', { a: JSON.parse('{"constructor":"mine"}') }), 'mine');
    assert.equal(text('{{ a.__proto__ }}', { a: JSON.parse('{"__proto__":"mine"}') }), 'mine');
    assert.equal(text('{{ a.size }} {{ a.first }}', { a: ['x', 'y'] }), '2 x');
  });
});

describe('a date', () => {
  test('is the same on every machine: UTC, the time of the rendering as now, and no guessing', () => {
    assert.equal(text("{{ 'now' | date: '%Y-%m-%d %H:%M' }}"), '2026-04-27 08:12');
    for (const value of ['2026-12-01T09:00:00Z', '2026-12-01 09:00', '2026-12-01T10:00:00+01:00', 1_796_115_600]) {
      assert.equal(text("{{ at | date: '%-d %B %Y, %H:%M' }}", { at: value }), '1 December 2026, 09:00', String(value));
    }
    assert.equal(text("{{ '2026-12-01' | date: '%a %d %b' }}"), 'Tue 01 Dec');
    assert.equal(text("{{ at | date: '%H:%M', 'Europe/Berlin' }}", { at: '2026-07-01T09:00:00Z' }), '11:00');
    assert.equal(text("{{ at | date: '%Y' }}|", { at: null }), '|');
    for (const value of ['tomorrow', '12/01/2026', '2026-02-30', {}, true, 1e300]) {
      assert.equal(failureOf({ text: "{{ at | date: '%Y' }}" }, { at: value }).problem, 'wrong_type', String(value));
    }
  });
});

describe('what is left out', () => {
  test('other templates, chance, hashes and text that is run: unknown tags and filters', () => {
    for (const source of [
      "{% include 'a' %}",
      "{% render 'a' %}",
      "{% layout 'a' %}",
      '{% block a %}{% endblock %}',
      '{{ a | sample }}',
      '{{ a | sha256 }}',
      "{{ a | where_exp: 'x', 'x' }}",
      '{{ a | nothing }}',
      '{% nothing %}',
    ]) {
      const [fault] = faultsOf({ text: `one\n ${source}` });
      assert.deepEqual([fault?.problem, fault?.part, fault?.line, fault?.column], ['syntax', 'text', 2, 2], source);
    }
  });

  test('a part that cannot be read is a fault with its place, in every part at once', () => {
    const faults = faultsOf({ subject: '{{ a', html: '<p>\n{% if a %}</p>', text: 'x\n\n  {{ a | }}{% endfor %}' });
    assert.deepEqual(
      faults.map(({ part, line }) => [part, line]),
      [
        ['subject', 1],
        ['html', 2],
        ['text', 3],
      ],
    );
  });
});
