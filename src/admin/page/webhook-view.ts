/** Webhooks that were paused for what they answered, or did not: said before all else, since somebody waits for those events. */
import type { PausedReason, WebhookRow } from '../../data/port/webhooks.ts';
import { type Html, html } from '../docs/html.ts';
import { outside, time } from './words.ts';

const WHY: Record<Exclude<PausedReason, 'manual'>, string> = {
  gone: 'it answered 410 Gone',
  failing: 'three deliveries failed one after another',
  dns: 'its host name leads to no address that may be reached',
  tls: 'no secure connection to it can be made',
};

export function webhookView(webhooks: readonly WebhookRow[]): Html | '' {
  const paused = webhooks.filter(({ pausedReason }) => pausedReason !== null && pausedReason !== 'manual');
  return paused.length === 0 ? '' : html`${paused.map(pausedOne)}`;
}

function pausedOne({ id, url, pausedReason, pausedAt, probeAt, error, cursor, newestSeq }: WebhookRow): Html {
  const why = WHY[pausedReason as Exclude<PausedReason, 'manual'>];
  const since = pausedAt === null ? '' : html` since ${time(pausedAt)}`;
  const last = error === null ? '' : html` The last attempt: ${outside(error)}.`;
  const probe = probeAt === null ? '' : html` It is tried again at ${time(probeAt)}.`;
  return html`<div class="notice">
<p><strong>A webhook is paused</strong>${since}: ${why}. ${outside(url)} waits for ${newestSeq - cursor} events.${last}</p>
<p>Once it works, <code>POST /v1/webhooks/${id}/enable</code> goes on with the first of them.${probe}</p>
</div>`;
}
