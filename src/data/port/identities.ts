/** The part of the port that manages identities: the people and personas a tenant sends as. */
import type { IdentityState } from '../../policy/account.ts';
import type { ApprovalMode } from '../../policy/facts-approval.ts';
import type { IdentityPacing } from '../../policy/pacing-fields.ts';
import type { Actor, Refused } from './management.ts';
import type { Page, Paging } from './page.ts';
import type { Space } from './space.ts';

export type IdentityRow = IdentityPacing & {
  no: number;
  /** When it should be ready, where it is being set up and somebody has said so. */
  readyAt: number | null;
  id: string;
  handle: string;
  fromEmail: string;
  fromName: string | null;
  tier: string | null;
  dailyCap: number | null;
  /** Which of its messages wait for a person. */
  approvals: ApprovalMode;
  state: IdentityState;
  createdAt: number;
  updatedAt: number;
};

/** An identity with what its tier adds. */
export type ManagedIdentity = IdentityRow & {
  stateNote: string | null;
  /** The smaller of its own cap and its tier's in the plan; null: none. */
  effectiveCap: number | null;
  /** Ids of its mailboxes, in the order they were made; none: the implied one on the gateway's own provider. */
  mailboxes: string[];
};

export type IdentityFields = Partial<IdentityPacing> & {
  /** When one that is being set up should be ready; it is active from then on. */
  readyAt?: number | null;
  handle: string;
  fromEmail: string;
  fromName: string | null;
  tier: string | null;
  dailyCap: number | null;
  /** Which of its messages wait for a person; none unless said. */
  approvals?: ApprovalMode;
  state: IdentityState;
  /** Ids or address keys of all its mailboxes; absent: as they are. */
  mailboxes?: string[];
};

export type IdentityTrouble =
  | { outcome: 'missing' }
  /** Another identity has the handle. */
  | { outcome: 'taken' }
  /** The plan has other tiers. */
  | { outcome: 'unknown_tier'; tiers: string[] }
  /** One of the mailboxes that are named does not exist, or belongs to the identity of this handle. */
  | { outcome: 'mailbox'; index: number; owner: string | null }
  | Refused;

export type IdentityAnswer = { outcome: 'done'; identity: ManagedIdentity } | IdentityTrouble;

export interface IdentitiesWrites {
  createIdentity(
    input: Space & { id: string; fields: IdentityFields; note: string | null; actor: Actor },
  ): Promise<IdentityAnswer>;
  /** A higher cap or tier needs a person; `suspended` is set and lifted by the operator. */
  changeIdentity(
    input: Space & { id: string; change: Partial<IdentityFields>; note: string | null; actor: Actor },
  ): Promise<IdentityAnswer>;
  /** Its handle is free then; messages go on naming it. */
  deleteIdentity(input: Space & { id: string; actor: Actor }): Promise<IdentityAnswer>;
}

export interface IdentitiesReads {
  identities(input: Space & Paging): Promise<Page<ManagedIdentity>>;
  /** By id or handle. */
  identity(input: Space & { id: string }): Promise<ManagedIdentity | null>;
}
