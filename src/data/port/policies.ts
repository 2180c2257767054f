/** The part of the port that keeps policy documents and their versions. */
import type { Mode } from '../../core/message.ts';
import type { PolicyDocument } from '../../policy/document.ts';
import type { Page, PolicyInForce, PolicyOwner, PolicyVersionRow } from '../store.ts';
import type { Actor, Paging, Refused } from './management.ts';

/** Whose document: the default has no tenant. */
export type PolicyPlace = { owner: PolicyOwner; tenantNo: number; mode: Mode };

export type PolicyState = {
  /** Null: none was ever put. */
  own: PolicyVersionRow | null;
  /** For the default: what a tenant without anything of its own has, with the number 0. */
  inForce: PolicyInForce;
};

export interface PoliciesWrites {
  policyState(input: PolicyPlace): Promise<PolicyState>;
  /** The tenant's own document, which a person alone may loosen. */
  putOwnPolicy(input: {
    tenantNo: number;
    mode: Mode;
    document: PolicyDocument;
    note: string | null;
    actor: Actor;
  }): Promise<({ outcome: 'stored' } & PolicyState) | Refused>;
}

export interface PoliciesReads {
  /** Newest first. */
  policyVersions(input: PolicyPlace & Paging): Promise<Page<PolicyVersionRow>>;
}
