/**
 * The store: the port behind which all state lies. Each method is a whole promise, one transaction; there is no generic
 * query and no transaction handle. Every method is asynchronous and may be grouped with others by the implementation.
 *
 * A method rejects with a `StoreFault` only when the store itself cannot serve (`full`, `unavailable`, `clock`), cannot decide on one send (`undecided`), or the operator has paused it (`paused`);
 * whatever a caller can cause is an answer.
 */
import type { EventType } from '../core/events.ts';
import type { Attachment, MessageKind, Mode } from '../core/message.ts';
import type { RecipientState } from '../core/states.ts';
import type { TraceLine } from '../policy/decide.ts';
import type { EffectiveDocument, PolicyDocument } from '../policy/document.ts';
import type { IdentityState, LimitFact, Setter, Standing, SuppressionReason } from '../policy/facts.ts';
import type { ApprovalMode } from '../policy/facts-approval.ts';
import type { SignsStanding } from '../policy/facts-budget.ts';
import type { ContentFacts } from '../policy/facts-content.ts';
import type { ProbationFacts } from '../policy/facts-quarantine.ts';
import type { WarmupFacts } from '../policy/facts-warmup.ts';
import type { LimitStanding, LimitState } from '../policy/headroom.ts';
import type { IdentityPacing } from '../policy/pacing-fields.ts';
import type { ContentFeatures } from '../policy/risk/features.ts';
import type { AddressTraits } from '../policy/send.ts';
import type { DecidedReason, DecidedWarning, Verdict } from '../policy/verdict.ts';
import type { ApprovalsReads, ApprovalsWrites } from './port/approvals.ts';
import type { CanariesReads, CanariesWrites, KnownCanaries } from './port/canaries.ts';
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
import type { QuarantineReads, QuarantineWrites, RiskStanding } from './port/quarantine.ts';
import type { QueueReads } from './port/queue.ts';
import type { ReturnHooksReads, ReturnHooksWrites } from './port/return-hooks.ts';
import type { ReturnsWrites } from './port/returns.ts';
import type { Route, RoutingWrites, StoredRoute } from './port/routing.ts';
import type { SealedReads, SealedWrites } from './port/sealed.ts';
import type { SendersReads, SendersWrites } from './port/senders.ts';
import type { ShadowsReads, ShadowsWrites } from './port/shadows.ts';
import type { SimulationsReads, SimulationsWrites } from './port/simulations.ts';
import type { StsPoliciesReads, StsPoliciesWrites } from './port/sts-policies.ts';

export type { LimitStanding, LimitState } from '../policy/headroom.ts';

import type { SuppressionImportWrites } from './port/suppression-import.ts';
import type { SweepsWrites } from './port/sweeps.ts';
import type { TemplatesReads, TemplatesWrites, TemplateUse } from './port/templates.ts';
import type { TestClockReads, TestClockWrites } from './port/test-clock.ts';

import type { ThreadsReads, ThreadsWrites } from './port/threads.ts';
import type { UncertainReads, UncertainWrites } from './port/uncertain.ts';
import type { Waits } from './port/waits.ts';
import type { WebhooksReads, WebhooksWrites } from './port/webhooks.ts';

/** `paused`: nothing ails it, the operator has stopped sending. `undecided`: what one decision needs could not be read. */
export type StoreFaultKind = 'full' | 'unavailable' | 'clock' | 'paused' | 'undecided';

export class StoreFault extends Error {
  readonly kind: StoreFaultKind;

  constructor(kind: StoreFaultKind, message: string) {
    super(message);
    this.name = 'StoreFault';
    this.kind = kind;
  }
}

/** Who acts, as far as rows are concerned: a tenant in a mode, through an installation. */
export type Principal = {
  tenantNo: number;
  tenantId: string;
  mode: Mode;
  installationNo: number;
  installationId: string;
  appId: string;
  /** Number of the API key: identical refusals of one key are folded. */
  keyNo: number;
};

export type RecipientKind = 'to' | 'cc' | 'bcc';

export type AdmitRecipient = {
  kind: RecipientKind;
  email: string;
  name: string | null;
  key: string;
  domain: string;
  undeliverable: string | null;
  simulated: string | null;
  /** What the address tells by itself; absent or null: nothing. */
  traits?: AddressTraits | null;
};

/** A submission on its way to a decision. */
export type AdmitRequest = {
  principal: Principal;
  requestId: string;
  kind: MessageKind;
  onLimit: 'reject' | 'defer';
  sendAt: number | null;
  expiresAt: number | null;
  agent: string | null;
  /** Handle or id of the identity asked for, or null. */
  identity: string | null;
  /** The From address asked for, or null for the installation's, the identity's or the gateway's default. */
  from: { email: string; name: string | null } | null;
  subject: string;
  /** JSON of tags, metadata and the like, or null. */
  meta: string | null;
  recipients: AdmitRecipient[];
  /** The canonical content: JSON of the submission. Empty where it lies in the blob store. */
  body: string;
  /** Octets of the body in UTF-8, wherever it lies. */
  bodyBytes: number;
  /** A body too large for a row: its blob, stored already. */
  bodyBlob: { sha256: string; size: number } | null;
  /** Attachments: their blobs are stored already. */
  blobs: { sha256: string; size: number }[];
  idempotency: { key: string; fingerprint: string } | null;
  dedupe: { key: string; fingerprint: string; block: boolean } | null;
  /** SHA-256 of the canonical content: identical refusals are folded by it. Null where nobody has computed it yet. */
  contentHash: string | null;
  /** What the scan of the content found; absent where nothing did. */
  findings?: ContentFacts;
  /** The version of the canaries that the content was searched for; absent: for none. */
  canaries?: string | null;
  /** Handles or ids of the identities that the key is bound to; absent: all. */
  identities?: readonly string[];
  /** The token of the lease that the caller says it holds. */
  leaseToken?: string | null;
  /** What was done with the template that it names; null where it names none. */
  template?: TemplateUse | null;
  /** What the risk score sees of the content; absent where nobody looked. */
  content?: ContentFeatures;
  /** All recipients or none: where one would be blocked, all are refused, and nothing is stored (the `messageId` is empty). */
  wholeOnly?: boolean;
  /** In a check: without what each rule found, and without how limits stand. */
  untraced?: boolean;
};

export type RecipientVerdict = {
  id: string | null;
  email: string;
  /** The key of its address, by which it is counted. */
  key: string;
  verdict: Verdict['verdict'];
  departAt: number;
  reasons: readonly DecidedReason[];
  warnings: readonly DecidedWarning[];
  /** Aligned with the policy's message limits, then its recipient limits; as they were before this recipient. */
  limits: readonly LimitFact[];
  /**
   * Where a departure of the message lies ahead: the same limits as they stand on the clock, the whole message counted (in a
   * check: nothing of it). Null where all leave at once, since `limits` then tells it.
   */
  standing: readonly LimitStanding[] | null;
};

/** A decision made on a recipient after the first one. */
export type LaterVerdict = Verdict & {
  at: number;
  cause: 'departure' | 'reschedule' | 'release' | 'change';
  policyVersion: number;
};

/** What was decided and, where something was accepted, stored. */
export type Admission = {
  messageId: string;
  createdAt: number;
  requestId: string;
  policyVersion: number;
  engine: number;
  scopes: { tenant: string; app: string; installation: string; identity: string | null; agent: string | null };
  /** The identity's own daily cap, which counts as one more limit, and so do the places of a warm-up. */
  identityCap: number | null;
  warmup: WarmupFacts | null;
  /** The account is on probation: its limits are reduced. */
  probation: ProbationFacts | null;
  /** The risk score with this message. */
  risk: RiskStanding;
  recipients: RecipientVerdict[];
};

export type AdmitAnswer =
  | ({ outcome: 'admitted' | 'refused' } & Admission)
  /** The same key and content came before: what was answered then. */
  | ({ outcome: 'replayed'; by: 'idempotency' | 'dedupe' } & Admission)
  | { outcome: 'key_reused'; firstUsedAt: number; until: number; messageId: string }
  | { outcome: 'invalid'; param: string; message: string };

export type AdmitAllAnswer =
  /** In the order of the submissions; what came before under the same keys is answered again. */
  | { outcome: 'admitted'; answers: AdmitAnswer[] }
  /** Because of the one at this place; the `messageId` of its answer is empty, unless it names an earlier message. */
  | { outcome: 'refused'; at: number; answer: AdmitAnswer };

/** The content was searched for other canaries than there are: to be searched anew, for these. */
export type StaleCanaries = { outcome: 'canaries'; known: KnownCanaries | null };

/** `from`: the address that it would go out under. */
export type Checked = Admission & { from: string; traces: TraceLine[][] };

export type CheckAnswer = ({ outcome: 'checked' } & Checked) | { outcome: 'invalid'; param: string; message: string };

export type PolicyInForce = { version: number; document: EffectiveDocument };

/** What is left of each limit, and of the number of bad signs (`now` and times in milliseconds). */
export type Headroom = {
  limits: LimitState[];
  signs: SignsStanding;
  now: number;
  locale: string | null;
  risk: RiskStanding;
};

/** One due recipient, claimed for a worker. */
export type Claimed = {
  /** Row number of the recipient: opaque outside the store. */
  recipient: number;
  recipientId: string;
  message: number;
  messageId: string;
  tenantNo: number;
  tenantId: string;
  mode: Mode;
  /** Fencing token: a later claim has a greater one. */
  token: number;
  attempt: number;
  /** Milliseconds on the recipient's clock. */
  now: number;
  createdAt: number;
  expiresAt: number;
  kind: MessageKind;
  email: string;
  from: { email: string; name: string | null };
  content: { inline: Uint8Array } | { blob: string } | { gone: true };
  /** Octets of the content, its attachments included. */
  size: number;
  /** An earlier attempt ended between the dot and its answer. */
  possibleDuplicate: boolean;
  /** What the policy has counted: a picture and links in its HTML lead to the gateway then. Absent: nothing. */
  tracking?: { open?: boolean; click?: boolean };
  /** Answers are to come to a signed address as well. */
  tracksReplies: boolean;
  /** The way it takes out. */
  route: Route;
};

export type ClaimInput = {
  most: number;
  /** False: of test spaces alone. */
  live: boolean;
  /** How many each space holds already: none is given more than remain free for the others. Absent: no such bound. */
  held?: (Space & { count: number })[];
};

export type AttemptReport = {
  provider: string;
  mailbox: string | null;
  reply: string;
  class: string | null;
  /** Why this way; absent where there was no choice to make. */
  why?: readonly string[];
};

export type Settlement = {
  recipient: number;
  token: number;
  attempt: AttemptReport | null;
} & (
  | { outcome: 'sent' }
  /** The next hop is the last one Postern can see: delivered at the same instant. */
  | { outcome: 'delivered' }
  | { outcome: 'deferred'; nextAttemptAt: number }
  | { outcome: 'bounced'; hard: boolean; suppress: boolean }
  | { outcome: 'failed' }
  /** The policy says whether it is sent again, at `nextAttemptAt`, or held for a person. */
  | { outcome: 'uncertain'; nextAttemptAt: number }
  /** The worker itself failed over it. After three such ends in a row, deaths of the process included, it is set aside. */
  | { outcome: 'crashed'; nextAttemptAt: number }
  /**
   * Surely not taken, for a fault of the provider or the mailbox itself: another way is tried at once, and this one is avoided for
   * this recipient; where there is none it is deferred to `nextAttemptAt`, or ends as `otherwise` says.
   */
  | { outcome: 'elsewhere'; nextAttemptAt: number; otherwise: 'deferred' | 'bounced' | 'failed' }
  /** Given back untried: the worker stops, or the look before the dot said no for a passing cause. */
  | { outcome: 'released'; at: number; waits?: Waits | null }
);

export type EventRow = {
  id: string;
  seq: number;
  type: EventType;
  createdAt: number;
  data: Record<string, unknown>;
};

export type StoredRecipient = {
  id: string;
  email: string;
  name: string | null;
  kind: RecipientKind;
  state: RecipientState;
  departAt: number;
  nextAttemptAt: number | null;
  attempts: number;
  possibleDuplicate: boolean;
  closedAt: number | null;
  /** The way out that it counts on; null where the tenant has none of its own, or nothing is counted. */
  route: StoredRoute | null;
  /** What it waits for beside its slot and its next attempt, or null. */
  waits: Waits | null;
  /** The decision at acceptance. */
  verdict: Verdict;
  later: LaterVerdict | null;
};

export type StoredMessage = {
  id: string;
  createdAt: number;
  requestId: string;
  policyVersion: number;
  engine: number;
  kind: MessageKind;
  from: { email: string; name: string | null };
  /** Handle of the sending identity, or null. */
  identity: string | null;
  subject: string;
  /** Tags, metadata and the like, as they were stored. */
  meta: Record<string, unknown>;
  agent: string | null;
  sendAt: number | null;
  expiresAt: number;
  contentHash: string | null;
  size: number;
  repeats: number;
  hasContent: boolean;
  scopes: Admission['scopes'];
  recipients: StoredRecipient[];
};

export type TenantRow = {
  no: number;
  id: string;
  name: string;
  standing: Standing;
  standingBy: Setter;
  standingSince: number;
  standingNote: string | null;
  trialEndsAt: number | null;
  plan: string | null;
  billing: 'none' | 'credits';
  credits: number | null;
  trust: 'new' | 'established';
  locale: string | null;
  notify: string[];
  createdAt: number;
};

export type NewTenant = {
  id: string;
  installationId: string;
  name: string;
  standing: Standing;
  trialEndsAt: number | null;
  plan: string | null;
  billing: 'none' | 'credits';
  credits: number | null;
  trust: 'new' | 'established';
  locale: string | null;
  notify: string[];
  standingNote?: string | null;
  actor: string;
  actorId?: string;
};

export type KeyScope = 'send' | 'read' | 'manage' | 'approve' | 'operate';

export type KeyRow = {
  no: number;
  id: string;
  prefix: string;
  hash: Uint8Array;
  name: string | null;
  scopes: KeyScope[];
  mode: Mode;
  tenantNo: number | null;
  tenantId: string | null;
  installationNo: number | null;
  installationId: string | null;
  appId: string | null;
  expiresAt: number | null;
  allowIps: string[];
  identities: string[];
  agent: string | null;
  createdAt: number;
  lastUsedAt: number | null;
  revokedAt: number | null;
};

export type NewKey = {
  id: string;
  prefix: string;
  hash: Uint8Array;
  name: string | null;
  scopes: KeyScope[];
  mode: Mode;
  tenantId: string;
  /** Null: the tenant's default app. */
  appId: string | null;
  expiresAt: number | null;
  allowIps: string[];
  identities: string[];
  agent: string | null;
  actor: string;
  actorId?: string;
};

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

export type PolicyOwner = 'default' | 'operator' | 'tenant';

export type PolicyVersionRow = {
  owner: PolicyOwner;
  version: number;
  document: PolicyDocument;
  author: string;
  note: string | null;
  createdAt: number;
};

export type Page<Row> = { rows: Row[]; next: string | null };

export type Space = { tenantNo: number; mode: Mode };

/** What changes state: grouped, each one whole. */
export interface StoreWrites
  extends ManagementWrites,
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
    ReturnsWrites,
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
  admit(request: AdmitRequest): Promise<AdmitAnswer | StaleCanaries>;
  /** All of them, in one transaction, or none: where one would be refused, nothing is stored of any. All of one tenant and mode. */
  admitAll(requests: readonly AdmitRequest[]): Promise<AdmitAllAnswer | StaleCanaries>;
  /** Decides and changes nothing. */
  check(request: AdmitRequest): Promise<CheckAnswer | StaleCanaries>;
  /** Headroom as it stands, for the scopes given. */
  headroom(input: {
    principal: Principal;
    identity: string | null;
    recipient: { key: string; domain: string } | null;
  }): Promise<Headroom>;
  /** Up to `most` due recipients, in turn from every space that has some. */
  claim(input: ClaimInput): Promise<Claimed[]>;
  /** Before the final dot: false when it must not be sent. */
  mark(input: { recipient: number; token: number }): Promise<boolean>;
  /** False when the claim was lost. */
  settle(settlement: Settlement): Promise<boolean>;
  /** Milliseconds until something is due, 0 for now, null when nothing waits. */
  dueIn(input: null): Promise<number | null>;
  createTenant(tenant: NewTenant): Promise<TenantRow>;
  createKey(key: NewKey): Promise<{ ok: true; key: KeyRow } | { ok: false; missing: 'tenant' | 'app' }>;
  /** False when no such key is in force. */
  revokeKey(input: { id: string; actor: string }): Promise<boolean>;
  putSetting(input: { name: string; value: string }): Promise<null>;
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
  /** The key with this public part, whatever its state. */
  keyByPrefix(input: { prefix: string }): Promise<KeyRow | null>;
  keysOfTenant(input: { tenantNo: number }): Promise<KeyRow[]>;
  tenantById(input: { id: string }): Promise<TenantRow | null>;
  /** The installation that every tenant is made with. */
  defaultInstallation(input: {
    tenantNo: number;
  }): Promise<{ installationNo: number; installationId: string; appId: string }>;
  policyVersion(input: { version: number }): Promise<PolicyInForce | null>;
  /** Uploads of this space that still exist, by id. */
  attachments(input: Space & { ids: string[] }): Promise<Map<string, Attachment>>;
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
