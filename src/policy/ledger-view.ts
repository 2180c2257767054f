/**
 * What a decision sees of a ledger: its counters, and what else is known of the account, its senders and the contact. The stores, the
 * plain ledger of simulations and that of tests are such views, so that the same code decides in all of them.
 */
import type { AccountFacts, IdentityState } from './account.ts';
import type { QuarantineStanding } from './facts-quarantine.ts';
import type { SenderView } from './facts-sender.ts';
import type { Counters, LeaseState, ScopeState, Signal } from './ledger.ts';
import type { RiskState } from './risk/state.ts';
import type { PoolNews } from './ways.ts';

export interface LedgerView extends Counters, PoolNews {
  account: AccountFacts;
  identityState: IdentityState | null;
  identityHandle: string | null;
  identityCap: number | null;
  /** What is remembered of the account's sending; null where no score is kept. */
  risk: RiskState | null;
  quarantine: QuarantineStanding;
  /** When so many octets will have gone off what is stored, in milliseconds; null, or absent: nobody knows. */
  storageFreesAt?(bytes: number): number | null;
  /** Whether there is a way by which a reply could be seen. */
  areRepliesVisible: boolean;
  /** When bad signs of this kind came, as a series in the unit `recipient`; null where no sign of any kind ever came. */
  signals(signal: Signal): ScopeState | null;
  /** The last lease on a contact that nobody has ended; its time may have come. */
  lease(contact: string): LeaseState | null;
  /** Who may send as whom; null or absent: nothing is known, and nobody is refused. */
  readonly senders?: SenderView | null;
}
