/** The template, or the version of it, does not exist in this tenant and mode. */
import { PASS, type Rule } from './rule.ts';

export const templateNotFound: Rule = (send, _recipient, facts) => {
  const { template } = facts;
  if (template === null || template.found !== null) return PASS;
  return [
    {
      outcome: 'block',
      code: 'template_not_found',
      scope: { kind: 'tenant', id: send.scopes.tenant },
      clearsAt: null,
      evidence: { template: template.asked, version: template.askedVersion },
    },
  ];
};
