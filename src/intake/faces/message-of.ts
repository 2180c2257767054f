/** A problem as one line of text, for systems whose errors say in a message what happened; it names fields as their clients do. */
import type { FastifyRequest } from 'fastify';
import type { Issue, ProblemBody } from '../../core/explain.ts';

/** What a client calls a field of a submission, such as `attachments[0].content_type`. */
export type FieldNames = (param: string) => string;

/** What happened, everything that is wrong with the request, and what to do about it; when it clears stands there as a time. */
export function messageOf(problem: ProblemBody, nameOf: FieldNames): string {
  const { detail, fix, clears, errors = [] } = problem;
  const advice = clears.at === null ? fix : fix.replaceAll('`clears.at`', clears.at);
  return `${errors.length > 0 ? issuesOf(errors, nameOf) : detail} ${advice}`;
}

export function issuesOf(errors: readonly Issue[], nameOf: FieldNames): string {
  return errors.map(({ param, message }) => (param ? `${nameOf(param)}: ${message}` : message)).join(' ');
}

/** By a table of what differs, `attachments.filename`: `Name`. An empty name leaves its part of the path out. */
export function fieldNames(table: Readonly<Record<string, string>>): FieldNames {
  return (param) => {
    let path = '';
    const names: string[] = [];
    for (const part of param.split('.')) {
      const [name] = part.split('[', 1) as [string];
      path = path === '' ? name : `${path}.${name}`;
      const theirs = table[path] ?? name;
      if (theirs !== '' || name === '') names.push(theirs + part.slice(name.length));
    }
    return names.join('.');
  };
}

/** The path that nothing is served at; null where the problem is another. */
function pathOf({ code, reasons }: ProblemBody): string | null {
  const path = reasons[0]?.evidence['path'];
  return code === 'not_found' && typeof path === 'string' ? path : null;
}

/** Where a client calls what its system has and its face here has not: the same problem in clearer words. */
export function ofFace(
  problem: ProblemBody,
  request: FastifyRequest,
  face: { base: string; title: string },
): ProblemBody {
  const path = pathOf(problem);
  if (path === null) return problem;
  const own = problem.type.slice(0, problem.type.lastIndexOf('/reasons/'));
  const called = `${request.method} ${path.slice(face.base.length)}`;
  return {
    ...problem,
    detail: `Postern does not serve ${called}: of ${face.title}'s interface it has what sending needs.`,
    fix: `Use Postern's own interface for it, where it has the like: ${own}`,
  };
}
