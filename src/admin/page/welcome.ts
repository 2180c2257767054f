/** What `/` shows to somebody who has not signed in: what this is, the form, the documentation. */
import { type Html, html } from '../docs/html.ts';
import { document } from './frame.ts';

export type Form = {
  /** What was wrong with the last try, or null. */
  trouble: string | null;
  /** What was given besides the key, which is never shown again. */
  tenant: string;
  mode: string;
};

export const EMPTY_FORM: Form = { trouble: null, tenant: '', mode: 'live' };

export function welcome(base: string, form: Form): string {
  return document(
    base,
    'Sign in',
    html`<main id="main" class="welcome">
<div class="pitch">
<p class="mark">Postern</p>
<h1>The gateway that says why.</h1>
<p class="lead">Apps, agents and people send e-mail through it. Every send gets a verdict, every verdict explains itself, and nothing that was accepted is ever lost.</p>
<ul class="links">
<li><a href="${base}/docs">API reference</a> <span>every route, with examples</span></li>
<li><a href="${base}/docs/reasons">All reasons</a> <span>what each refusal means, and how to fix it</span></li>
</ul>
</div>
<form class="card sign-in" method="post" action="${base}/page/login">
<h2>Look inside</h2>
<p>Captured mail, recent verdicts and headroom of the tenant and mode that a key belongs to.</p>
${form.trouble === null ? '' : html`<p class="trouble" role="alert">${form.trouble}</p>`}
<label for="key">API key</label>
<input id="key" name="key" type="password" required maxlength="200" autocomplete="off" spellcheck="false" placeholder="pst_test_…">
${operatorFields(form)}
<button type="submit">Sign in</button>
<p class="hint">The key needs the scope <code>read</code>. It stays on this server; the browser keeps a session for eight hours.</p>
</form>
</main>`,
  );
}

function operatorFields({ tenant, mode }: Form): Html {
  const option = (value: string) =>
    value === mode
      ? html`<option value="${value}" selected>${value}</option>`
      : html`<option value="${value}">${value}</option>`;
  const fields = html`<summary>With the operator’s key</summary>
<label for="tenant">Tenant</label>
<input id="tenant" name="tenant" maxlength="100" autocomplete="off" spellcheck="false" placeholder="ten_…" value="${tenant}">
<label for="mode">Mode</label>
<select id="mode" name="mode">${['live', 'test'].map(option)}</select>`;
  return tenant === '' ? html`<details>${fields}</details>` : html`<details open>${fields}</details>`;
}
