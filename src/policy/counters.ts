/** Counters in memory: the ledger of a plan or a simulation, which ends with it. */
import { ColdStates } from './cold-states.ts';
import type { CounterScope, LimitScope } from './document.ts';
import type { Signs } from './facts-budget.ts';
import { type ContactState, emptyContact, familyScope, type ScopeState, type Signal } from './ledger.ts';
import type { Pacing } from './pacing.ts';
import { NEVER_STOOD, type Stood } from './ramp.ts';
import type { PoolSight, RoutingView } from './ways.ts';

/** States kept as they are in all ledgers that share a cold store; past them each packs its older ones, but for the newest. */
const MOST_WARM = 160_000;
const LEAST_WARM = 1024;

export class MemoryCounters implements RoutingView {
  /** Set where the ledger is of a tenant with a pool. */
  sight: PoolSight | null = null;
  pacing: Pacing | null = null;
  readonly pins = new Map<string, number>();
  readonly stoods = new Map<string, Stood>();
  private readonly scopes = new Map<string, ContactState>();
  readonly contacts: States;
  readonly domains: States;

  /** `cold`: where several ledgers keep what they seldom need, so that they share its pages. */
  constructor(cold: ColdStates = new ColdStates(), name = '') {
    this.contacts = new States(cold, `${name} `);
    this.domains = new States(cold, `${name}@`);
  }

  scope(kind: CounterScope, id: string): ScopeState {
    const name = `${kind}:${id}`;
    let state = this.scopes.get(name);
    if (state === undefined) {
      state = emptyContact();
      this.scopes.set(name, state);
    }
    return state;
  }

  setScope(kind: LimitScope, id: string, state: ScopeState): void {
    this.scopes.set(`${kind}:${id}`, { ...emptyContact(), ...state });
  }

  contact(key: string): ContactState {
    return this.contacts.get(key);
  }

  domain(domain: string): ContactState {
    return this.domains.get(domain);
  }

  pin(contact: string): number | null {
    return this.pins.get(contact) ?? null;
  }

  stood(mailbox: number, family: string): Stood {
    return this.stoods.get(familyScope(mailbox, family)) ?? NEVER_STOOD;
  }

  /** Between two sends, when nobody holds a state: packs what was not asked for in a while. */
  settle(): void {
    this.contacts.settle();
    this.domains.settle();
  }
}

/** Counters with those of bad signs. */
export class SignCounters extends MemoryCounters implements Signs {
  private readonly signs = new Map<Signal, ScopeState>();

  signals(signal: Signal): ScopeState | null {
    return this.signs.size === 0 ? null : this.signalState(signal);
  }

  /** To be counted in. */
  signalState(signal: Signal): ScopeState {
    let state = this.signs.get(signal);
    if (state === undefined) {
      state = emptyContact();
      this.signs.set(signal, state);
    }
    return state;
  }
}

/** States by key: those used lately as they are, the others packed. */
class States {
  private readonly warm = new Map<string, ContactState>();
  private readonly cold: ColdStates;
  private readonly prefix: string;
  /** Warm ones that cannot be packed, which must not be tried again and again. */
  private stuck = 0;

  constructor(cold: ColdStates, prefix: string) {
    this.cold = cold;
    this.prefix = prefix;
  }

  get(key: string): ContactState {
    let state = this.warm.get(key);
    if (state === undefined) {
      state = this.cold.take(this.prefix + key) ?? emptyContact();
      this.set(key, state);
    }
    return state;
  }

  set(key: string, state: ContactState): void {
    this.warm.set(key, state);
    this.cold.warm += 1;
  }

  settle(): void {
    if (this.cold.warm <= MOST_WARM || this.warm.size - this.stuck <= LEAST_WARM) return;
    this.stuck = 0;
    let most = this.warm.size - LEAST_WARM / 2;
    for (const [key, state] of this.warm) {
      if (most <= 0) return;
      most -= 1;
      if (isEmpty(state) || this.cold.put(this.prefix + key, state)) {
        this.warm.delete(key);
        this.cold.warm -= 1;
      } else this.stuck += 1;
    }
  }
}

/** Nothing is known that a new state would not say. */
function isEmpty(state: ContactState): boolean {
  for (const name in state) {
    const value = state[name as keyof ContactState] as unknown;
    if (value !== null && !(Array.isArray(value) && value.length === 0)) return false;
  }
  return true;
}

/** Counters for sends that each go to somebody else, of whom nothing is known. */
export class StrangerCounters extends MemoryCounters {
  override contact(): ContactState {
    return emptyContact();
  }

  override domain(): ContactState {
    return emptyContact();
  }
}
