/** The risk score as answers show it: in points, with the quarantine as its highest level. */

import type { Facts } from '../../policy/facts.ts';
import { isQuarantined, quarantineFacts } from '../../policy/facts-quarantine.ts';
import { type RiskSignal, riskReport } from '../../policy/risk/score.ts';
import type { RiskReport, RiskStanding } from '../port/quarantine.ts';
import type { Space } from './spaces.ts';

/** Thousandths of a point to points, rounded down: what is shown is never above what counts. */
const points = (thousandths: number): number => Math.floor(thousandths / 1000);

/** With the send that the facts are about; null where they have no score. */
export function riskIn({ risk, quarantine }: Pick<Facts, 'risk' | 'quarantine'>): RiskStanding | null {
  if (risk === null) return null;
  const level = isQuarantined(quarantine) ? 'quarantined' : risk.level;
  return { score: points(risk.score), level, threshold: points(risk.threshold) };
}

/** Of a whole message: with the last of its recipients that was let through, else with the first. */
export function riskOfMessage(facts: readonly (Facts | null)[]): RiskStanding | null {
  const told = facts.findLast((one) => one !== null && one.risk !== null) ?? null;
  return told === null ? null : riskIn(told);
}

/** As it stands, without a further send. */
export function riskStanding(space: Space, now: number): RiskStanding {
  const { score, level, threshold } = riskReportOf(space, now);
  return { score, level, threshold };
}

export function riskReportOf(space: Space, now: number): RiskReport {
  const report = riskReport(space.risk, space.areRepliesVisible, space.policy, now);
  return {
    score: points(report.score),
    level: isQuarantined(quarantineFacts(space.quarantine, now)) ? 'quarantined' : report.level,
    threshold: points(report.threshold),
    warnAt: points(report.warnAt),
    signals: report.signals.map(shownSignal),
    fallsBy: report.fallsBy,
  };
}

export function shownSignal(signal: RiskSignal): RiskReport['signals'][number] {
  const { value, contribution, ...rest } = signal;
  return { ...rest, value: value / 1000, contribution: contribution / 1000 };
}
