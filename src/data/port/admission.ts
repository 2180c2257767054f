/** The part of the port that decides on sends: what is asked, what is answered, and what stands of it afterwards. */
import type { MessageKind, Mode } from '../../core/message.ts';
import type { TraceLine } from '../../policy/decide.ts';
import type { LimitFact } from '../../policy/facts.ts';
import type { SignsStanding } from '../../policy/facts-budget.ts';
import type { ContentFacts } from '../../policy/facts-content.ts';
import type { ProbationFacts } from '../../policy/facts-quarantine.ts';
import type { WarmupFacts } from '../../policy/facts-warmup.ts';
import type { LimitStanding, LimitState } from '../../policy/headroom.ts';
import type { ContentFeatures } from '../../policy/risk/features.ts';
import type { AddressTraits } from '../../policy/send.ts';
import type { DecidedReason, DecidedWarning, Verdict } from '../../policy/verdict.ts';
import type { KnownCanaries } from './canaries.ts';
import type { RiskStanding } from './quarantine.ts';
import type { TemplateUse } from './templates.ts';
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
  /** The canonical content, as core/content-text.ts writes it. Empty where it lies in the blob store. */
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
  /** In a check: without what each rule found. */
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

/** What is left of each limit, and of the number of bad signs (`now` and times in milliseconds). */
export type Headroom = {
  limits: LimitState[];
  signs: SignsStanding;
  now: number;
  locale: string | null;
  risk: RiskStanding;
};

export interface AdmissionWrites {
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
}
