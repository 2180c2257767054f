/** The policy sends approved templates alone, and this one is not, or the caller put something else in its place. */
import { templateEvidence, templateScope } from '../facts-template.ts';
import { PASS, type Rule } from './rule.ts';

export const templateNotApproved: Rule = (_send, _recipient, facts, policy) => {
  const found = facts.template?.found ?? null;
  if (found === null || policy.document.templates.require_approval !== true) return PASS;
  const isOverridden = facts.template?.overrides === true;
  if (found.state === 'approved' && !isOverridden) return PASS;
  return [
    {
      outcome: 'block',
      code: 'template_not_approved',
      scope: templateScope(found),
      clearsAt: null,
      clearsBy: found.state === 'approved' ? ['caller'] : undefined,
      evidence: { ...templateEvidence(found), state: found.state === 'approved' ? 'overridden' : found.state },
    },
  ];
};
