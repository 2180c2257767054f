/** What the rules about pools say alike: of whom they speak, how a way out stands, and who else could send. */
import type { CandidateFacts } from '../facts-pool.ts';
import type { Send } from '../send.ts';
import type { Evidence, Scope } from '../verdict.ts';

export function senderScope({ scopes }: Send): Scope {
  return scopes.identity === null ? { kind: 'tenant', id: scopes.tenant } : { kind: 'identity', id: scopes.identity };
}

const STATES = {
  paused: 'paused',
  unhealthy: 'unhealthy',
  inactive: 'provider_inactive',
  error: 'provider_error',
  cap: 'at_cap',
  warmup: 'warming_up',
  closed: 'closed',
  avoided: 'avoided',
} as const;

export function shownCandidate({
  name,
  obstacle,
  until,
  health,
  since,
}: CandidateFacts): Record<string, string | number | null> {
  return {
    name,
    state: obstacle === null ? 'free' : STATES[obstacle],
    ...(until === null ? {} : { free_at: until * 1000 }),
    ...(health === null ? {} : { health }),
    ...(since === null ? {} : { since }),
  };
}

/** Who else could send, where somebody can. */
export function alternativesIn(alternatives: readonly string[]): Evidence {
  return alternatives.length === 0 ? {} : { alternatives };
}
