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
  const found = issues
    .filter((issue) => issue.keyword !== 'anyOf' && issue.keyword !== 'oneOf' && issue.keyword !== 'if')
    .map(issueOf);
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
