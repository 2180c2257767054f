/**
 * The store: the port behind which all state lies. Each method is a whole promise, one transaction; there is no generic
 * query and no transaction handle. Every method is asynchronous and may be grouped with others by the implementation.
 *
 * A method rejects with a `StoreFault` only when the store itself cannot serve (`full`, `unavailable`, `clock`), cannot decide on
 * one send (`undecided`), or the operator has paused it (`paused`); whatever a caller can cause is an answer.
 *
 * Here the pieces in `port/` come together, each an area's questions, answers and rows; what nearly everybody needs of them can be
 * had from here.
 */

import type { AdmissionWrites } from './port/admission.ts';
import type { ApprovalsReads, ApprovalsWrites } from './port/approvals.ts';
import type { CanariesReads, CanariesWrites } from './port/canaries.ts';
import type { CaptureReads } from './port/captures.ts';
import type { ContactsReads, ContactsWrites } from './port/contacts.ts';
import type { DeliveryWrites } from './port/delivery.ts';
import type { DomainsReads, DomainsWrites } from './port/domains.ts';
import type { EngagementReads, EngagementWrites } from './port/engagement.ts';
import type { ErasureReads, ErasureWrites } from './port/erasure.ts';
import type { EventsReads } from './port/events.ts';
import type { FeedbackReads } from './port/feedback.ts';
import type { HistoryReads } from './port/history.ts';
import type { IdentitiesReads, IdentitiesWrites } from './port/identities.ts';
import type { ImapReads, ImapWrites } from './port/imap.ts';
import type { InboundReads, InboundWrites } from './port/inbound.ts';
import type { LeasesReads, LeasesWrites } from './port/leases.ts';
import type { ManagementReads, ManagementWrites } from './port/management.ts';
import type { MessagesReads, MessagesWrites } from './port/messages.ts';
import type { NoticesReads, NoticesWrites } from './port/notices.ts';
import type { OperatorMailReads, OperatorMailWrites } from './port/operator-mail.ts';
import type { PlansWrites } from './port/plans.ts';
import type { PlatformReads, PlatformWrites } from './port/platform.ts';
import type { PoliciesReads, PoliciesWrites } from './port/policies.ts';
import type { QuarantineReads, QuarantineWrites } from './port/quarantine.ts';
import type { QueueReads } from './port/queue.ts';
import type { ReturnHooksReads, ReturnHooksWrites } from './port/return-hooks.ts';
import type { ReturnsWrites } from './port/returns.ts';
import type { RoutingWrites } from './port/routing.ts';
import type { SealedReads, SealedWrites } from './port/sealed.ts';
import type { SendersReads, SendersWrites } from './port/senders.ts';
import type { ShadowsReads, ShadowsWrites } from './port/shadows.ts';
import type { SimulationsReads, SimulationsWrites } from './port/simulations.ts';
import type { Space } from './port/space.ts';
import type { StsPoliciesReads, StsPoliciesWrites } from './port/sts-policies.ts';
import type { SuppressionImportWrites } from './port/suppression-import.ts';
import type { SweepsWrites } from './port/sweeps.ts';
import type { TemplatesReads, TemplatesWrites } from './port/templates.ts';
import type { TestClockReads, TestClockWrites } from './port/test-clock.ts';
import type { ThreadsReads, ThreadsWrites } from './port/threads.ts';
import type { UncertainReads, UncertainWrites } from './port/uncertain.ts';
import type { WebhooksReads, WebhooksWrites } from './port/webhooks.ts';

export type { LimitStanding, LimitState } from '../policy/headroom.ts';
export type {
  Admission,
  AdmitAllAnswer,
  AdmitAnswer,
  AdmitRecipient,
  AdmitRequest,
  CheckAnswer,
  Checked,
  Headroom,
  LaterVerdict,
  Principal,
  RecipientKind,
  RecipientVerdict,
  StaleCanaries,
} from './port/admission.ts';
export type { SuppressionRow } from './port/contacts.ts';
export type { AttemptReport, Claimed, ClaimInput, Settlement } from './port/delivery.ts';
export type { EventRow } from './port/events.ts';
export type { IdentityRow } from './port/identities.ts';
export type { KeyRow, KeyScope, NewKey, NewTenant, TenantRow } from './port/management.ts';
export type { StoredMessage, StoredRecipient } from './port/messages.ts';
export type { Page } from './port/page.ts';
export type { PolicyInForce, PolicyOwner, PolicyVersionRow } from './port/policies.ts';
export type { Space } from './port/space.ts';
export { StoreFault, type StoreFaultKind } from './port/store-fault.ts';

/** What changes state: grouped, each one whole. */
export interface StoreWrites
  extends ManagementWrites,
    AdmissionWrites,
    ApprovalsWrites,
    CanariesWrites,
    PoliciesWrites,
    IdentitiesWrites,
    ContactsWrites,
    DeliveryWrites,
    DomainsWrites,
    LeasesWrites,
    MessagesWrites,
    EngagementWrites,
    ImapWrites,
    ErasureWrites,
    NoticesWrites,
    OperatorMailWrites,
    StsPoliciesWrites,
    PlatformWrites,
    QuarantineWrites,
    InboundWrites,
    ReturnHooksWrites,
    ReturnsWrites,
    SuppressionImportWrites,
    PlansWrites,
    RoutingWrites,
    SealedWrites,
    SendersWrites,
    ShadowsWrites,
    SimulationsWrites,
    SweepsWrites,
    UncertainWrites,
    TemplatesWrites,
    TestClockWrites,
    ThreadsWrites,
    WebhooksWrites {
  putSetting(input: { name: string; value: string }): Promise<null>;
}

/** What only looks; may be a second old where its docstring says so. */
export interface StoreReads
  extends ManagementReads,
    ApprovalsReads,
    CanariesReads,
    PoliciesReads,
    IdentitiesReads,
    ContactsReads,
    CaptureReads,
    DomainsReads,
    LeasesReads,
    MessagesReads,
    EventsReads,
    ErasureReads,
    NoticesReads,
    OperatorMailReads,
    StsPoliciesReads,
    PlatformReads,
    QuarantineReads,
    QueueReads,
    EngagementReads,
    FeedbackReads,
    HistoryReads,
    ImapReads,
    InboundReads,
    ReturnHooksReads,
    SealedReads,
    SendersReads,
    ShadowsReads,
    SimulationsReads,
    UncertainReads,
    TemplatesReads,
    TestClockReads,
    ThreadsReads,
    WebhooksReads {
  setting(input: { name: string }): Promise<string | null>;
}

export interface Store extends StoreWrites, StoreReads {
  /** Calls back whenever something may have become due. */
  onDue(listener: () => void): void;
  /** Calls back after events were committed, with the tenants and modes that have new ones. */
  onEvents(listener: (changed: readonly Space[]) => void): void;
  /** Calls back after a notice to people was committed. */
  onNotices(listener: () => void): void;
  /** Null when healthy, else the sentence that says why not. */
  health(): Promise<string | null>;
  /** Figures of the implementation, for metrics and benches. */
  figures(): StoreFigures;
  close(): Promise<void>;
}

export type StoreFigures = {
  groups: number;
  calls: number;
  largestGroup: number;
  /** Microseconds spent in the writer, by part. */
  micros: Record<string, number>;
};
