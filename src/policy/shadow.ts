/**
 * A draft policy decided beside the one in force, on the same ledger. It counts nothing of its own but its rates: what it would
 * have refused and the other accepted has left all the same.
 */

import { decide } from './decide.ts';
import { compilePolicy, type EffectiveDocument, mergeTracks, type Policy, type PolicyDocument } from './document.ts';
import { type Change, countRates } from './ledger.ts';
import { type LookInput, look } from './look.ts';
import { adapted, adaptingIn } from './probation.ts';
import { replaceNamed } from './resolve.ts';
import type { Verdict } from './verdict.ts';

/** What is in force with a draft over it: the draft replaces the fields and the limits that it names. */
export function draftOver(inForce: EffectiveDocument, draft: PolicyDocument): EffectiveDocument {
  return replaceNamed(inForce, draft);
}

/** No limit of a document has a colon in its name, so rates of the two never share their state. */
const OWN_RATE = 'shadow:';

/** The draft ready for deciding beside another policy. */
export function compileShadow(version: number, document: EffectiveDocument): Policy {
  const limits = document.limits.map((limit) =>
    limit.window === 'rate' ? { ...limit, name: OWN_RATE + limit.name } : limit,
  );
  return { ...compilePolicy(version, { ...document, limits }), document };
}

/** The policy in force, counting also what the shadow's limits read. More that is counted changes no verdict. */
export function countingFor(policy: Policy, shadow: Policy | null): Policy {
  return shadow === null ? policy : { ...policy, tracks: mergeTracks(policy.tracks, shadow.tracks) };
}

export type ShadowDecision = {
  verdict: Verdict;
  /** What its rates count if the other policy accepts the send for now. */
  rates: Change[];
};

/** Decides on a recipient under the shadow, before the other policy's verdict on it is counted. */
export function decideBeside(input: LookInput): ShadowDecision {
  const { view, policy, send, recipient, now, counted } = input;
  const facts = look(input);
  const verdict = decide(send, recipient, facts, policy);
  const rates = countRates(view, adapted(policy, adaptingIn(facts)), send, recipient, now, counted);
  return { verdict: { ...verdict, reasons: verdict.reasons.map(underItsName) }, rates };
}

function underItsName(reason: Verdict['reasons'][number]): Verdict['reasons'][number] {
  const name = reason.evidence['limit_name'];
  if (typeof name !== 'string' || !name.startsWith(OWN_RATE)) return reason;
  return { ...reason, evidence: { ...reason.evidence, limit_name: name.slice(OWN_RATE.length) } };
}

/** Whether two verdicts on one recipient differ in what comes of it or in their reasons. */
export function isDifferent(a: Verdict, b: Verdict): boolean {
  return (
    a.verdict !== b.verdict ||
    a.reasons.length !== b.reasons.length ||
    a.reasons.some(({ code }, i) => code !== b.reasons[i]!.code)
  );
}
