/** A face's own names of fields, in place of ours. */
import type { ProblemBody } from '../../core/explain.ts';

/** The problem with every place in a request under the name that `nameOf` has for it: in its issues, its texts and its evidence. */
export function renamed(problem: ProblemBody, nameOf: (param: string) => string): ProblemBody {
  const { errors } = problem;
  const first = errors?.[0]?.param;
  if (errors === undefined || first == null || first === '') return problem;
  // Texts name the first issue alone, in backquotes.
  const say = (text: string): string => text.replace(`\`${first}\``, () => `\`${nameOf(first)}\``);
  return {
    ...problem,
    detail: say(problem.detail),
    errors: errors.map((one) => (one.param === null ? one : { ...one, param: nameOf(one.param) })),
    reasons: problem.reasons.map((reason) => {
      const { param } = reason.evidence;
      const evidence = typeof param === 'string' ? { ...reason.evidence, param: nameOf(param) } : reason.evidence;
      return { ...reason, detail: say(reason.detail), evidence };
    }),
  };
}
