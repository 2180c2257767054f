/** The part of the port that keeps a draft policy beside the one in force, and where it would have decided otherwise. */
import type { Mode } from '../../core/message.ts';
import type { EffectiveDocument, PolicyDocument } from '../../policy/document.ts';
import type { DecidedReason, Verdict } from '../../policy/verdict.ts';
import type { Actor } from './management.ts';
import type { Page, Paging } from './page.ts';

export type ShadowState = {
  /** As it was put. */
  document: PolicyDocument;
  author: string;
  note: string | null;
  /** Milliseconds on the tenant's clock: sends from then on are decided under it too. */
  since: number;
  /** The number of what it comes to, as verdicts number policies. */
  policyVersion: number;
  /** What it comes to over the policy that is in force now. */
  result: EffectiveDocument;
  /** Recipients decided on, and how many of them otherwise than in truth. */
  decided: number;
  differing: number;
};

export type ShadowDifference = {
  at: number;
  messageId: string;
  email: string;
  policyVersion: number;
  shadowVersion: number;
  decided: { verdict: Verdict['verdict']; reasons: DecidedReason[] };
  shadow: { verdict: Verdict['verdict']; reasons: DecidedReason[] };
};

type Place = { tenantNo: number; mode: Mode };

export interface ShadowsWrites {
  /** Replaces the draft, and forgets the differences of the one before. */
  putShadow(input: Place & { document: PolicyDocument; note: string | null; actor: Actor }): Promise<ShadowState>;
  /** Null: there is none. */
  shadowState(input: Place): Promise<ShadowState | null>;
  /** False: there is none. Its differences go with it. */
  deleteShadow(input: Place & { actor: Actor }): Promise<boolean>;
}

export interface ShadowsReads {
  /** Newest first; the newest ten thousand are kept. */
  shadowDifferences(input: Place & Paging): Promise<Page<ShadowDifference>>;
}
