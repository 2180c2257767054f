/** The frame around every view of the page: no scripts, no inline style, nothing from elsewhere. */
import { type Html, html } from '../docs/html.ts';
import { outside, time } from './words.ts';

/** Who looks, and from where. */
export type Visit = {
  /** The path of the public address, without a slash at its end: mostly empty. */
  base: string;
  tenant: { id: string; name: string };
  mode: 'live' | 'test';
  keyName: string;
  /** Where the test clock stands, or null for real time. */
  frozenAt: number | null;
};

export type View = 'overview' | 'mail' | 'verdicts';

const VIEWS: readonly [View, string, string][] = [
  ['overview', '/', 'Overview'],
  ['mail', '/page/mail', 'Mail'],
  ['verdicts', '/page/verdicts', 'Verdicts'],
];

/** A whole document for somebody signed in. */
export function frame(visit: Visit, current: View | null, title: string, main: Html): string {
  const { base, mode } = visit;
  return document(
    base,
    title,
    html`<header class="top">
<a class="mark" href="${base}/">Postern</a>
<nav aria-label="Page">${VIEWS.map(([view, path, label]) =>
      view === current
        ? html`<a href="${base}${path}" aria-current="page">${label}</a>`
        : html`<a href="${base}${path}">${label}</a>`,
    )}<a href="${base}/docs">Docs</a></nav>
<p class="who"><span class="mode mode-${mode}">${mode} mode</span> <strong>${outside(visit.tenant.name)}</strong></p>
<form method="post" action="${base}/page/logout"><button class="quiet" type="submit">Sign out</button></form>
</header>
${visit.frozenAt === null ? '' : html`<p class="clock">The test clock stands still at ${time(visit.frozenAt)} UTC.</p>`}
<main id="main">
${main}
</main>
<footer>Signed in with ${outside(visit.keyName)}. All times are UTC.</footer>`,
  );
}

/** A whole document. */
export function document(base: string, title: string, body: Html): string {
  const whole = html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} – Postern</title>
<link rel="stylesheet" href="${base}/page/style.css">
<link rel="icon" href="data:,">
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
${body}
</body>
</html>
`;
  return `<!doctype html>\n${whole.markup}`;
}
