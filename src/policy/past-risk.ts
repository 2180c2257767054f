/**
 * The risk score of stored sends, judged by another policy's levels: scores are as they were, for they are made of content that
 * is not read again. Where that policy would have put the account into quarantine what follows is refused, until somebody
 * released it in truth or its time is over; where it would not have, a quarantine of the score falls away. Pure.
 */
import { addDuration, parseDuration } from '../core/duration.ts';
import type { Policy } from './document.ts';
import type { Facts } from './facts.ts';
import { isQuarantined, type QuarantinedFacts, quarantineFacts } from './facts-quarantine.ts';
import { stepAfter } from './risk/observe.ts';
import { rejudged } from './risk/score.ts';

export class PastRisk {
  private readonly policy: Policy;
  /** Accepted messages in a row that were at the warning level. */
  private warned = 0;
  private quarantine: QuarantinedFacts | null = null;

  constructor(policy: Policy) {
    this.policy = policy;
  }

  /** The sections of the facts that follow from the score. */
  factsFor(stored: Facts): Pick<Facts, 'risk' | 'quarantine'> {
    const risk = stored.risk === null ? null : rejudged(stored.risk, this.policy);
    if (this.quarantine !== null && quarantineFacts(this.quarantine, stored.now) === null) this.released();
    const isOwn = isQuarantined(stored.quarantine) && !stored.quarantine.byOperator;
    return { risk, quarantine: this.quarantine ?? (isOwn ? null : stored.quarantine) };
  }

  /** Follows an accepted recipient. */
  accepted({ risk, now }: Facts, isFirst: boolean): void {
    if (risk === null) return;
    const step = stepAfter(this.warned, risk, isFirst);
    this.warned = step.warned;
    const { mode, release_after: releaseAfter } = this.policy.document.quarantine;
    if (!step.quarantine || mode !== 'enforce' || this.quarantine !== null) return;
    const after = parseDuration(releaseAfter ?? '');
    this.quarantine = {
      state: 'active',
      since: now,
      byOperator: false,
      score: Math.floor(risk.score / 1000),
      threshold: Math.floor(risk.threshold / 1000),
      signals: [],
      releaseAt: after === null ? null : addDuration(now, after),
      note: '',
    };
  }

  released(): void {
    this.quarantine = null;
    this.warned = 0;
  }
}
