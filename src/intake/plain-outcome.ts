/** A decided send for whoever is not on HTTP: the same bodies, without a request and headers. */
import { type DecidedReason, problem } from '../core/explain.ts';
import { precedence, type ReasonCode } from '../core/reasons.ts';
import { simulatedReason } from '../core/simulator.ts';
import type { Texts } from '../http/problems.ts';
import { checkBody } from './check.ts';
import { acceptedBody, headroomOf, retryAtOf } from './outcome.ts';
import type { Policies } from './policies.ts';
import { type RecipientBody, reasonLine, recipientLines } from './reply-words.ts';
import type { Checked, Submitted } from './submit.ts';

export type PlainReply =
  | { ok: true; output: unknown }
  | { ok: false; cause: 'invalid' | 'refused'; message: string; output?: unknown };

type Undecided = Exclude<Submitted, { outcome: 'answer' }>;

export async function submittedText(
  submitted: Submitted,
  policies: Policies,
  texts: Texts,
  requestId: string,
): Promise<PlainReply> {
  if (submitted.outcome !== 'answer') return undecided(submitted, texts, requestId);
  const { answer } = submitted;
  if (answer.outcome === 'invalid')
    return { ok: false, cause: 'invalid', message: `${answer.param}: ${answer.message}` };
  if (answer.outcome === 'key_reused') {
    const evidence = { first_at: answer.firstUsedAt, original_message_id: answer.messageId };
    return refusal(
      [{ code: 'idempotency_key_reused', scope: null, clearsAt: answer.until, evidence }],
      texts,
      requestId,
    );
  }
  const headroom = headroomOf(answer, await policies.get(answer.policyVersion), answer.outcome !== 'refused');
  if (answer.outcome !== 'refused') return { ok: true, output: acceptedBody(answer, headroom, texts) };
  const main = [...answer.recipients].sort(
    (a, b) => precedence(a.reasons[0]!.code) - precedence(b.reasons[0]!.code),
  )[0]!;
  return refusal(main.reasons as readonly DecidedReason[], texts, requestId, {
    messageId: answer.messageId,
    retryAt: retryAtOf(answer.recipients),
  });
}

export async function checkedText(checked: Checked, policies: Policies, texts: Texts): Promise<PlainReply> {
  if (checked.outcome !== 'answer') return undecided(checked, texts, '');
  const { answer } = checked;
  if (answer.outcome === 'invalid')
    return { ok: false, cause: 'invalid', message: `${answer.param}: ${answer.message}` };
  const body = checkBody(answer, headroomOf(answer, await policies.get(answer.policyVersion), false), texts);
  const { verdict, recipients } = body as { verdict: string; recipients: RecipientBody[] };
  if (verdict !== 'block') return { ok: true, output: body };
  const message = ['Every recipient would be refused.', ...recipientLines(recipients)].join('\n');
  return { ok: false, cause: 'refused', message, output: body };
}

function undecided(submitted: Undecided, texts: Texts, requestId: string): PlainReply {
  switch (submitted.outcome) {
    case 'malformed': {
      const list = submitted.errors.map((error) => `${error.param}: ${error.message}`).join(' ');
      return { ok: false, cause: 'invalid', message: list };
    }
    case 'forbidden_agent':
      return { ok: false, cause: 'invalid', message: `agent: ${submitted.agent} is not the agent of this key.` };
    case 'in_progress':
      return simulated('idempotency_in_progress', texts, requestId);
    case 'simulated':
      return simulated(submitted.code, texts, requestId);
  }
}

function simulated(code: ReasonCode, texts: Texts, requestId: string): PlainReply {
  return refusal([simulatedReason(code, Date.now())], texts, requestId);
}

function refusal(
  reasons: readonly DecidedReason[],
  texts: Texts,
  requestId: string,
  more: { messageId?: string; retryAt?: number | null } = {},
): PlainReply {
  const body = problem({ reasons, messageId: more.messageId ?? null, requestId, retryAt: more.retryAt }, texts);
  const lines = body.reasons.map(reasonLine);
  if (body.message_id !== null) lines.push(`Recorded as ${body.message_id}.`);
  return { ok: false, cause: 'refused', message: lines.join('\n'), output: body };
}
