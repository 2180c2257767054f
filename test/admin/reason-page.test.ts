import assert from 'node:assert/strict';
import { test } from 'node:test';
import { html, prose } from '../../src/admin/docs/html.ts';
import { renderReasonIndex, renderReasonPage } from '../../src/admin/docs/reason-page.ts';
import { DOCS_STYLESHEET } from '../../src/admin/docs/stylesheet.ts';
import { OUTCOMES, REASON_CODES, REASONS, type ReasonEntry, WARNING_CODES } from '../../src/core/reasons.ts';

const OPTIONS = { baseUrl: 'http://127.0.0.1:8480' };
const CODES = [...REASON_CODES, ...WARNING_CODES];
const PAGES = [...CODES.map((code) => renderReasonPage(code, OPTIONS)), renderReasonIndex(OPTIONS)];

const VOID = new Set(['meta', 'link', 'br']);

/** The names of the elements that are open at the end, or the first that closes out of turn. */
function unbalanced(markup: string): string[] {
  const open: string[] = [];
  for (const [, slash, name] of markup.matchAll(/<(\/?)([a-z0-9]+)[^>]*>/g)) {
    if (slash === '' && !VOID.has(name!)) open.push(name!);
    if (slash === '/' && open.pop() !== name) return [`</${name}>`];
  }
  return open;
}

test('every page is a whole document whose elements all close in turn', () => {
  for (const markup of PAGES) {
    assert.match(markup, /^<!doctype html>\n<html lang="en">/);
    assert.deepEqual(unbalanced(markup), []);
    assert.equal(markup.match(/<h1[ >]/g)?.length, 1);
    assert.match(markup, /<main id="main">/);
  }
});

test('no page has a script, an inline style, an event attribute or anything from elsewhere', () => {
  for (const markup of PAGES) {
    assert.doesNotMatch(markup, /<script|<style|<img|<iframe|\sstyle=|\son[a-z]+=|javascript:/i);
    const targets = [...markup.matchAll(/(?:href|src)="([^"]*)"/g)].map((match) => match[1]!);
    assert.ok(targets.length > 3 && targets.every((target) => /^(#main$|\/docs(\/|$))/.test(target)), targets.join());
  }
  assert.doesNotMatch(DOCS_STYLESHEET, /url\(|@import|https?:/);
});

test('every page shows what the catalogue says of its reason', () => {
  const readable = (markup: string) =>
    markup
      .replace(/<[^>]+>/g, '')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&amp;', '&');
  for (const code of REASON_CODES) {
    const entry: ReasonEntry = REASONS[code];
    const text = readable(renderReasonPage(code, OPTIONS));
    for (const said of [entry.title, entry.explanation, entry.fix, entry.clearsAt, ...Object.values(entry.evidence)]) {
      assert.ok(text.includes(said.replaceAll('`', '')), `${code}: ${said}`);
    }
    assert.ok(text.includes(String(entry.http ?? 202)) && text.includes(String(entry.smtp?.enhanced)), code);
    for (const field of Object.keys(entry.evidence)) assert.ok(text.includes(field), `${code}: ${field}`);
    assert.doesNotMatch(text, /undefined|\[object/);
  }
});

test('the example on a page is JSON with the status and address of the reason', () => {
  for (const code of REASON_CODES) {
    const block = /<pre><code>([^<]*)<\/code><\/pre>/.exec(renderReasonPage(code, OPTIONS))![1]!;
    const example = JSON.parse(block.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&'));
    const reason = REASONS[code].http === null ? example.reasons[0] : example;
    assert.equal(reason.code, code);
    if (REASONS[code].http !== null) {
      assert.equal(example.status, REASONS[code].http);
      assert.equal(example.type, `http://127.0.0.1:8480/docs/reasons/${code}`);
    }
  }
});

test('the index links every reason and warning and names every outcome', () => {
  const index = renderReasonIndex(OPTIONS);
  for (const code of CODES) assert.ok(index.includes(`href="/docs/reasons/${code}"`), code);
  for (const outcome of Object.keys(OUTCOMES)) assert.ok(index.includes(`<code>${outcome}</code>`), outcome);
});

test('behind a public address with a path all links keep the path', () => {
  for (const baseUrl of ['https://acme.example/mail/', 'https://acme.example/mail']) {
    const markup = renderReasonPage('suppressed', { baseUrl });
    assert.match(markup, /href="\/mail\/docs\/style\.css"/);
    assert.match(markup, /https:\/\/acme\.example\/mail\/docs\/reasons\/suppressed/);
    assert.doesNotMatch(markup, /href="\/docs/);
  }
});

test('text put into markup is escaped, in elements and in attributes', () => {
  const hostile = `"><script>alert('&')</script>`;
  const escaped = '&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;';
  assert.equal(html`<a title="${hostile}">${[hostile, 1]}</a>`.markup, `<a title="${escaped}">${escaped}1</a>`);
  assert.equal(prose(`a \`<b>\` ${hostile}`).markup, `a <code>&lt;b&gt;</code> ${escaped}`);
});

/** Relative luminance and contrast (WCAG 2.2, "relative luminance" and "contrast ratio"). */
function contrast(one: string, other: string): number {
  const luminance = (colour: string) => {
    const [red, green, blue] = [1, 3, 5].map((at) => {
      const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
  };
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high! + 0.05) / (low! + 0.05);
}

test('every text colour has a contrast of 4.5 to 1 on both backgrounds, in light and in dark', () => {
  const schemes = DOCS_STYLESHEET.split('prefers-color-scheme: dark');
  for (const scheme of [schemes[0]!, schemes[1]!.split('* {')[0]!]) {
    const colours = Object.fromEntries(
      [...scheme.matchAll(/--([a-z]+): (#[0-9a-f]{6})/g)].map((match) => [match[1]!, match[2]!]),
    );
    for (const text of ['ink', 'soft', 'link', 'stop', 'wait', 'pass']) {
      for (const ground of ['paper', 'panel']) {
        const ratio = contrast(colours[text]!, colours[ground]!);
        assert.ok(ratio >= 4.5, `${text} on ${ground}: ${ratio.toFixed(2)}`);
      }
    }
  }
});
