/** Headroom as bars: what is used of each limit, what is left, and when more comes free. */
import type { LimitState } from '../../data/store.ts';
import { type Html, html } from '../docs/html.ts';
import { count, outside, time, windowWords } from './words.ts';

export function headroomView(limits: readonly LimitState[]): Html {
  if (limits.length === 0) {
    return html`<p class="empty">No limit applies to sends of this key. The policy sets them; <code>GET /v1/limits</code> shows them.</p>`;
  }
  return html`<ul class="limits">${limits.map(limitView)}</ul>`;
}

function limitView(limit: LimitState): Html {
  const share = Math.min(1, limit.limit === 0 ? 1 : limit.used / limit.limit);
  const level = share >= 1 ? 'stop' : share >= 0.8 ? 'wait' : 'pass';
  const unit = limit.limit === 1 ? limit.unit : `${limit.unit}s`;
  return html`<li class="card limit">
<p class="limit-name"><strong>${outside(limit.name)}</strong> <span>${limit.scope.kind}</span></p>
<p class="figure ${level}"><b>${count(limit.remaining)}</b> left</p>
<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="6" rx="1"/><rect class="fill-${level}" width="${(share * 100).toFixed(2)}" height="6" rx="1"/></svg>
<p class="limit-rest">${count(limit.used)} of ${count(limit.limit)} ${unit} used ${windowWords(limit.window)}${
    limit.resetsAt === null ? '' : html`<br>more comes free at ${time(limit.resetsAt)}`
  }</p>
</li>`;
}
