/** The frame of every documentation page: no scripts, no inline style, nothing from elsewhere. */

import { type Html, html } from './html.ts';

export type PageOptions = {
  /** The public address of this Postern, for example `https://postern.example`; it may have a path. */
  baseUrl: string;
};

/** A whole HTML document around `main`. */
export function page(title: string, description: string, main: Html, options: PageOptions): string {
  const docs = docsPath(options);
  const whole = html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="${description}">
<title>${title} – Postern</title>
<link rel="stylesheet" href="${docs}/style.css">
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<strong>Postern</strong>
<nav aria-label="Documentation"><a href="${docs}/reasons">All reasons</a> · <a href="${docs}">API reference</a></nav>
</header>
<main id="main">
${main}
</main>
<footer>Made from the catalogue of this Postern.</footer>
</body>
</html>
`;
  return `<!doctype html>\n${whole.markup}`;
}

/** Where the documentation is, from the root of the host: `/docs`, behind the path of the public address if it has one. */
export function docsPath({ baseUrl }: PageOptions): string {
  const { pathname } = new URL(baseUrl);
  return `${pathname.endsWith('/') ? pathname.slice(0, -1) : pathname}/docs`;
}

/** The same as a whole address. */
export function docsUrl(options: PageOptions): string {
  return new URL(docsPath(options), options.baseUrl).href;
}

/** A table that scrolls by itself where it is too wide. */
export function table(label: string, head: readonly string[], rows: readonly (readonly (string | Html)[])[]): Html {
  return html`<div class="wide" role="region" aria-label="${label}" tabindex="0"><table>
<thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>
${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody>
</table></div>`;
}
