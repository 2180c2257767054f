/**
 * A stored verdict with all that it followed from, decided once more: the same facts, policy and engine give the same bytes,
 * or `reproduced` says that they did not. Facts of another engine are shown as stored.
 */
import { writtenEvidence } from '../core/explain.ts';
import { formatTime } from '../core/time.ts';
import type { RecipientDecision, StoredDecision, StoredVerdict } from '../data/port/messages.ts';
import type { Texts } from '../http/problems.ts';
import { decide, trace } from '../policy/decide.ts';
import type { Policy } from '../policy/document.ts';
import type { Facts } from '../policy/facts.ts';
import type { RiskFacts } from '../policy/facts-risk.ts';
import { ENGINE } from '../policy/look.ts';
import { adapted, adaptingIn } from '../policy/probation.ts';
import { canonicalVerdict } from '../policy/verdict.ts';
import { decisionBody, traceBody } from './check.ts';

export type LookedAgain = { now: number; recipients: RecipientDecision[] };

/** `policies`: aligned with the recipients. */
export function verdictBody(
  stored: StoredVerdict,
  policies: readonly Policy[],
  again: LookedAgain | null,
  texts: Texts,
): object {
  const recipients = stored.recipients.map((one, i) => recipientBody(stored, one, policies[i]!, texts));
  const outcomes = recipients.map(({ reproduced }) => reproduced);
  return {
    message_id: stored.messageId,
    policy_version: stored.policyVersion,
    engine: stored.recipients.find(({ facts }) => facts !== null)?.facts?.engine ?? null,
    reproduced: outcomes.includes(null) ? null : outcomes.every((reproduced) => reproduced === true),
    recipients,
    ...(again === null ? {} : nowBody(stored, again, texts)),
  };
}

function recipientBody(stored: StoredVerdict, one: StoredDecision, policy: Policy, texts: Texts) {
  const { email, recipient, facts, verdict, later } = one;
  const isOurs = facts !== null && facts.engine === ENGINE;
  const decided = isOurs ? decide(stored.send, recipient, facts, policy) : null;
  return {
    ...decisionBody(email, verdict, texts),
    reproduced: decided === null ? null : canonicalVerdict(decided) === canonicalVerdict(verdict),
    facts: facts === null ? null : factsBody(facts, policy),
    trace: isOurs ? trace(stored.send, recipient, facts, policy).map(traceBody) : [],
    later:
      later === null
        ? null
        : {
            at: formatTime(later.at),
            cause: later.cause,
            policy_version: later.policyVersion,
            ...decisionBody(email, later, texts),
          },
  };
}

/** The facts by name: times as times, and limits under the names that the policy gives them. */
function factsBody(facts: Facts, base: Policy): Record<string, unknown> {
  const policy = adapted(base, adaptingIn(facts));
  const limits = [...policy.messageLimits, ...policy.recipientLimits];
  const { limits: counted, place, risk, ...rest } = facts;
  return {
    ...(readable(rest) as Record<string, unknown>),
    risk: risk === null ? null : riskBody(risk),
    place_at: place === null ? null : formatTime(place),
    limits: counted.map((fact, i) => {
      const limit = limits[i];
      const unitMs = limit?.window.kind === 'rate' ? 1 : 1000;
      const at = (value: number | null): string | null => (value === null ? null : formatTime(value * unitMs));
      return {
        name: limit?.name ?? null,
        scope: limit?.scope ?? null,
        window: limit?.windowName ?? null,
        unit: limit?.unit ?? null,
        limit: limit === undefined ? null : limit.window.kind === 'rate' ? limit.burst : limit.max,
        used: fact.used,
        requested: fact.units,
        has_place: fact.freeAt === 0,
        frees_at: fact.freeAt === 0 ? null : at(fact.freeAt),
        resets_at: at(fact.resetsAt),
      };
    }),
  };
}

/** In points, as everywhere in answers: facts count in thousandths. */
function riskBody({ warnAt, ...risk }: RiskFacts): Record<string, unknown> {
  const points = (thousandths: number): number => thousandths / 1000;
  return {
    ...(readable(risk) as Record<string, unknown>),
    score: points(risk.score),
    // The score of the warning, for all that its name ends as a time's.
    warn_at: points(warnAt),
    threshold: points(risk.threshold),
    signals: risk.signals.map(({ value, contribution, ...signal }) => ({
      ...signal,
      value: points(value),
      contribution: points(contribution),
    })),
  };
}

const TIMES: ReadonlySet<string> = new Set(['now', 'until', 'at']);

/** Names in snake case; numbers under the name of a time become times. */
function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  const written: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    const field = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const isTime = typeof member === 'number' && (TIMES.has(field) || field.endsWith('_since'));
    written[field] = isTime ? formatTime(member) : readable(member);
  }
  return writtenEvidence(written);
}

function nowBody(stored: StoredVerdict, again: LookedAgain, texts: Texts): object {
  const changed = again.recipients.flatMap(({ email, verdict }, i) => {
    const before = stored.recipients[i]!;
    const old = new Set<string>((before.later ?? before.verdict).reasons.map(({ code }) => code));
    const fresh = new Set<string>(verdict.reasons.map(({ code }) => code));
    const added = [...fresh].filter((code) => !old.has(code));
    const removed = [...old].filter((code) => !fresh.has(code));
    return added.length + removed.length === 0 ? [] : [{ email, added, removed }];
  });
  return {
    now: {
      at: formatTime(again.now),
      recipients: again.recipients.map(({ email, verdict }) => decisionBody(email, verdict, texts)),
    },
    changed,
  };
}
