/** Problems in Molted's words: `{"error", "message", …}` with a status, or a refusal of its policy, which is 200. */
import type { Issue, ProblemBody } from '../../../core/explain.ts';
import type { OtherAnswer } from '../../../http/wording.ts';
import { refusalFields, traceOf, undecidedBody, type Vocabulary } from './answer.ts';
import { moltedParam } from './read.ts';
import { MOLTED_WORDS, wordOf } from './words.ts';

type Own = { status: number; error: string };

/** What it calls a fault of one field. */
const OF_FIELD: Readonly<Record<string, Own>> = {
  'missing_parameter dedupeKey': { status: 400, error: 'dedupe_key_required' },
  'missing_parameter recipientEmail': { status: 400, error: 'recipient_email_required' },
  'invalid_parameter threadId': { status: 403, error: 'mailbox_scope_denied' },
  'invalid_parameter mailboxId': { status: 403, error: 'mailbox_not_owned' },
  'invalid_parameter limit': { status: 400, error: 'invalid_paging' },
  'invalid_parameter cursor': { status: 400, error: 'invalid_paging' },
  'not_allowed scope': { status: 403, error: 'global_scope_not_allowed' },
};

/** Its kinds of decisions that a person makes, by the first part of what was to be done. */
const DECISIONS: Readonly<Record<string, string>> = {
  approval: 'send',
  account: 'account-resume',
  mailbox: 'mailbox-resume',
  identity: 'mailbox-resume',
  key: 'api-key',
  agent: 'agent-config',
  policy: 'safety-settings',
  suppression: 'safety-settings',
};

export function moltedIssues(errors: readonly Issue[]): Issue[] {
  return errors.map(({ code, param, message }) => ({ code, param: moltedParam(param), message }));
}

export function ownError(code: ProblemBody['code'], issues: readonly Issue[]): Own {
  const [first] = issues;
  const own =
    code === 'validation_failed' && first !== undefined ? OF_FIELD[`${first.code} ${first.param}`] : undefined;
  const { http, word } = MOLTED_WORDS[code];
  return own ?? { status: http, error: word };
}

export function refuseAsMolted(problem: ProblemBody, vocabulary: Vocabulary = 'page'): OtherAnswer {
  const word = wordOf(problem.reasons[0]!);
  if (word.http === 200) return { status: 200, body: undecidedBody(problem, vocabulary) };
  const issues = moltedIssues(problem.errors ?? []);
  const { status, error } = ownError(problem.code, issues);
  const body: Record<string, unknown> = {
    error,
    message: [issues.length > 0 ? issues.map(saidOf).join(' ') : problem.detail, problem.fix].join(' '),
    ...(issues.length > 0 ? { field: issues[0]!.param, errors: issues } : {}),
    code: problem.code,
    retryAt: problem.retry_at,
    docUrl: problem.type,
  };
  const { evidence } = problem.reasons[0]!;
  if (problem.code === 'human_decision_required') Object.assign(body, decisionFields(problem));
  if (problem.code === 'batch_too_large') {
    Object.assign(body, { field: 'sends', max: evidence['limit'], received: evidence['count'] });
  }
  if (problem.code === 'thread_taken_over') {
    Object.assign(body, refusalFields(problem.reasons), { policyTrace: traceOf(problem.reasons, vocabulary) });
  }
  return { status, body };
}

export const saidOf = ({ param, message }: Issue): string => (param ? `${param}: ${message}` : message);

function decisionFields({ type, detail, reasons }: ProblemBody): object {
  const { action, loosens, id } = reasons[0]!.evidence;
  const named = typeof action === 'string' ? action : '';
  return {
    decisionUrl: type.slice(0, type.indexOf('/docs/reasons/') + 1),
    kind: DECISIONS[named.split('.')[0]!] ?? 'tenant-settings',
    id: typeof id === 'string' ? id : named,
    reason: detail,
    ...(Array.isArray(loosens) ? { loosens } : {}),
  };
}
