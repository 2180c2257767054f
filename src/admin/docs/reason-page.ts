/**
 * One page for each reason and warning, and the list of all. Everything on them comes from the catalogue; the example is
 * made by the same functions that answer requests, so it cannot differ from a real answer.
 *
 * Deliberately absent: serving. These are pure functions of code and address.
 */

import {
  type ExplainOptions,
  explainReason,
  explainWarning,
  problem,
  smtpCodes,
  smtpText,
} from '../../core/explain.ts';
import {
  CATEGORIES,
  type Category,
  CLEARERS,
  type Clearer,
  isReasonCode,
  OUTCOMES,
  REASON_CODES,
  REASONS,
  type ReasonCode,
  type ReasonEntry,
  WARNING_CODES,
  WARNINGS,
  type WarningCode,
} from '../../core/reasons.ts';
import { EXAMPLE_NOW_MS, SIMULATOR_DOMAIN, simulatedReason, simulatedWarning } from '../../core/simulator.ts';
import { type Html, html, prose } from './html.ts';
import { docsPath, docsUrl, type PageOptions, page, table } from './page.ts';

const EXAMPLE_MESSAGE = 'msg_01jb2m3n4p5q6r7s8t9v0w1x2y';
const EXAMPLE_RECIPIENT = 'rcp_01jb2m3n4p5q6r7s8t9v0w1x2y';
const EXAMPLE_REQUEST = 'req_01jb2m3n4p5q6r7s8t9v0w1x2y';

/** The page about a reason or a warning, a whole HTML document. */
export function renderReasonPage(code: ReasonCode | WarningCode, options: PageOptions): string {
  return isReasonCode(code) ? reasonPage(code, options) : warningPage(code, options);
}

function reasonPage(code: ReasonCode, options: PageOptions): string {
  const entry: ReasonEntry = REASONS[code];
  const example = explainReason(simulatedReason(code, EXAMPLE_NOW_MS), explainOptions(options));
  const main = html`<h1>${entry.title}</h1>
<p class="lead"><code>${code}</code> · ${CATEGORIES[entry.category].title}</p>
${factList(entry)}
<h2>What it means</h2>
<p>${prose(entry.explanation)}</p>
<blockquote><p>${prose(example.detail)}</p></blockquote>
<h2>How to fix it</h2>
<p class="fix">${prose(entry.fix)}</p>
<h2>Who can clear it, and when</h2>
${clearing(entry)}
<h2>Should you retry?</h2>
<p>${prose(retrying(entry))}</p>
<h2>What to tell the customer</h2>
<p>The field <code>customer_message</code> may be shown to the end customer as it is:</p>
<blockquote><p>${example.customer_message}</p></blockquote>
<h2>Evidence</h2>
${evidenceTable(entry.evidence)}
<h2>Example</h2>
${exampleSection(code, entry, options)}
${neighbours(code, options)}`;
  return page(entry.title, entry.explanation, main, options);
}

function factList(entry: ReasonEntry): Html {
  const status =
    entry.http === null ? html`<span class="pass">202 accepted</span>` : html`<span class="stop">${entry.http}</span>`;
  const smtp = entry.smtp === null ? 'none' : `${entry.smtp.reply} ${entry.smtp.enhanced}`;
  return html`<dl class="facts">
<div><dt>HTTP status</dt><dd>${status}</dd></div>
<div><dt>SMTP reply</dt><dd>${smtp}</dd></div>
<div><dt>Retry</dt><dd>${entry.retryable ? html`<span class="wait">yes, later</span>` : 'no'}</dd></div>
<div><dt>Clears by</dt><dd>${entry.clearsBy.join(' or ')}</dd></div>
</dl>`;
}

function clearing(entry: ReasonEntry): Html {
  const cases = Object.keys(entry.cases ?? {}) as Clearer[];
  return html`<p>${entry.clearsBy.map((by) => `${CLEARERS[by]} `)}</p>
<p><strong>When:</strong> ${prose(entry.clearsAt)}</p>
${cases.map((by) => html`<p><strong>When ${entry.cases![by]!.when}</strong> (<code>${by}</code>): ${prose(entry.cases![by]!.fix)}</p>\n`)}`;
}

function retrying(entry: ReasonEntry): string {
  if (entry.http === null) return 'No. The message is accepted; sending it again would send it twice.';
  if (!entry.retryable) return 'No. The same request gets the same answer until something has changed.';
  return 'Yes, with the same `Idempotency-Key`. Wait as long as `Retry-After` or `retry_at` says; without them, wait longer each time.';
}

function evidenceTable(evidence: Readonly<Record<string, string>>): Html {
  const rows = Object.entries(evidence).map(([field, meaning]) => [html`<code>${field}</code>`, prose(meaning)]);
  if (rows.length === 0) return html`<p>This reason has no evidence.</p>`;
  return table('Evidence', ['field', 'holds'], rows);
}

function exampleSection(code: ReasonCode, entry: ReasonEntry, options: PageOptions): Html {
  const decided = simulatedReason(code, EXAMPLE_NOW_MS);
  const smtp = smtpCodes(decided);
  const reply = smtp === null ? '' : `${smtp.reply} ${smtp.enhanced} ${smtpText(decided, explainOptions(options))}`;
  if (entry.http === null) {
    return html`<p>The recipient in the answer <code>202</code>:</p>
${codeBlock(json(acceptedRecipient(code, options)))}`;
  }
  const { recipients: _, limits: __, risk: ___, ...body } = problem(exampleInput(code, entry), explainOptions(options));
  return html`<p>The body of the answer, <code>application/problem+json</code>, without its <code>recipients</code>, <code>limits</code> and <code>risk</code>:</p>
${codeBlock(json(body))}
<p>The same over SMTP:</p>
${codeBlock(reply)}
<p>In test mode you get this answer by sending to <code>blocked+${code}@${SIMULATOR_DOMAIN}</code>.</p>`;
}

function exampleInput(code: ReasonCode, entry: ReasonEntry) {
  const isDecided = entry.category !== 'access' && entry.category !== 'platform';
  const errors = [
    { code: 'invalid_parameter', param: 'to[0].email', message: 'is not an e-mail address' },
    { code: 'unknown_parameter', param: 'subjekt', message: 'is not a field of this route' },
  ];
  return {
    reasons: [simulatedReason(code, EXAMPLE_NOW_MS)],
    ...(code === 'validation_failed' ? { errors } : {}),
    messageId: isDecided ? EXAMPLE_MESSAGE : null,
    requestId: EXAMPLE_REQUEST,
  };
}

function acceptedRecipient(code: ReasonCode, options: PageOptions) {
  const reason = explainReason(simulatedReason(code, EXAMPLE_NOW_MS), explainOptions(options));
  const isScheduled = code === 'waiting_for_slot';
  return {
    id: EXAMPLE_RECIPIENT,
    email: 'bob@example.com',
    status: isScheduled ? 'scheduled' : 'held',
    scheduled_at: isScheduled ? reason.clears.at : null,
    reasons: [reason],
    warnings: [],
  };
}

function neighbours(code: ReasonCode, options: PageOptions): Html {
  const at = REASON_CODES.indexOf(code);
  const link = (to: ReasonCode | undefined, arrow: (title: string) => string) =>
    to === undefined
      ? html`<span></span>`
      : html`<a href="${docsPath(options)}/reasons/${to}">${arrow(REASONS[to].title)}</a>`;
  return html`<nav class="near" aria-label="Neighbours in order of precedence">
${link(REASON_CODES[at - 1], (title) => `← ${title}`)}
${link(REASON_CODES[at + 1], (title) => `${title} →`)}
</nav>`;
}

function warningPage(code: WarningCode, options: PageOptions): string {
  const entry = WARNINGS[code];
  const example = explainWarning(simulatedWarning(code, EXAMPLE_NOW_MS), explainOptions(options));
  const main = html`<h1>${entry.title}</h1>
<p class="lead"><code>${code}</code> · Warning: the message goes out</p>
<h2>What it means</h2>
<p>${prose(entry.explanation)}</p>
<blockquote><p>${prose(example.detail)}</p></blockquote>
<h2>What to do</h2>
<p class="fix">${prose(entry.fix)}</p>
<h2>Evidence</h2>
${evidenceTable(entry.evidence)}
<h2>Example</h2>
<p>An element of <code>warnings</code>:</p>
${codeBlock(json(example))}`;
  return page(entry.title, entry.explanation, main, options);
}

/** The list of all reasons, warnings and outcomes, a whole HTML document. */
export function renderReasonIndex(options: PageOptions): string {
  const description = 'Every reason for which Postern refuses, holds or delays a message, in order of precedence.';
  const main = html`<h1>Reasons</h1>
<p class="lead">${description} All that apply are reported; the first is the primary one.</p>
${(Object.keys(CATEGORIES) as Category[]).map((category) => categorySection(category, options))}
<h2 id="warnings">Warnings</h2>
<p>The message goes out; the answer says what is coming.</p>
${table(
  'Warnings',
  ['code', 'title'],
  WARNING_CODES.map((code) => [codeLink(code, options), WARNINGS[code].title]),
)}
<h2 id="outcomes">Delivery outcomes</h2>
<p>What can become of a recipient after acceptance, in events and on the recipient.</p>
${table(
  'Delivery outcomes',
  ['outcome', 'meaning'],
  Object.values(OUTCOMES).map((outcome) => [html`<code>${outcome.code}</code>`, prose(outcome.explanation)]),
)}`;
  return page('Reasons', description, main, options);
}

function categorySection(category: Category, options: PageOptions): Html {
  const { title, about } = CATEGORIES[category];
  const rows = REASON_CODES.filter((code) => REASONS[code].category === category).map((code) => {
    const entry: ReasonEntry = REASONS[code];
    const retry = entry.retryable ? 'later' : 'no';
    return [codeLink(code, options), entry.title, String(entry.http ?? 202), retry, entry.clearsBy.join(' or ')];
  });
  return html`<h2 id="${category}">${title}</h2>
<p>${about}</p>
${table(title, ['code', 'title', 'HTTP', 'retry', 'clears by'], rows)}
`;
}

function codeLink(code: ReasonCode | WarningCode, options: PageOptions): Html {
  return html`<a href="${docsPath(options)}/reasons/${code}"><code>${code}</code></a>`;
}

function codeBlock(text: string): Html {
  return html`<pre><code>${text}</code></pre>`;
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

function explainOptions(options: PageOptions): ExplainOptions {
  return { docsBase: `${docsUrl(options)}/reasons/` };
}
