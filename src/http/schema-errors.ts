/** What a schema found wrong, in the API's own words: one entry an issue, with `param` as `to[0].email`. */
import type { FastifyError } from 'fastify';
import type { Issue } from '../core/explain.ts';

type SchemaIssue = {
  instancePath: string;
  schemaPath: string;
  keyword: string;
  message?: string;
  params: Record<string, unknown>;
  parentSchema?: { description?: unknown };
};

/** An issue, and the alternatives of which it is one failure; null where there are none. */
type Found = Issue & { alternatives: string | null };

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
  const said = telling(issues);
  const found = (said.length > 0 ? said : issues).map((issue) => foundIn(issue, where));
  return merged(found).slice(0, 100);
}

/** One issue for each field and code: of alternatives all that it may be, else the first. */
function merged(found: readonly Found[]): Issue[] {
  const first = new Map<string, Found>();
  for (const issue of found) {
    const key = `${issue.code} ${issue.param}`;
    const before = first.get(key);
    if (before === undefined) {
      first.set(key, issue);
    } else if (issue.alternatives !== null && issue.alternatives === before.alternatives) {
      const [subject] = issue.message.split(' must ');
      const more = issue.message.slice(subject!.length);
      if (!before.message.includes(more.slice(0, -1))) {
        first.set(key, { ...before, message: `${before.message.slice(0, -1)}, or${more}` });
      }
    }
  }
  return [...first.values()].map(({ code, param, message }) => ({ code, param, message }));
}

function foundIn(issue: SchemaIssue, where: string): Found {
  const { code, param, message } = issueOf(issue);
  const at = issue.schemaPath.indexOf('/anyOf/');
  return {
    code,
    param: param === '' ? where : param,
    message,
    alternatives: at < 0 ? null : issue.schemaPath.slice(0, at),
  };
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
  const description = issue.parentSchema?.description;
  if (issue.keyword === 'pattern' && typeof description === 'string') {
    return { code: 'invalid_parameter', param, message: `"${param}" is not valid. It is: ${description}` };
  }
  const allowed = issue.keyword === 'enum' ? `: ${(issue.params['allowedValues'] as unknown[]).join(', ')}` : '';
  return {
    code: 'invalid_parameter',
    param,
    message: `"${param || 'The body'}" ${issue.message ?? 'is not valid'}${allowed}.`,
  };
}
