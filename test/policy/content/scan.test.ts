import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { scanContent, WEIGHTS } from '../../../src/policy/content/scan.ts';

function found(content: { subject?: string; text?: string; html?: string; senderDomain?: string }): string[] {
  const scanned = scanContent({ subject: 'Hello', text: null, html: null, senderDomain: null, ...content });
  return scanned === null ? [] : scanned.findings.map(({ name }) => name).sort();
}
const inHtml = (html: string) => found({ html });
const inText = (text: string) => found({ text });

/** What each finding is found in; a test below sees to it that none is missing. */
const CASES: Readonly<Record<string, { text?: string; html?: string; subject?: string }>> = {
  script_link: { html: '<a href="java&#10;script:alert(1)">x</a>' },
  data_link: { html: '<a href="data:text/html;base64,PHNjcmlwdD4=">x</a>' },
  password_field: { html: '<p>Log in</p><INPUT TYPE = Password name=p>' },
  brand_link_mismatch: { html: '<a href="https://evil.example/login">https://www.paypal.com/signin</a>' },
  homoglyph_host: { text: 'Sign in at https://www.xn--pypal-4ve.com/ today' },
  lookalike_host: { html: '<a href="https://paypa1.com/">Sign in</a>' },
  brand_in_subdomain: { text: 'https://www.paypal.com.secure-login.example/x' },
  obfuscated_host: { text: 'http://0x7f.1.2.3/a' },
  hidden_code_points: { text: 'Hello\u{e0049}\u{e0067}\u{e006e}\u{e006f}\u{e0072}\u{e0065}' },
  broken_words: { text: `p\u200ba\u200by\u200bp\u200ba\u200bl n\u200bo\u200bw p\u200bl\u200be\u200ba\u200bse` },
  spam_test: { text: 'See: XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X.' },
  credentials_in_link: { text: 'https://www.bank.example@evil.example/' },
  mixed_script_host: { text: 'https://ex\u0430mple.org/' },
  script: { html: '<script>alert(1)</script>' },
  event_handler: { html: '<img src="https://x.example/a.png" onerror="x()">' },
  embedded_object: { html: '<iframe src="https://x.example/"></iframe>' },
  page_refresh: { html: '<meta HTTP-EQUIV="Refresh" content="0;url=https://x.example/">' },
  base_address: { html: '<base href="https://x.example/">' },
  bidi_override: { text: 'invoice\u202efdp.exe' },
  invisible_characters: { text: 'v\u200bi\u200ba\u200bgra' },
  brand_in_host: { text: 'https://paypal-login.example/' },
  ip_link: { text: 'http://203.0.113.9/a' },
  program_link: { text: 'https://files.example/setup.exe?x=1' },
  form: { html: '<form action="https://x.example/"><input name=a></form>' },
  link_text_mismatch: { html: '<a href="https://b.example/">www.a.example</a>' },
  link_shortener: { text: 'Look: https://bit.ly/3abcde.' },
  many_links: { text: 'https://a.example/ '.repeat(2001) },
  mixed_script_words: { subject: 'Your P\u0430yPal account' },
  hidden_text: { html: `<div style="display: none">${'word '.repeat(200)}</div>` },
};

describe('the look at content finds', () => {
  for (const [name, content] of Object.entries(CASES)) {
    test(name.replaceAll('_', ' '), () => assert.ok(found(content).includes(name), found(content).join()));
  }

  test('everything that has a weight, and nothing else', () => {
    assert.deepEqual(Object.keys(CASES).sort(), Object.keys(WEIGHTS).sort());
  });
});

describe('the look at content lets pass', () => {
  const HONEST: readonly (readonly [
    string,
    { text?: string; html?: string; subject?: string; senderDomain?: string },
  ])[] = [
    ['plain words', { text: 'Dear Bob, here is your quote: 1 < 2 & "so on".' }],
    ['words of other languages', { text: 'Grüße aus Köln, sıra, Привет, Ελλάδα, 你好, مرحبا, 5 μm, नमस्ते' }],
    ['emoji and flags', { text: '👩‍👩‍👧 \u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} 🇩🇪' }],
    [
      'a preview line with its padding',
      { html: `<div style="display:none">A line.${'&zwnj;&nbsp;'.repeat(150)}</div>` },
    ],
    ['a link that shows its own site', { html: '<a href="https://click.acme.example/x?y">www.acme.example</a>' }],
    [
      'a link that shows words or a file',
      { html: '<a href="https://a.example/x">Invoice.pdf</a> <a href="https://a.example">here</a>' },
    ],
    ['pictures in the message', { html: '<img src="data:image/png;base64,iVBOR"><img src="cid:logo">' }],
    ["links to machines of one's own", { text: 'Alert: http://10.0.0.7:9090/graph and http://localhost:3000/' }],
    [
      'mail links and telephone numbers',
      { html: '<a href="mailto:help@acme.example">help@acme.example</a><a href="tel:+49">+49</a>' },
    ],
    ['data for machines', { html: '<script type="application/ld+json">{"@type":"Order"}</script>' }],
    [
      'the names of the great on their own sites',
      { text: 'https://www.paypal.com/x https://login.microsoft.com/ https://amazon.co.uk/' },
    ],
    [
      'links of a sender to itself, whatever it is called',
      { text: 'https://my-paypal-blog.example/', senderDomain: 'my-paypal-blog.example' },
    ],
  ];
  for (const [what, content] of HONEST) test(what, () => assert.deepEqual(found(content), []));
});

test('what stands in a comment, a style or a script is no text of the message', () => {
  assert.deepEqual(inHtml('<!-- <form><input type=password> --><style>a{b:c}</style><p>Hello</p>'), []);
});

test('a link is judged however its address is written', () => {
  for (const href of ['https:\\\\paypa1.com', 'HTTPS://PAYPA1.COM', '//paypa1.com/x', 'https://%70aypa1.com/']) {
    assert.deepEqual(inHtml(`<a href="${href}">Sign in</a>`), ['lookalike_host'], href);
  }
});

test('each finding counts once, the heaviest first, with its place', () => {
  const scanned = scanContent({
    subject: 'x',
    text: 'https://bit.ly/1 https://bit.ly/2',
    html: '<input type=password><a href="https://bit.ly/3">x</a>',
    senderDomain: null,
  });
  assert.deepEqual(scanned, {
    score: 13,
    findings: [
      { name: 'password_field', where: 'html', weight: 10 },
      { name: 'link_shortener', where: 'text', weight: 3 },
    ],
    canary: null,
  });
});

test('whatever comes in, nothing is thrown', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '<',
      '</',
      '<a href="',
      "<a href='java",
      '<!--',
      '-->',
      '&#',
      '&#x110000;',
      '://',
      'http://',
      'xn--',
      '\ud83c',
      '\udb40',
      '<script',
      '@',
      '%',
      '.',
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join('');
      const scanned = scanContent({ subject: text, text, html: text, senderDomain: text });
      assert.ok(scanned === null || scanned.score > 0);
    }),
  );
});

test('the time grows as the content does, whatever it is made of', () => {
  const units = [
    '<',
    '<a ',
    '&#x',
    '<!--',
    '<script></scrip',
    '<a href="',
    'a\u200b',
    'http://',
    '</',
    '<b c=d ',
    'p\u0430',
  ];
  for (const unit of units) {
    const spent = (octets: number): number => {
      const body = unit.repeat(octets / unit.length);
      const before = process.cpuUsage();
      scanContent({ subject: '', text: body, html: body, senderDomain: null });
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    spent(20_000);
    const small = Math.max(spent(100_000), 2000);
    const large = spent(1_000_000);
    assert.ok(large < small * 60, `${JSON.stringify(unit)}: ${small} µs, ten times as much ${large} µs`);
  }
});

test('the text of a plain message and that of its pages are both read', () => {
  assert.deepEqual(inText('http://203.0.113.9/'), ['ip_link']);
  assert.deepEqual(inHtml('<p>http://203.0.113.9/</p>'), ['ip_link']);
});

test('the documentation lists every finding with its weight', () => {
  const page = readFileSync(new URL('../../../docs/content.md', import.meta.url), 'utf8');
  const listed = [...page.matchAll(/^\| `([a-z_]+)` \| (\d+) \|/gm)].map(([, name, weight]) => [name!, Number(weight)]);
  assert.deepEqual(new Map(listed as [string, number][]), new Map(Object.entries(WEIGHTS)));
});
