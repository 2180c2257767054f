/**
 * The one stylesheet of the documentation pages, served at `/docs/style.css`, so that a content security policy of
 * `default-src 'none'; style-src 'self'` is enough. System fonts only; light and dark follow the reader's setting.
 * Every pair of text and background has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3).
 */
export const DOCS_STYLESHEET = `:root {
  color-scheme: light dark;
  --paper: #ffffff;
  --panel: #f5f6f8;
  --line: #d9dde3;
  --ink: #1b2027;
  --soft: #556070;
  --link: #0b5cad;
  --stop: #a61b1b;
  --wait: #8a4b00;
  --pass: #17663a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c;
    --panel: #1d2128;
    --line: #343b46;
    --ink: #e6e9ee;
    --soft: #a3adbb;
    --link: #7db8f5;
    --stop: #ff9c95;
    --wait: #f0b86a;
    --pass: #7fd6a2;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--paper);
  color: var(--ink);
  font: 1rem/1.6 system-ui, sans-serif;
}
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 0.5rem; background: var(--paper); padding: 0.25rem 0.75rem; }
.top, main, footer { max-width: 52rem; margin: 0 auto; padding: 0 1.25rem; }
.top { display: flex; gap: 1.25rem; padding-top: 1.25rem; padding-bottom: 1rem; border-bottom: 1px solid var(--line); }
.top strong { letter-spacing: 0.02em; }
a { color: var(--link); text-underline-offset: 0.15em; }
a:focus-visible, .wide:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
h1 { font-size: 2rem; line-height: 1.2; margin: 2rem 0 0.5rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 2.25rem 0 0.5rem; }
p { margin: 0.5rem 0; }
.lead { color: var(--soft); margin-bottom: 1.25rem; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.9em; }
code { background: var(--panel); border-radius: 0.25rem; padding: 0.1em 0.3em; overflow-wrap: anywhere; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 0.5rem; padding: 1rem; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; }
pre code { background: none; padding: 0; }
td:first-child code { white-space: nowrap; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1px; margin: 1.25rem 0; background: var(--line); border: 1px solid var(--line); border-radius: 0.5rem; overflow: hidden; }
.facts div { background: var(--panel); padding: 0.7rem 1rem; }
.facts dt { color: var(--soft); font-size: 0.85rem; }
.facts dd { margin: 0; font-weight: 600; }
.facts code { background: none; padding: 0; }
.stop { color: var(--stop); }
.wait { color: var(--wait); }
.pass { color: var(--pass); }
.fix { border-left: 4px solid var(--link); background: var(--panel); padding: 0.75rem 1rem; border-radius: 0 0.5rem 0.5rem 0; }
blockquote { margin: 0.75rem 0; padding: 0.1rem 1rem; border-left: 4px solid var(--line); color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.45rem 1rem 0.45rem 0; border-bottom: 1px solid var(--line); }
th { white-space: nowrap; color: var(--soft); font-weight: 600; font-size: 0.85rem; }
.index { columns: 2 18rem; column-gap: 1.5rem; margin-top: 1.5rem; }
.index section { break-inside: avoid; padding-bottom: 0.75rem; }
.index h3 { margin-top: 0; }
.index ul { list-style: none; margin: 0; padding: 0; }
.index h3 { margin-bottom: 0.25rem; }
.index code { background: none; padding: 0; }
h3 { font-size: 1.05rem; line-height: 1.3; margin: 1.75rem 0 0.4rem; }
h4 { font-size: 0.95rem; margin: 1.25rem 0 0.25rem; }
small { color: var(--soft); font-size: 0.85em; font-weight: 400; }
.route { border-top: 1px solid var(--line); padding: 0.25rem 0 1rem; }
.route:target { background: var(--panel); box-shadow: 0 0 0 0.75rem var(--panel); }
.route h3 code { font-size: 1em; background: none; padding: 0; }
.method { display: inline-block; min-width: 4rem; color: var(--link); font-size: 0.85rem; letter-spacing: 0.03em; }
.method.delete { color: var(--stop); }
.method.patch, .method.put { color: var(--wait); }
.method.get { color: var(--pass); }
details summary { cursor: pointer; color: var(--link); }
.near { display: flex; justify-content: space-between; gap: 1rem; margin-top: 2.5rem; }
footer { color: var(--soft); padding-top: 2rem; padding-bottom: 3rem; }
@media print {
  .top, .near, .skip { display: none; }
}
`;
