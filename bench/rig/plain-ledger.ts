/** A ledger in plain maps: the same decisions as a store's, without a store. For benches, and for tests of the policy. */

import type { AccountFacts, IdentityState } from '../../src/policy/account.ts';
import type { CounterScope } from '../../src/policy/document.ts';
import type { QuarantineStanding } from '../../src/policy/facts-quarantine.ts';
import {
  type ContactState,
  emptyContact,
  type LeaseState,
  type ScopeState,
  type Signal,
} from '../../src/policy/ledger.ts';
import type { LedgerView } from '../../src/policy/ledger-view.ts';
import type { RiskState } from '../../src/policy/risk/state.ts';

export const GOOD_STANDING: AccountFacts = {
  standing: 'active',
  standingBy: 'operator',
  standingSince: Date.UTC(2026, 0, 1),
  trialEndsAt: null,
  credits: null,
  storageUsed: 0,
  storageLimit: null,
  storageFreesAt: null,
};

export class PlainLedger implements LedgerView {
  account: AccountFacts = GOOD_STANDING;
  identityState: IdentityState | null = 'active';
  identityHandle: string | null = 'alice';
  identityCap: number | null = null;
  risk: RiskState | null = null;
  quarantine: QuarantineStanding = null;
  areRepliesVisible = true;
  readonly leases = new Map<string, LeaseState>();
  private readonly scopes = new Map<string, ContactState>();
  private readonly contacts = new Map<string, ContactState>();
  private readonly domains = new Map<string, ContactState>();

  scope(kind: CounterScope, id: string): ScopeState {
    return kept(this.scopes, `${kind}:${id}`);
  }

  contact(key: string): ContactState {
    return kept(this.contacts, key);
  }

  domain(domain: string): ContactState {
    return kept(this.domains, domain);
  }

  signals(signal: Signal): ScopeState {
    return kept(this.scopes, `signal ${signal}`);
  }

  lease(contact: string): LeaseState | null {
    return this.leases.get(contact) ?? null;
  }
}

function kept(states: Map<string, ContactState>, key: string): ContactState {
  let state = states.get(key);
  if (state === undefined) {
    state = emptyContact();
    states.set(key, state);
  }
  return state;
}
