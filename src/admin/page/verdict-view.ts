/** Recent verdicts: to whom, what became of it, why, what to do about it and when it clears by itself. */

import type { DecidedReason, DecidedWarning } from '../../core/explain.ts';
import { explainReason, explainWarning } from '../../core/explain.ts';
import type { RecipientState } from '../../core/states.ts';
import type { RecentVerdict } from '../../data/port/captures.ts';
import { type Html, html, prose } from '../docs/html.ts';
import type { Visit } from './frame.ts';
import { address, outside, time } from './words.ts';

const GOOD: ReadonlySet<RecipientState> = new Set(['accepted', 'sending', 'sent', 'delivered']);
const BAD: ReadonlySet<RecipientState> = new Set(['blocked', 'bounced', 'failed', 'expired', 'cancelled']);

export function verdictList(visit: Visit, verdicts: readonly RecentVerdict[]): Html {
  if (verdicts.length === 0)
    return html`<p class="empty">No verdicts yet. Every send gets one, whether it is accepted or not.</p>`;
  return html`<ul class="rows">${verdicts.map((one) => html`<li class="row">${verdictRow(visit, one)}</li>`)}</ul>`;
}

function verdictRow(visit: Visit, one: RecentVerdict): Html {
  const level = GOOD.has(one.state) ? 'pass' : BAD.has(one.state) ? 'stop' : 'wait';
  return html`<span class="row-title"><span class="badge ${level}">${one.state}</span> ${address(one.email)}</span>
<span class="row-side">${time(one.decidedAt)}</span>
<span class="row-rest">${one.subject.trim() === '' ? html`<i>(no subject)</i>` : outside(one.subject)}</span>
${why(visit, one)}`;
}

/** The primary reason; where there is none, the first warning. */
function why({ base }: Visit, { verdict }: RecentVerdict): Html | '' {
  const docs = `${base}/docs/reasons/`;
  const [reason] = verdict.reasons;
  if (reason !== undefined) {
    const { title, detail, fix } = explainReason(reason as DecidedReason, { docsBase: docs });
    const others = verdict.reasons.length - 1;
    return html`<div class="why">
<p><a href="${docs}${reason.code}">${title}</a>${others === 0 ? '' : ` and ${others} more`}: ${outside(detail)}</p>
<p class="fix">${prose(fix)}${reason.clearsAt === null ? '' : html` <span class="clears">Clears at ${time(reason.clearsAt)}.</span>`}</p>
</div>`;
  }
  const [warning] = verdict.warnings;
  if (warning === undefined) return '';
  const { title, detail } = explainWarning(warning as DecidedWarning, { docsBase: docs });
  return html`<div class="why"><p><a href="${docs}${warning.code}">${title}</a>: ${outside(detail)}</p></div>`;
}
