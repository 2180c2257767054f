/** The part of the port about the people written to: what is known of an address, and what is suppressed. */
import type { Consent, ContactMarks, Mark } from '../../policy/ledger.ts';
import type { SuppressionFact, SuppressionReason } from '../../policy/suppression.ts';
import type { Actor, Refused } from './management.ts';
import type { Page, Paging } from './page.ts';
import type { Space } from './space.ts';

export type { Consent, ContactMarks, Mark } from '../../policy/ledger.ts';

export type SuppressionRow = {
  id: string;
  kind: 'address' | 'domain';
  key: string;
  reason: SuppressionReason;
  since: number;
  expiresAt: number | null;
  note: string | null;
  source: string;
};

export type ContactRow = ContactMarks & {
  /** Key of the address. */
  key: string;
  doNotContact: Mark | null;
  /** In force, those of its domain included. */
  suppressions: SuppressionFact[];
  /** Whole seconds, as `lastSentAt`. */
  firstSentAt: number | null;
  lastSentAt: number | null;
  lastReplyAt: number | null;
  /** When the person last opened a message or followed a link; programs are told apart. */
  engagedAt: number | null;
};

/** Absent: stays. Null clears. */
export type ContactChange = {
  doNotContact?: { note: string | null } | null;
  opportunity?: { note: string | null } | null;
  threadTakenOver?: { note: string | null } | null;
  consent?: Consent['marketing'] | null;
};

export type AddedSuppression = {
  kind: 'address' | 'domain';
  /** Address key or A-label. */
  key: string;
  reason: SuppressionReason;
  expiresAt: number | null;
  note: string | null;
};

export type ContactAddress = { key: string; domain: string };

export interface ContactsWrites {
  /** What is known of an address, even where that is nothing. */
  contact(input: Space & ContactAddress): Promise<ContactRow>;
  /** Clearing a mark needs a person. */
  changeContact(
    input: Space & ContactAddress & { change: ContactChange; note: string | null; actor: Actor },
  ): Promise<{ outcome: 'changed'; contact: ContactRow } | Refused>;
  /** Writes what lags behind, so that `contacts` shows it. */
  settleContacts(input: Space): Promise<null>;
  /** Adding one again never ends it earlier. */
  suppress(
    input: Space & { suppression: AddedSuppression; actor: Actor },
  ): Promise<{ created: boolean; suppression: SuppressionRow }>;
  liftSuppression(
    input: Space & { id: string; note: string | null; actor: Actor },
  ): Promise<{ outcome: 'lifted'; suppression: SuppressionRow } | { outcome: 'missing' } | Refused>;
}

export interface ContactsReads {
  contacts(input: Space & Paging): Promise<Page<ContactRow>>;
  suppressions(
    input: Space & Paging & { kind: 'address' | 'domain' | null; key: string | null; reason: SuppressionReason | null },
  ): Promise<Page<SuppressionRow>>;
  suppression(input: Space & { id: string }): Promise<SuppressionRow | null>;
}
