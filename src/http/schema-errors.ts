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
  const plain = issues.filter(({ keyword }) => keyword !== 'anyOf' && keyword !== 'oneOf' && keyword !== 'if');
  const said = plain.filter((issue) => !isAlsoNull(issue, plain));
  const found = (said.length > 0 ? said : issues).map((issue) => foundIn(issue, where));
  return merged(found).slice(0, 100);
}

/** "must be null" helps nobody where another alternative says what it is instead. */
function isAlsoNull(issue: SchemaIssue, all: readonly SchemaIssue[]): boolean {
  if (issue.keyword !== 'type' || issue.params['type'] !== 'null') return false;
  const { instancePath: path } = issue;
  return all.some(
    (other) => other !== issue && (other.instancePath === path || other.instancePath.startsWith(`${path}/`)),
  );
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
