/** What would become of a send: the whole decision with every rule's answer, and nothing consumed. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type DecidedReason, explainReason, explainWarning, writtenEvidence } from '../core/explain.ts';
import { formatTime } from '../core/time.ts';
import type { Checked, RecipientVerdict } from '../data/store.ts';
import { setHeadroom } from '../http/headroom-headers.ts';
import { limitBody } from '../http/limit-state.ts';
import type { Texts } from '../http/problems.ts';
import type { TraceLine } from '../policy/decide.ts';
import type { DecidedWarning, Verdict } from '../policy/verdict.ts';
import { type IntakeDoor, readByHand, refusedOutcome, submitInput } from './door.ts';
import { checkedSchema } from './message-schemas.ts';
import { answerWith, type Headroom, headroomOf, messageWarnings, retryAtOf } from './outcome.ts';
import { submissionSchema } from './submission-schema.ts';

export function checkRoute(server: FastifyInstance, door: IntakeDoor): void {
  server.post(
    '/v1/messages/check',
    {
      ...readByHand,
      config: { scopes: ['send'], flawsRead: true },
      schema: {
        tags: ['Messages'],
        summary: 'Check a message without sending it',
        description:
          'The verdict that a send of this body would get now, with the answer of every rule. Consumes nothing; no key is used up. A body that could not be sent at all is refused as in a send.',
        body: submissionSchema,
        response: { 200: checkedSchema },
      },
    },
    (request, reply) => answerCheck(request, reply, door),
  );
}

async function answerCheck(request: FastifyRequest, reply: FastifyReply, door: IntakeDoor): Promise<FastifyReply> {
  const { problems } = door;
  const checked = await door.intake.check(submitInput(request, request.body, null));
  if (checked.outcome !== 'answer') return answerWith(request, reply, refusedOutcome(request, problems, checked));
  const { answer } = checked;
  if (answer.outcome === 'invalid') {
    const { param, message } = answer;
    return problems.invalid(request, reply, [{ code: 'invalid_parameter', param, message }]);
  }
  const headroom = headroomOf(answer, await door.policies.get(answer.policyVersion), false);
  request.headroomSet = true;
  setHeadroom(reply, headroom.message, answer.createdAt, answer.risk);
  return reply.send(checkBody(answer, headroom, problems.texts(request)));
}

export function checkBody(checked: Checked, headroom: Headroom, texts: Texts): object {
  const { recipients } = checked;
  const first = recipients[0]!.verdict;
  const retryAt = retryAtOf(recipients);
  return {
    verdict: recipients.every(({ verdict }) => verdict === first) ? first : 'partial',
    recipients: recipients.map((one, i) => ({
      ...decisionBody(one.email, one, texts),
      scheduled_at: scheduledAt(one),
      limits: (headroom.recipients[i] ?? []).map(limitBody),
      trace: (checked.traces[i] ?? []).map(traceBody),
    })),
    warnings: messageWarnings(checked, texts),
    limits: headroom.message.map(limitBody),
    risk: checked.risk,
    retry_at: retryAt === null ? null : formatTime(retryAt),
    policy_version: checked.policyVersion,
    engine: checked.engine,
    request_id: checked.requestId,
  };
}

function scheduledAt(one: RecipientVerdict): string | null {
  return one.verdict === 'schedule' ? formatTime(one.departAt) : null;
}

/** A decision on one recipient. */
export function decisionBody(
  email: string,
  { verdict, reasons, warnings }: Pick<Verdict, 'verdict' | 'reasons' | 'warnings'>,
  texts: Texts,
): { email: string; verdict: Verdict['verdict']; reasons: object[]; warnings: object[] } {
  return {
    email,
    verdict,
    reasons: reasons.map((reason) => explainReason(reason as DecidedReason, texts)),
    warnings: warnings.map((warning) => explainWarning(warning as DecidedWarning, texts)),
  };
}

export function traceBody({ rule, outcome, code, evidence }: TraceLine): object {
  return { rule, outcome, code, evidence: writtenEvidence(evidence) };
}
