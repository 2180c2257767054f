/** Facts about a template in which nothing is in the way. */
import type { TemplateFacts } from '../../src/policy/facts-template.ts';

export function templateFactsOf(changes: Partial<TemplateFacts> = {}): TemplateFacts {
  return {
    asked: '',
    askedVersion: null,
    found: { id: 'tpl_1', slug: 'quote-ready', version: 3, state: 'approved' },
    overrides: false,
    lints: [],
    failure: null,
    ...changes,
  };
}
