import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Chance } from '../../../bench/traffic/chance.ts';
import { foreignHost, name, prose, word, words } from '../../../bench/traffic/wording.ts';
import { UNSUBSCRIBE_PLACEHOLDER } from '../../../src/core/unsubscribe.ts';
import { type Content, featuresOf } from '../../../src/policy/risk/features.ts';
import { likeness } from '../../../src/policy/risk/glance.ts';
import { hostHash, registrable } from '../../../src/policy/risk/hash.ts';
import { readLinks } from '../../../src/policy/risk/links.ts';
import { contentOf } from './sending.ts';

const withHtml = (html: string, more: Partial<Content> = {}) =>
  featuresOf({
    from: { email: 'office@acme.example', name: 'Acme' },
    replyTo: [],
    subject: 'Hello',
    text: null,
    html,
    inReplyTo: null,
    attachments: [],
    ...more,
  });

test('changed names, numbers, links and thrown-in words do not hide that two messages are one', () => {
  const core = 'your document has been shared with you open it before it expires tomorrow at noon sharp'.split(' ');
  const chance = new Chance(1);
  const copy = (): string => {
    const filled = core.flatMap((one) => (chance.is(0.2) ? [one, word(chance)] : [one])).join(' ');
    return `Hi ${name(chance)}, ${filled} https://${foreignHost(chance)}/${chance.letters(9)} ${chance.whole(1, 99999)} ${words(chance, 4)}`;
  };
  let near = 0;
  for (let n = 0; n < 200; n += 1) {
    if (likeness(contentOf(copy()).signature, contentOf(copy()).signature) >= 25) near += 1;
  }
  assert.ok(near >= 170, `${near} of 200`);
});

test('messages of people are not near-identical', () => {
  const chance = new Chance(2);
  const other = (): string => Array.from({ length: 6 }, () => words(chance, 7)).join('. ');
  let near = 0;
  for (let n = 0; n < 200; n += 1) {
    const [one, two] = [contentOf(other(), words(chance, 3)), contentOf(other(), words(chance, 3))];
    // Forty words of fifty that exist are many of the same; pairs of them are not.
    if (likeness(one.signature, two.signature) >= 60) near += 1;
  }
  assert.equal(near, 0);
  const [one, two] = [
    'Could you bring the ladder on Friday? The roof leaks again.',
    'Our board has met and approves your proposal.',
  ];
  assert.ok(likeness(contentOf(one, 'Roof').signature, contentOf(two, 'Proposal').signature) < 25);
});

test('random letters are garbled, words of several languages are not', () => {
  for (const text of ['dfjeffa agwrgs', 'sdf lkj', 'hqrqjs gsrk', 'wqaddqdje qwrtz']) {
    assert.ok(contentOf(text, '').gibberish >= 400, text);
  }
  for (const text of [
    'Thank you for your order. We will tell you when it leaves our house.',
    'Guten Tag, wir erinnern Sie an Ihren Termin am Mittwoch. Bitte bringen Sie die Unterlagen mit.',
    'Bonjour, votre commande est prête. Merci de votre confiance et à bientôt.',
    'Buenos días, su pedido ya está listo para recoger en nuestra tienda.',
    'Dzień dobry, przypominamy o wizycie w poniedziałek o godzinie dziesiątej.',
    'Günaydın, siparişiniz bugün yola çıktı, takip numarası aşağıdadır.',
    'こんにちは、ご予約の確認です。',
  ]) {
    assert.ok(contentOf(text, '').gibberish < 250, `${text}: ${contentOf(text, '').gibberish}`);
  }
});

test('links are found in text and in HTML, with the hosts they lead to', () => {
  const text = contentOf('See https://www.shop.example/a and HTTP://other.example:8080/b, or https://shop.example.');
  assert.equal(text.links, 3);
  assert.deepEqual(text.hosts, [hostHash('shop.example'), hostHash('other.example')]);
  const html = withHtml(
    '<p><a class="x" href="https://acme.example/y">https://acme.example</a><img src="https://pic.example/1"></p>',
  );
  assert.equal(html.links, 1);
  assert.equal(html.deceptive, 0);
  assert.deepEqual(html.hosts, [html.sender]);
});

test('links that hide where they lead are deceptive', () => {
  for (const link of [
    '<a href="https://evil.example/x">https://bank.example</a>',
    '<a href="https://evil.example/x">www.bank.example/login</a>',
    '<a href="https://203.0.113.7/login">Sign in</a>',
    '<a href="https://bank.example@evil.example/">Sign in</a>',
    '<a href="https://xn--bnk-5qa.example/">Sign in</a>',
  ]) {
    assert.equal(withHtml(link).deceptive, 1, link);
  }
});

test('Reply-To and display name of another domain are a mismatch', () => {
  assert.equal(withHtml('x', { replyTo: [{ email: 'help@mail.acme.example' }] }).mismatch, false);
  assert.equal(withHtml('x', { replyTo: [{ email: 'me@elsewhere.example' }] }).mismatch, true);
  assert.equal(withHtml('x', { from: { email: 'a@acme.example', name: 'security@bank.example' } }).mismatch, true);
  assert.equal(withHtml('x', { from: { email: 'a@acme.example', name: 'Sales @ Acme' } }).mismatch, false);
});

test('the registrable part of a host is what one owner has', () => {
  assert.equal(registrable('a.b.shop.example'), 'shop.example');
  assert.equal(registrable('www.shop.co.uk'), 'shop.co.uk');
  assert.equal(registrable('shop.de'), 'shop.de');
  assert.equal(registrable('localhost'), 'localhost');
});

test('whatever the content, features are small whole numbers', () => {
  const any = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ maxLength: 300 }));
  fc.assert(
    fc.property(
      any,
      fc.option(any, { nil: null }),
      fc.option(any, { nil: null }),
      any,
      (subject, text, html, extra) => {
        const found = featuresOf({
          from: { email: extra, name: extra },
          replyTo: [{ email: extra }],
          subject,
          text,
          html: html === null ? null : `<a href="http://${html}">${extra}`,
          inReplyTo: null,
          attachments: [{ filename: extra, contentType: extra }],
        });
        assert.equal(found.signature.length, 32);
        for (let i = 0; i < 32; i += 1) assert.ok(found.signature.charCodeAt(i) <= 255);
        for (const value of [found.gibberish, found.phrases]) {
          assert.ok(Number.isInteger(value) && value >= 0 && value <= 1000, `${value}`);
        }
        assert.ok(found.hosts.length <= 4 && found.links <= 40);
      },
    ),
  );
});

test('the same content gives the same features, whatever was read before', () => {
  const text = 'Please look at https';
  const before = contentOf(text);
  contentOf(`${'x'.repeat(text.length)}://rest.example/ and more`);
  assert.deepEqual(contentOf(text), before);
});

test('a text has the signature that those stored before were compared by', () => {
  const text =
    'Dear friend, click here to claim your prize at https://prize.example/x before xqzvk tomorrow. Größe, Σίσυφος, wndrflk.';
  const more = { from: null, replyTo: [], html: null, inReplyTo: null, attachments: [] };
  const { signature, ...features } = featuresOf({ ...more, subject: 'Ihr Gewinn: 3 days ONLY!!!', text });
  const stored = '00631c00005300e28d006e205d00cb007b000000aa007d3f6c46720081004172';
  assert.equal(Buffer.from(signature, 'latin1').toString('hex'), stored);
  const { words, numbers, gibberish, phrases } = features;
  assert.deepEqual([words, numbers, gibberish, phrases], [19, 1, 118, 1000]);
});

test('megabytes of hostile content are read in no time', () => {
  for (const piece of [
    '<',
    '<a href=',
    '://',
    'http://a@',
    'a',
    '!',
    '\u{1F600}',
    'http://x.example <a>http://y.example</a>',
  ]) {
    const body = piece.repeat(Math.ceil(2_000_000 / piece.length));
    const began = process.cpuUsage();
    withHtml(body);
    contentOf(body);
    const { user, system } = process.cpuUsage(began);
    assert.ok(user + system < 500_000, `${piece}: ${user + system} µs`);
  }
});

test('prose has no points of fraud, and fraud has many', () => {
  for (let seed = 0; seed < 40; seed += 1) assert.ok(contentOf(prose(new Chance(seed), 6)).phrases < 300);
  assert.ok(contentOf('Earn 9000 a week from home, click now. Limited places, act today!!!').phrases >= 600);
});

test('the link by which recipients unsubscribe says nothing of the sender', () => {
  const html = (more: string): string => `<p><a href="https://acme.example/x">x</a>${more}</p>`;
  const without = readLinks(null, html(''), 10_000, 8);
  assert.equal(without.count, 1);
  const link = `<a href="${UNSUBSCRIBE_PLACEHOLDER}">Unsubscribe</a>`;
  assert.deepEqual(readLinks(null, html(link), 10_000, 8), without);
  assert.equal(readLinks(`Unsubscribe: ${UNSUBSCRIBE_PLACEHOLDER}`, null, 10_000, 8).count, 0);
});
