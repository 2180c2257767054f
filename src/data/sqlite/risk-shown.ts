/** The risk score as answers show it: in points, with the quarantine as its highest level. */

import type { Facts } from '../../policy/facts.ts';
import { isQuarantined, quarantineFacts } from '../../policy/facts-quarantine.ts';
import { type RiskSignal, riskReport } from '../../policy/risk/score.ts';
import type { RiskReport, RiskStanding } from '../port/quarantine.ts';
import type { Space } from './spaces.ts';

/** Thousandths of a point to points, rounded down: what is shown is never above what counts. */
const points = (thousandths: number): number => Math.floor(thousandths / 1000);

/** With the send that the facts are about; where the score is off it is 0 of 0. */
export function riskIn(facts: Pick<Facts, 'risk' | 'quarantine'> | null): RiskStanding {
  const { risk, quarantine } = facts ?? { risk: null, quarantine: null };
  const level = isQuarantined(quarantine) ? 'quarantined' : (risk?.level ?? 'normal');
  return { score: points(risk?.score ?? 0), level, threshold: points(risk?.threshold ?? 0) };
}

/** As it stands, without a further send. */
export function riskStanding(space: Space, now: number): RiskStanding {
  const { score, level, threshold } = riskReportOf(space, now);
  return { score, level, threshold };
}

/** The same with its parts; where the score is off there are none. */
export function riskReportOf(space: Space, now: number): RiskReport {
  if (space.policy.document.quarantine.mode === 'off') {
    const off = riskIn({ risk: null, quarantine: quarantineFacts(space.quarantine, now) });
    return { ...off, warnAt: 0, signals: [], fallsBy: [], repliesVisible: space.areRepliesVisible };
  }
  const report = riskReport(space.risk, space.areRepliesVisible, space.policy, now);
  return {
    score: points(report.score),
    level: isQuarantined(quarantineFacts(space.quarantine, now)) ? 'quarantined' : report.level,
    threshold: points(report.threshold),
    warnAt: points(report.warnAt),
    signals: report.signals.map(shownSignal),
    fallsBy: report.fallsBy,
    repliesVisible: report.repliesVisible,
  };
}

export function shownSignal(signal: RiskSignal): RiskReport['signals'][number] {
  const { value, contribution, ...rest } = signal;
  return { ...rest, value: value / 1000, contribution: contribution / 1000 };
}
