/** Pools made up for tests: providers, mailboxes, and facts of what became of them. */
import type { CandidateFacts, PoolFacts, RoutingFacts } from '../../src/policy/facts-pool.ts';
import type { Mailbox, Pool, Provider } from '../../src/policy/pool.ts';

export function provider(no: number, changes: Partial<Provider> = {}): Provider {
  return {
    no,
    id: no === 0 ? 'default' : `prv_${no}`,
    name: no === 0 ? 'default' : `provider ${no}`,
    kind: no === 0 ? 'default' : 'smtp',
    state: 'active',
    stateNote: null,
    weight: 1,
    priority: 0,
    caps: {},
    version: 1,
    ...changes,
  };
}

export function mailbox(no: number, changes: Partial<Mailbox> = {}): Mailbox {
  return {
    no,
    id: `mbx_${no}`,
    address: `box${no}@sender.example`,
    provider: 1,
    identity: 1,
    dailyCap: null,
    warmup: null,
    state: 'active',
    pausedBy: null,
    health: 100,
    excludedSince: null,
    recoversAt: null,
    version: 1,
    ...changes,
  };
}

export function poolOf(providers: readonly Provider[], mailboxes: readonly Mailbox[] = []): Pool {
  const byIdentity = new Map<number, Mailbox[]>();
  for (const one of mailboxes) {
    if (one.identity === null) continue;
    byIdentity.set(one.identity, [...(byIdentity.get(one.identity) ?? []), one]);
  }
  return {
    providers: new Map(providers.map((one) => [one.no, one])),
    mailboxes: new Map(mailboxes.map((one) => [one.no, one])),
    byIdentity,
  };
}

export function candidate(changes: Partial<CandidateFacts> = {}): CandidateFacts {
  return { name: 'box1@sender.example', obstacle: null, until: null, health: null, since: null, ...changes };
}

/** What is known where no way has room at once. */
export function exhausted(changes: Partial<RoutingFacts> = {}): RoutingFacts {
  return {
    chosen: null,
    near: null,
    cause: 'cap',
    freeAt: null,
    ways: 1,
    isOwn: true,
    capped: 0,
    warming: 0,
    unhealthy: 0,
    paused: 0,
    inactive: 0,
    isOperators: false,
    candidates: [],
    ramp: null,
    lacking: null,
    ...changes,
  };
}

export function poolFacts(routing: RoutingFacts | null): PoolFacts {
  return { routing, alternatives: [], readyAt: null, pace: null };
}
