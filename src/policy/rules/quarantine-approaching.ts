/** A warning before a block: with this send the risk score is at the warning level. */
import { fallsBy } from '../risk/score.ts';
import { PASS, type Rule } from './rule.ts';

/** Thousandths to points, rounded down: what is shown is never above what counts. */
const points = (thousandths: number): number => Math.floor(thousandths / 1000);

export const quarantineApproaching: Rule = (send, _recipient, facts) => {
  const { risk } = facts;
  if (risk === null || risk.score < risk.warnAt) return PASS;
  return [
    {
      outcome: 'warn',
      code: 'quarantine_approaching',
      scope: { kind: 'tenant', id: send.scopes.tenant },
      evidence: {
        score: points(risk.score),
        threshold: points(risk.threshold),
        level: risk.level,
        replies_visible: risk.repliesVisible,
        signals: risk.signals.map(({ value, contribution, ...signal }) => ({
          ...signal,
          value: value / 1000,
          contribution: contribution / 1000,
        })),
        falls_by: fallsBy(risk.signals),
      },
    },
  ];
};
