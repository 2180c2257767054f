/** The part of the port that keeps policy documents and their versions. */
import type { Mode } from '../../core/message.ts';
import type { EffectiveDocument, PolicyDocument } from '../../policy/document.ts';
import type { Actor, Refused } from './management.ts';
import type { Page, Paging } from './page.ts';

export type PolicyInForce = { version: number; document: EffectiveDocument };

export type PolicyOwner = 'default' | 'operator' | 'tenant';

export type PolicyVersionRow = {
  owner: PolicyOwner;
  version: number;
  document: PolicyDocument;
  author: string;
  note: string | null;
  createdAt: number;
};

/** Whose document: the default has no tenant. */
export type PolicyPlace = { owner: PolicyOwner; tenantNo: number; mode: Mode };

export type PolicyState = {
  /** Null: none was ever put. */
  own: PolicyVersionRow | null;
  /** For the default: what a tenant without anything of its own has, with the number 0. */
  inForce: PolicyInForce;
};

export interface PoliciesWrites {
  putPolicy(input: {
    owner: PolicyOwner;
    tenantNo: number;
    /** Null, for the default alone: both. */
    mode: Mode | null;
    document: PolicyDocument;
    author: string;
    authorId?: string;
    note: string | null;
  }): Promise<{ version: number; inForce: PolicyInForce }>;
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
  policyVersion(input: { version: number }): Promise<PolicyInForce | null>;
  /** Newest first. */
  policyVersions(input: PolicyPlace & Paging): Promise<Page<PolicyVersionRow>>;
}
