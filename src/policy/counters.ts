/** Counters in plain maps: the ledger of a plan or a simulation, which ends with it. */
import type { LimitScope } from './document.ts';
import { type ContactState, type Counters, emptyContact, type ScopeState } from './ledger.ts';

export class MemoryCounters implements Counters {
  readonly scopes = new Map<string, ContactState>();
  readonly contacts = new Map<string, ContactState>();
  readonly domains = new Map<string, ContactState>();

  scope(kind: LimitScope, id: string): ScopeState {
    return stateIn(this.scopes, `${kind}:${id}`);
  }

  setScope(kind: LimitScope, id: string, state: ScopeState): void {
    this.scopes.set(`${kind}:${id}`, { ...emptyContact(), ...state });
  }

  contact(key: string): ContactState {
    return stateIn(this.contacts, key);
  }

  domain(domain: string): ContactState {
    return stateIn(this.domains, domain);
  }
}

function stateIn(states: Map<string, ContactState>, key: string): ContactState {
  let state = states.get(key);
  if (state === undefined) {
    state = emptyContact();
    states.set(key, state);
  }
  return state;
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
