/**
 * The stylesheet of the page. System fonts only; light and dark follow the reader's setting. Every pair of text and
 * background has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3).
 */
export const PAGE_STYLESHEET = `:root {
  color-scheme: light dark;
  --paper: #f4f5f7;
  --card: #ffffff;
  --sunk: #eef0f3;
  --line: #dce0e6;
  --ink: #171c24;
  --soft: #566070;
  --link: #0a58a8;
  --act: #0a58a8;
  --act-ink: #ffffff;
  --stop: #a61b1b;
  --stop-paper: #fdecec;
  --wait: #805000;
  --wait-paper: #fdf1dc;
  --pass: #17663a;
  --pass-paper: #e4f4ea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #101318;
    --card: #191d24;
    --sunk: #222730;
    --line: #303743;
    --ink: #e7eaef;
    --soft: #a2acba;
    --link: #82bbf6;
    --act: #82bbf6;
    --act-ink: #0d1420;
    --stop: #ff9f98;
    --stop-paper: #3a1d1e;
    --wait: #f2bd72;
    --wait-paper: #372913;
    --pass: #82d8a5;
    --pass-paper: #153024;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 0.5rem; background: var(--card); padding: 0.25rem 0.75rem; z-index: 1; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
a { color: var(--link); text-underline-offset: 0.15em; }
a:focus-visible, button:focus-visible, input:focus-visible, select:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.top, main, footer, .clock { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
.top { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 1.5rem; padding-top: 0.9rem; padding-bottom: 0.9rem; }
.mark { font-weight: 750; font-size: 1.15rem; letter-spacing: -0.01em; color: var(--ink); text-decoration: none; }
.mark::before { content: ""; display: inline-block; width: 0.62em; height: 0.62em; margin-right: 0.45em; border: 0.16em solid var(--act); border-radius: 0.18em 0.18em 0.42em 0.42em; }
.top nav { display: flex; flex-wrap: wrap; gap: 0.25rem; }
.top nav a { padding: 0.3rem 0.7rem; border-radius: 0.5rem; color: var(--soft); text-decoration: none; }
.top nav a:hover { color: var(--ink); background: var(--sunk); }
.top nav a[aria-current] { color: var(--ink); background: var(--sunk); font-weight: 600; }
.who { margin: 0 0 0 auto; min-width: 0; overflow-wrap: anywhere; }
.mode { display: inline-block; margin-right: 0.4rem; padding: 0.05rem 0.55rem; border-radius: 1rem; font-size: 0.8rem; font-weight: 600; }
.mode-test { background: var(--wait-paper); color: var(--wait); }
.mode-live { background: var(--pass-paper); color: var(--pass); }
button { font: inherit; font-weight: 600; padding: 0.6rem 1.2rem; border: 1px solid transparent; border-radius: 0.55rem; background: var(--act); color: var(--act-ink); cursor: pointer; }
button:hover { filter: brightness(1.08); }
button.quiet { padding: 0.25rem 0.75rem; background: transparent; border-color: var(--line); color: var(--soft); font-weight: 500; }
.clock { color: var(--wait); }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; line-height: 1.3; margin: 1.75rem 0 0.6rem; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.88em; }
code { overflow-wrap: anywhere; }
time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.card, .rows, .empty, .envelope, .headers, pre.text, .preview, .files { background: var(--card); border: 1px solid var(--line); border-radius: 0.75rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 0 1.5rem; align-items: start; }
.columns > *, .row > * { min-width: 0; }
.limits { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr)); gap: 0.9rem; list-style: none; margin: 0; padding: 0; }
.limit { padding: 0.9rem 1rem; }
.limit p { margin: 0; }
.limit-name { display: flex; justify-content: space-between; gap: 0.75rem; overflow-wrap: anywhere; }
.limit-name span, .limit-rest { color: var(--soft); font-size: 0.85rem; }
.figure b { font-size: 1.7rem; line-height: 1.35; font-variant-numeric: tabular-nums; }
.bar { display: block; width: 100%; height: 0.5rem; margin: 0.15rem 0 0.5rem; border-radius: 0.25rem; }
.track { fill: var(--sunk); }
.fill-pass { fill: var(--pass); } .fill-wait { fill: var(--wait); } .fill-stop { fill: var(--stop); }
.pass { color: var(--pass); } .wait { color: var(--wait); } .stop { color: var(--stop); }
.rows { list-style: none; margin: 0; padding: 0; overflow: hidden; }
.rows > li + li { border-top: 1px solid var(--line); }
.row { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0.1rem 1rem; padding: 0.7rem 1rem; }
a.row { color: inherit; text-decoration: none; }
a.row:hover { background: var(--sunk); }
a.row:focus-visible { outline-offset: -3px; }
.row-title { font-weight: 600; overflow-wrap: anywhere; }
.row-side { color: var(--soft); font-size: 0.85rem; line-height: 1.75; font-variant-numeric: tabular-nums; white-space: nowrap; }
.row-rest { grid-column: 1 / -1; color: var(--soft); font-size: 0.9rem; overflow-wrap: anywhere; }
.tag, .badge { display: inline-block; padding: 0 0.5rem; border-radius: 1rem; font-size: 0.8rem; font-weight: 600; background: var(--sunk); color: var(--soft); }
.badge { margin-right: 0.35rem; }
.badge.pass { background: var(--pass-paper); color: var(--pass); }
.badge.wait { background: var(--wait-paper); color: var(--wait); }
.badge.stop { background: var(--stop-paper); color: var(--stop); }
.why { grid-column: 1 / -1; margin-top: 0.25rem; padding-left: 0.75rem; border-left: 3px solid var(--line); font-size: 0.9rem; overflow-wrap: anywhere; }
.why p { margin: 0 0 0.15rem; }
.fix, .clears { color: var(--soft); }
.clears { white-space: nowrap; }
.empty { margin: 0; padding: 1.1rem 1.25rem; color: var(--soft); }
.empty p { margin: 0; }
pre { margin: 0.75rem 0 0; padding: 0.9rem 1rem; border-radius: 0.55rem; background: var(--sunk); color: var(--ink); line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere; }
pre.text { margin: 0; background: var(--card); }
.more, .back { margin: 0.6rem 0 0; }
.envelope { display: grid; gap: 1px; margin: 0; padding: 0.4rem 0; }
.envelope div { display: grid; grid-template-columns: 7rem minmax(0, 1fr); gap: 0.75rem; padding: 0.25rem 1rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.preview { display: block; width: 100%; height: 26rem; background: #ffffff; color-scheme: light; resize: vertical; overflow: auto; }
.hint { color: var(--soft); font-size: 0.85rem; margin: 0.4rem 0 0; }
.notice, .trouble { margin: 1rem 0 0; padding: 0.6rem 1rem; border-radius: 0.55rem; background: var(--wait-paper); color: var(--wait); }
.trouble { background: var(--stop-paper); color: var(--stop); }
:is(.notice, .trouble) p { margin: 0; }
:is(.notice, .trouble) p + p { margin-top: 0.3rem; }
.files { list-style: none; margin: 0; padding: 0.4rem 0; }
.files li { padding: 0.25rem 1rem; overflow-wrap: anywhere; }
.files span { color: var(--soft); font-size: 0.9rem; }
.headers { width: 100%; border-collapse: separate; border-spacing: 0; table-layout: fixed; font-size: 0.88rem; }
.headers th { width: 13rem; text-align: left; color: var(--soft); font-weight: 500; }
.headers th, .headers td { padding: 0.35rem 1rem; vertical-align: top; overflow-wrap: anywhere; }
.headers tr + tr > * { border-top: 1px solid var(--line); }
.welcome { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 2rem 4rem; align-items: center; min-height: 90vh; max-width: 68rem; padding-top: 2rem; padding-bottom: 2rem; }
.welcome .mark { font-size: 1.3rem; margin: 0 0 1.5rem; }
.welcome h1 { font-size: clamp(1.9rem, 5vw, 2.8rem); line-height: 1.12; letter-spacing: -0.02em; margin: 0 0 1rem; }
.lead { font-size: 1.1rem; color: var(--soft); margin: 0; max-width: 34rem; }
.links { list-style: none; margin: 1.75rem 0 0; padding: 0; display: grid; gap: 0.5rem; }
.links span { color: var(--soft); margin-left: 0.35rem; }
.sign-in { padding: 1.5rem; display: grid; gap: 0.6rem; box-shadow: 0 1px 2px rgb(0 0 0 / 6%), 0 12px 32px rgb(0 0 0 / 6%); }
.sign-in h2, .sign-in p { margin: 0; }
.sign-in h2 { font-size: 1.25rem; }
.sign-in > p { color: var(--soft); }
.sign-in > .trouble { color: var(--stop); }
label { font-weight: 600; font-size: 0.9rem; }
input, select { font: inherit; width: 100%; padding: 0.6rem 0.75rem; border: 1px solid var(--soft); border-radius: 0.55rem; background: var(--card); color: var(--ink); }
details { font-size: 0.95rem; }
details > label { display: block; margin: 0.6rem 0 0.25rem; }
summary { color: var(--soft); cursor: pointer; }
footer { color: var(--soft); font-size: 0.85rem; padding-top: 2.5rem; padding-bottom: 2.5rem; }
@media (max-width: 40rem) {
  .top { gap: 0.5rem 0.75rem; }
  .who { flex: 1; display: flex; flex-wrap: wrap; justify-content: flex-end; }
  .who strong { max-width: 9rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .top nav { order: 1; width: 100%; margin-left: -0.7rem; }
  .headers, .headers tbody, .headers tr, .headers th, .headers td { display: block; width: auto; }
  .headers td { border-top: 0; padding-top: 0; }
  .headers tr + tr > td { border-top: 0; }
  .headers th { padding-bottom: 0; }
  .envelope div { grid-template-columns: 1fr; gap: 0; }
  .row { grid-template-columns: minmax(0, 1fr); }
  .row-side { order: 1; }
}
@media print {
  .top nav, .top form, .skip { display: none; }
}
`;
