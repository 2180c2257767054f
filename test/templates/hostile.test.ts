/** Hostile templates and data: nothing is thrown, everything ends, at the same place every time. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compileTemplate } from '../../src/templates/compile.ts';
import { lintRendered, lintTemplate } from '../../src/templates/lint.ts';
import { type Rendering, renderTemplate } from '../../src/templates/render.ts';
import { compiled, NOW, sourceOf } from './given.ts';

/** Of this thread's own time: what a gateway spends on it, however busy the machine. */
function withinMs(mostMs: number, what: string, run: () => void): void {
  const before = process.threadCpuUsage();
  run();
  const { user, system } = process.threadCpuUsage(before);
  const spentMs = (user + system) / 1000;
  assert.ok(spentMs < mostMs, `${what} took ${spentMs} ms`);
}

function problemOf(text: string, data: Record<string, unknown> = {}): string | null {
  let rendering: Rendering | null = null;
  const template = compiled({ text });
  withinMs(1500, text.slice(0, 60), () => {
    rendering = renderTemplate(template, data, NOW);
  });
  const ended = rendering as unknown as Rendering;
  return ended.ok ? null : ended.failure.problem;
}

const long = 'a'.repeat(400_000);

describe('a template that would not end, or would fill the memory', () => {
  for (const [what, source, data] of [
    ['loops', '{% for i in (1..100000) %}{{ i }}{% endfor %}', {}],
    ['a range', '{% for i in (1..1000000000000) %}{% endfor %}', {}],
    [
      'loops in loops',
      '{% for i in (1..999) %}{% for j in (1..999) %}{% for k in (1..999) %}{% endfor %}{% endfor %}{% endfor %}',
      {},
    ],
    ['a doubling', '{% assign a = "ab" %}{% for i in (1..99) %}{% assign a = a | append: a %}{% endfor %}{{ a }}', {}],
    [
      'a doubling capture',
      '{% assign a = "ab" %}{% for i in (1..99) %}{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}',
      {},
    ],
    ['a long body', `{% for i in (1..100000) %}${'x'.repeat(90_000)}{% endfor %}`, {}],
    [
      'a growing list',
      '{% assign x = l %}{% for i in (1..40) %}{% assign x = x | concat: x %}{% endfor %}',
      { l: [long, long] },
    ],
    ['a padded date', '{{ "now" | date: "%999999999Y" }}', {}],
    ['dates', '{% for i in (1..100000) %}{{ "now" | date: "%B %A %B %A %B" }}{% endfor %}', {}],
    [
      'comparisons',
      '{% for i in (1..10000) %}{% if a == b %}{% endif %}{% endfor %}',
      { a: `${long}x`, b: `${long}y` },
    ],
    [
      'sorting',
      '{% for i in (1..1000) %}{% assign z = a | sort %}{% endfor %}',
      { a: Array.from({ length: 100_000 }, (_, i) => (i * 7919) % 100_003) },
    ],
    ['cycles', '{% for i in (1..100000) %}{% cycle "a", "b" %}{% endfor %}', {}],
    ['big data', '{{ a }}', { a: 'a'.repeat(2_000_000) }],
  ] as const) {
    test(`${what}: stops at a bound`, () => {
      assert.equal(problemOf(source, data), 'too_large');
    });
  }

  test('the same work stops at the same place', () => {
    const template = compiled({ text: 'x\n{% for i in (1..100000) %}{{ i }}\n{{ i | times: 2 }}{% endfor %}' });
    const first = renderTemplate(template, {}, NOW);
    for (let i = 0; i < 3; i += 1) assert.deepEqual(renderTemplate(template, {}, NOW), first);
  });

  test('a search takes time in proportion, or is refused', () => {
    const almost = { a: long, b: `${'a'.repeat(900)}b` };
    for (const filter of ['replace: b, ""', 'remove: b', 'split: b', 'replace_first: b, ""', 'remove_first: b']) {
      assert.equal(problemOf(`{{ a | ${filter} | size }}`, almost), null, filter);
      assert.equal(problemOf(`{{ a | ${filter} | size }}`, { a: long, b: 'a'.repeat(2000) }), 'wrong_type', filter);
    }
    assert.equal(problemOf('{% if a contains b %}{% endif %}', { a: long, b: 'a'.repeat(2000) }), 'wrong_type');
  });

  test('a source that is nested deep, or is made of nothing but tags, is read in bounded time', () => {
    for (const source of [
      `${'{% if a %}'.repeat(2400)}${'{% endif %}'.repeat(2400)}`,
      '{{ a }}'.repeat(4900),
      '{% assign a = b %}'.repeat(4900),
      `{{ a${'.b'.repeat(60_000)} }}`,
      `{{ ${'a['.repeat(40_000)}${']'.repeat(40_000)} }}`,
      `{% if ${'a and '.repeat(20_000)}a %}{% endif %}`,
      `{% case a %}${'{% when 1 %}'.repeat(4900)}{% endcase %}`,
      '{%'.repeat(60_000),
      '{{ "'.repeat(30_000),
      '<'.repeat(130_000),
      '<a '.repeat(43_000),
      '<a href="'.repeat(14_000),
      '<a b='.repeat(26_000),
      '<!--'.repeat(32_000),
      '<script>'.repeat(16_000),
      `act${' '.repeat(130_000)}`,
      '1 Main Street, '.repeat(8000),
      '&#'.repeat(60_000),
      '| raw '.repeat(20_000),
      'unsubscribe '.repeat(10_000),
    ]) {
      withinMs(2500, source.slice(0, 20), () => {
        const compilation = compileTemplate(sourceOf({ kind: 'marketing', html: source }));
        if (compilation.ok) lintTemplate(compilation.compiled, 'marketing');
      });
    }
  });
});

const PIECES = [
  ...'{{ }} {% %} if for endfor endif else assign capture endcapture case when raw endraw liquid echo unless'.split(
    ' ',
  ),
  ...'a b.c a[0] a["b"] (1..3) | : , . = == contains and or default append split join date json sort map'.split(' '),
  ...[
    '"x"',
    "'",
    '"',
    '\n',
    ' ',
    '<a href="',
    '">',
    '</a>',
    '<!--',
    '-->',
    'http://',
    'javascript:',
    '{{-',
    '-%}',
    '\u2028',
  ],
];

describe('any text at all', () => {
  const source = fc
    .array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...PIECES) }, { weight: 1, arbitrary: fc.string() }), {
      maxLength: 40,
    })
    .map((pieces) => pieces.join(''));
  const data = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), fc.jsonValue({ maxDepth: 3 }));

  test('is read, checked and filled in without a throw, and the same each time', () => {
    fc.assert(
      fc.property(source, source, source, data, (subject, html, text, given) => {
        const compilation = compileTemplate(sourceOf({ kind: 'marketing', subject, html, text }));
        if (!compilation.ok) {
          for (const fault of compilation.faults) assert.ok(fault.message.length <= 100);
          return;
        }
        lintTemplate(compilation.compiled, 'marketing');
        const rendering = renderTemplate(compilation.compiled, given as Record<string, unknown>, NOW);
        assert.deepEqual(renderTemplate(compilation.compiled, given as Record<string, unknown>, NOW), rendering);
        if (rendering.ok) {
          lintRendered(rendering.content);
          assert.ok(!/[\r\n\0]/.test(rendering.content.subject));
        } else {
          assert.ok(rendering.failure.message.length <= 100);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test('as a value comes out of HTML without a character that could begin markup', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (value) => {
        const rendering = renderTemplate(
          compiled({ html: '<i title="{{ v }}">{{ v }}</i>', text: null }),
          { v: value },
          NOW,
        );
        if (!rendering.ok) return;
        const inner = rendering.content.html!.slice('<i title="'.length, -'</i>'.length);
        assert.equal(inner.split('">').length, 2);
        assert.ok(!/[<>"']/.test(inner.replace('">', '')));
      }),
    );
  });
});
