/** Captured mail: the list, and one message with its headers, its text and its HTML in a frame without any rights. */
import type { CaptureRow } from '../../data/port/captures.ts';
import { type Html, html } from '../docs/html.ts';
import type { ReadMail } from '../sink/mail.ts';
import type { Visit } from './frame.ts';
import { address, outside, size, time } from './words.ts';

export type ReadCapture = { row: CaptureRow; mail: ReadMail };

/**
 * For the HTML of a message: nothing runs, nothing is loaded, nothing is sent, and its origin is none, so that it reaches
 * neither the page around it nor the cookie.
 */
export const PREVIEW_POLICY =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox";

export function mailList(visit: Visit, mail: readonly ReadCapture[], url: string): Html {
  if (mail.length === 0) return noMail(visit, url);
  return html`<ul class="rows mail">${mail.map((one) => mailRow(visit, one))}</ul>`;
}

function mailRow({ base }: Visit, { row, mail }: ReadCapture): Html {
  const files = mail.attachments.length;
  return html`<li><a class="row" href="${base}/page/mail/${row.id}">
<span class="row-title">${subject(mail)}</span>
<span class="row-side">${time(row.receivedAt)}</span>
<span class="row-rest">to ${address(row.to)}${files === 0 ? '' : html` <span class="tag">${files === 1 ? '1 file' : `${files} files`}</span>`}</span>
</a></li>`;
}

function subject(mail: ReadMail): Html {
  const text = (mail.subject ?? '').trim();
  return text === '' ? html`<i>(no subject)</i>` : outside(text);
}

function noMail({ mode }: Visit, url: string): Html {
  const body = `{"to":"bob@example.com","subject":"Hello","text":"It works."}`;
  return html`<div class="empty">
<p>${
    mode === 'test'
      ? 'No mail yet. In test mode nothing leaves this machine: what is sent shows up here.'
      : 'No mail here. Live mail is captured only where the provider is the sink.'
  }</p>
${mode === 'test' ? html`<pre><code>curl ${url}/v1/messages -H "Authorization: Bearer $POSTERN_KEY" -H "Content-Type: application/json" -d '${body}'</code></pre>` : ''}
</div>`;
}

export function mailPage({ base }: Visit, { row, mail }: ReadCapture): Html {
  return html`<p class="back"><a href="${base}/page/mail">← All mail</a></p>
<h1>${subject(mail)}</h1>
<dl class="envelope">
<div><dt>From</dt><dd>${sender(mail)}</dd></div>
<div><dt>To</dt><dd>${address(row.to)}</dd></div>
<div><dt>Return path</dt><dd>${row.from === '' ? '<>' : address(row.from)}</dd></div>
<div><dt>Received</dt><dd>${time(row.receivedAt)} · ${size(row.raw.length)} · <a href="${base}/page/mail/${row.id}/raw">Download</a></dd></div>
${row.messageId === null ? '' : html`<div><dt>Message</dt><dd><code>${row.messageId}</code></dd></div>`}
</dl>
${incomplete(mail)}
${mail.html === null ? '' : htmlPart(base, row.id)}
${mail.text === null ? '' : html`<h2>Text</h2><pre class="text" dir="auto">${mail.text}</pre>`}
${mail.attachments.length === 0 ? '' : filePart(mail)}
<h2>Headers</h2>
<table class="headers"><tbody>
${mail.headers.map(([name, value]) => html`<tr><th scope="row">${outside(name)}</th><td>${outside(value)}</td></tr>\n`)}</tbody></table>`;
}

function sender({ from }: ReadMail): Html | string {
  if (from === null) return '–';
  if (from.name === '') return address(from.address);
  return html`${outside(from.name)} &lt;${address(from.address)}&gt;`;
}

function incomplete({ incomplete: why }: ReadMail): Html | '' {
  if (why === null) return '';
  return why === 'too_long'
    ? html`<p class="notice">This message is long: only its beginning is shown. The download has all of it.</p>`
    : html`<p class="notice">This message is built so that it cannot be read here. The download has all of it.</p>`;
}

function htmlPart(base: string, id: string): Html {
  return html`<h2>HTML</h2>
<iframe class="preview" title="HTML of the message" src="${base}/page/mail/${id}/preview" sandbox="" referrerpolicy="no-referrer" loading="lazy"></iframe>
<p class="hint">Shown without scripts, and without anything it would load from elsewhere.</p>`;
}

function filePart({ attachments }: ReadMail): Html {
  return html`<h2>Attachments</h2>
<ul class="files">${attachments.map(
    ({ filename, contentType, size: bytes }) =>
      html`<li>${filename === null ? html`<i>(no name)</i>` : outside(filename)} <span>${outside(contentType)}, ${size(bytes)}</span></li>`,
  )}</ul>`;
}
