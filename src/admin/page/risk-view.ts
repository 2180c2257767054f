/** Where the account stands, said before all else where it is not as usual: a raised risk score, a quarantine, a probation. */
import type { Quarantine, RiskReport } from '../../data/port/quarantine.ts';
import { type Html, html } from '../docs/html.ts';
import { outside, time } from './words.ts';

export function riskView(risk: RiskReport, quarantine: Quarantine | null): Html | '' {
  if (quarantine !== null && quarantine.state !== 'probation') return stopped(quarantine);
  return html`${quarantine === null ? '' : onProbation(quarantine)}${risk.level === 'normal' ? '' : raised(risk)}`;
}

function stopped({ since, setBy, score, threshold, note, releaseAt, decision, appeal }: Quarantine): Html {
  const cause = setBy === 'score' ? ` by a risk score of ${score} of ${threshold}` : ' by the operator';
  const words = decision?.note ?? note;
  return html`<div class="trouble">
<p><strong>In quarantine</strong> since ${time(since)}${cause}. Nothing is sent, and mail that had not left is held.${
    words === null ? '' : html` The operator says: “${outside(words)}”`
  }</p>
<p>${
    appeal?.state === 'open'
      ? html`An appeal of ${time(appeal.at)} waits for the operator.`
      : html`<code>POST /v1/quarantine/appeals</code> asks the operator for a review.`
  }${releaseAt === null ? '' : html` It ends by itself at ${time(releaseAt)}.`}</p>
</div>`;
}

function onProbation({ probation }: Quarantine): Html {
  const until = probation === null ? '' : html` until ${time(probation.until)}`;
  return html`<div class="notice"><p><strong>On probation</strong>${until}: limits are reduced, and grow back day by day.</p></div>`;
}

function raised({ score, threshold, signals, fallsBy }: RiskReport): Html {
  const names = signals.filter(({ contribution }) => contribution > 0).map(({ name }) => name.replaceAll('_', ' '));
  return html`<div class="notice">
<p><strong>Quarantine is near:</strong> the risk score is ${score}; at ${threshold} sending stops. It comes of ${names.join(', ')}.</p>
<p>It would fall by: ${fallsBy.join('; ')}.</p>
</div>`;
}
