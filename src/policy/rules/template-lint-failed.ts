/** The check of the template found what the policy treats as an error. */
import { type LintLevel, lintLevel } from '../../core/lints.ts';
import { lintLevels, templateEvidence, templateScope } from '../facts-template.ts';
import { PASS, type Rule } from './rule.ts';

export const templateLintFailed: Rule = (_send, _recipient, facts, policy) => {
  const found = facts.template?.found ?? null;
  if (found === null) return PASS;
  const levels = lintLevels(facts.template!, policy.document.templates.lint as Record<string, LintLevel>);
  const findings = facts.template!.lints.filter((lint) => lintLevel(lint, levels) === 'error');
  if (findings.length === 0) return PASS;
  return [
    {
      outcome: 'block',
      code: 'template_lint_failed',
      scope: templateScope(found),
      clearsAt: null,
      evidence: { ...templateEvidence(found), findings },
    },
  ];
};
