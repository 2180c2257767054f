/** The part of the port that keeps sender domains: their management, what checks found, and the keys that sign. */
import type { DkimAlgorithm, PublishedKey, RecordFinding } from '../../core/sender-records.ts';
import type { Actor } from './management.ts';
import type { Page, Paging } from './page.ts';
import type { Space } from './space.ts';

export const DOMAIN_STATES = ['pending', 'verified', 'failing'] as const;
export type DomainState = (typeof DOMAIN_STATES)[number];

export type DomainKey = PublishedKey & {
  generation: number;
  createdAt: number;
  /** When its record may be taken away; null while it is needed. */
  retiresAt: number | null;
};

export type ManagedDomain = {
  no: number;
  id: string;
  /** In lower-case A-labels. */
  name: string;
  /** What the selectors of its next keys begin with. */
  selector: string;
  /** The value of its ownership record. */
  token: string;
  state: DomainState;
  /** Why it is not verified though its records stand, or null. */
  problem: string | null;
  keys: DomainKey[];
  /** By the key of the record. */
  findings: Readonly<Record<string, RecordFinding>>;
  verifiedAt: number | null;
  failingSince: number | null;
  /** When sends from it are refused; null unless it is failing. */
  blocksAt: number | null;
  checkedAt: number | null;
  /** Real time, as the next one is. */
  nextCheckAt: number;
  /** Since when its records, or those of new keys, are awaited. */
  awaitedSince: number;
  createdAt: number;
  updatedAt: number;
};

/** A key pair on its way into the store: the private part sealed for `sealContext`. */
export type NewDomainKey = { algorithm: DkimAlgorithm; publicKey: string; sealed: Uint8Array };

/** Where a private key is sealed for: it opens nowhere else. */
export const keyContext = (domainId: string, generation: number, algorithm: DkimAlgorithm): string =>
  `domain/${domainId}/dkim/${generation}/${algorithm}`;

export type DomainTrouble =
  | { outcome: 'missing' }
  /** The tenant has the domain already. */
  | { outcome: 'taken' }
  | { outcome: 'too_many'; most: number }
  /** The keys announced last are not found yet, or others were made meanwhile. */
  | { outcome: 'rotating' };

export type DomainAnswer = { outcome: 'done'; domain: ManagedDomain } | DomainTrouble;

export type DomainRef = { no: number; tenantNo: number };

/** A domain that is to be looked at, in whatever space. */
export type DomainToCheck = ManagedDomain & Space & { tenantId: string };

export type CheckedDomain =
  | {
      outcome: 'done';
      domain: ManagedDomain;
      /** State or signing keys are other than before. */
      changed: boolean;
    }
  /** All is found, but another account verified the domain first: it may be looked at now. */
  | { outcome: 'held'; holder: number; domain: ManagedDomain }
  | { outcome: 'missing' };

/** What signs for a From domain: the tenant's verified domain that is nearest above it, or it. */
export type SigningDomain = {
  domain: string;
  /** Its return path leads here. */
  hasReturnPath: boolean;
  keys: { no: number; algorithm: DkimAlgorithm; selector: string; sealed: Uint8Array; context: string }[];
};

export interface DomainsWrites {
  createDomain(
    input: Space & {
      id: string;
      name: string;
      selector: string;
      token: string;
      keys: readonly NewDomainKey[];
      actor: Actor;
    },
  ): Promise<DomainAnswer>;
  /** Another selector: at once where nothing was verified yet, else for the next keys. */
  changeDomain(input: Space & { id: string; selector: string; actor: Actor }): Promise<DomainAnswer>;
  deleteDomain(input: Space & { id: string; actor: Actor }): Promise<DomainAnswer>;
  /** New keys of the generation after `after`; they sign once their records are found, and at once replace what never signed. */
  rotateDomainKeys(
    input: Space & { id: string; after: number; keys: readonly NewDomainKey[]; actor: Actor },
  ): Promise<DomainAnswer>;
  /** What a look at the records showed; decides what becomes of the domain. */
  recordDomainCheck(input: {
    no: number;
    findings: Readonly<Record<string, RecordFinding>>;
    nextCheckAt: number;
  }): Promise<CheckedDomain>;
}

export interface DomainsReads {
  domains(input: Space & Paging & { name: string | null }): Promise<Page<ManagedDomain>>;
  /** By id or name. */
  domain(input: Space & { id: string }): Promise<ManagedDomain | null>;
  domainToCheck(input: { no: number }): Promise<DomainToCheck | null>;
  /** Domains of all tenants whose next look is due, the longest waiting first, and when the next one after them is. */
  domainsDue(input: { now: number; most: number }): Promise<{ due: DomainRef[]; nextAt: number | null }>;
  signingDomain(input: Space & { domain: string }): Promise<SigningDomain | null>;
}
