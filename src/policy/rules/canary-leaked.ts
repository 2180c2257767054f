/** A secret marker stands in the message. The evidence names its label, never the marker. */
import { PASS, type Rule } from './rule.ts';

export const canaryLeaked: Rule = (send, _recipient, { content }) => {
  if (content === null || content.canary === null) return PASS;
  const { label, part } = content.canary;
  return [
    {
      outcome: 'block',
      code: 'canary_leaked',
      scope: { kind: 'tenant', id: send.scopes.tenant },
      clearsAt: null,
      evidence: { canary: label, part, agent: send.scopes.agent },
    },
  ];
};
