/**
 * A policy on probation: every limit reduced to the share that is open now, and one more where the policy sets none for the whole
 * account. Pure, and kept with the policy it is made of.
 */
import { compileLimit, type Limit, type Policy, withIdentityCap, withLimits, withWarmup } from './document.ts';
import type { Facts } from './facts.ts';
import { type ProbationFacts, probationIn } from './facts-quarantine.ts';
import type { WarmupFacts } from './facts-warmup.ts';

/** The limit that an account on probation gets where its policy has none of its own. */
const PROBATION_LIMIT = 'probation';

/** What of the facts changes the policy they are decided by. */
export type Adapting = { identityCap: number | null; probation: ProbationFacts | null; warmup: WarmupFacts | null };

export function adaptingIn(facts: Pick<Facts, 'identityCap' | 'quarantine' | 'warmup'>): Adapting {
  return { identityCap: facts.identityCap, probation: probationIn(facts.quarantine), warmup: facts.warmup };
}

/** The policy as it applies to one send: with its identity's cap and the places of a warm-up, and reduced on probation. */
export function adapted(policy: Policy, { identityCap, probation, warmup }: Adapting): Policy {
  return withProbation(withWarmup(withIdentityCap(policy, identityCap), warmup?.places ?? null), probation);
}

const reduced = new WeakMap<Policy, Map<string, Policy>>();

export function withProbation(policy: Policy, probation: ProbationFacts | null): Policy {
  if (probation === null) return policy;
  const { share, baseline, since } = probation;
  let known = reduced.get(policy);
  if (known === undefined) {
    known = new Map();
    reduced.set(policy, known);
  }
  const name = `${share} ${baseline} ${since}`;
  let made = known.get(name);
  if (made === undefined) {
    made = reduce(policy, probation);
    known.set(name, made);
  }
  return made;
}

function reduce(policy: Policy, { share, baseline, since }: ProbationFacts): Policy {
  const own: Limit[] = [];
  if (baseline !== null) {
    const whole = compileLimit({ name: PROBATION_LIMIT, scope: 'tenant', window: 'rolling_24h', max: baseline });
    // What brought the account into quarantine would mostly fill it, and nothing could be sent for a day after the release. The second
    // of the release counts, so that nothing after it goes uncounted.
    own.push({ ...whole, forgetsUntil: Math.floor(since / 1000) - 1 });
  }
  const limits = (all: readonly Limit[]): Limit[] => all.map((limit) => reduceLimit(limit, share));
  return withLimits(policy, limits([...policy.messageLimits, ...own]), limits(policy.recipientLimits));
}

/** One unit is always left: a limit of none would be a quarantine by another name. */
function reduceLimit(limit: Limit, share: number): Limit {
  const part = (most: number): number => (most === 0 ? 0 : Math.max(1, Math.floor((most * share) / 100)));
  return { ...limit, max: part(limit.max), burst: part(limit.burst), full: limit.max };
}

/** Whether a policy limits what the whole account sends over time: then probation needs no limit of its own. */
export function limitsAccount(policy: Policy): boolean {
  return policy.messageLimits.some(({ scope, window }) => scope === 'tenant' && window.kind !== 'rate');
}
