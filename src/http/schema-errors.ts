/** What a schema found wrong, in the API's own words: one entry an issue, with `param` as `to[0].email`. */
import type { FastifyError } from 'fastify';
import type { Issue } from '../core/explain.ts';

type SchemaIssue = { instancePath: string; keyword: string; message?: string; params: Record<string, unknown> };

/** `/limits/0/max` → `limits[0].max`. */
function paramOf(path: string, more?: string): string {
  let param = '';
  for (const part of [...path.split('/').slice(1), ...(more === undefined ? [] : [more])]) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (/^\d+$/.test(name)) param += `[${name}]`;
    else param += param === '' ? name : `.${name}`;
  }
  return param;
}

export function schemaErrors(error: FastifyError, _body: unknown): Issue[] {
  const where = error.validationContext ?? 'body';
  const issues = (error.validation ?? []) as unknown as SchemaIssue[];
  const found = telling(issues).map(issueOf);
  const kept = found.length > 0 ? found : issues.map(issueOf);
  const seen = new Set<string>();
  return kept
    .map((issue) => (issue.param === '' ? { ...issue, param: where } : issue))
    .filter((issue) => {
      const key = `${issue.code} ${issue.param}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .slice(0, 100);
}

/** Their branches say more. */
const GROUPING: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'if']);
const FORMS: ReadonlySet<string> = new Set(['type', 'enum', 'const']);

/**
 * What is worth telling: not the groups, whose branches say more; and of something with a wrong field not that it could as
 * well have been null, or one of some words.
 */
function telling(issues: readonly SchemaIssue[]): SchemaIssue[] {
  const groups = new Set(issues.filter(({ keyword }) => GROUPING.has(keyword)).map(({ instancePath }) => instancePath));
  if (groups.size === 0) return [...issues];
  const opened = new Set<string>();
  for (const { keyword, instancePath } of issues) {
    if (keyword === 'required' || keyword === 'additionalProperties') opened.add(instancePath);
    for (let path = instancePath; path !== ''; ) {
      path = path.slice(0, path.lastIndexOf('/'));
      opened.add(path);
    }
  }
  return issues.filter(({ keyword, instancePath }) => {
    if (GROUPING.has(keyword)) return false;
    return !(FORMS.has(keyword) && groups.has(instancePath) && opened.has(instancePath));
  });
}

function issueOf(issue: SchemaIssue): Issue {
  if (issue.keyword === 'required') {
    const param = paramOf(issue.instancePath, String(issue.params['missingProperty']));
    return { code: 'missing_parameter', param, message: `"${param}" is required.` };
  }
  if (issue.keyword === 'additionalProperties') {
    const param = paramOf(issue.instancePath, String(issue.params['additionalProperty']));
    return { code: 'unknown_parameter', param, message: `"${param}" is not a field of this request: remove it.` };
  }
  const param = paramOf(issue.instancePath);
  const allowed = issue.keyword === 'enum' ? `: ${(issue.params['allowedValues'] as unknown[]).join(', ')}` : '';
  return {
    code: 'invalid_parameter',
    param,
    message: `"${param || 'The body'}" ${issue.message ?? 'is not valid'}${allowed}.`,
  };
}
