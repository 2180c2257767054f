/** The template could not be filled in with the data that was sent. */
import { templateEvidence, templateScope } from '../facts-template.ts';
import { PASS, type Rule } from './rule.ts';

export const templateRenderFailed: Rule = (_send, _recipient, facts) => {
  const found = facts.template?.found ?? null;
  const failure = facts.template?.failure ?? null;
  if (found === null || failure === null) return PASS;
  return [
    {
      outcome: 'block',
      code: 'template_render_failed',
      scope: templateScope(found),
      clearsAt: null,
      evidence: { ...templateEvidence(found), ...failure },
    },
  ];
};
