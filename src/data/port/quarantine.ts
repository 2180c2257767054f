/** The part of the port about risk and quarantine: where an account stands, its appeals, and the operator's decisions. */
import type { Mode } from '../../core/message.ts';
import type { RecipientState } from '../../core/states.ts';
import type { RiskLevel } from '../../policy/risk/score.ts';
import type { Actor } from './management.ts';
import type { Page, Paging } from './page.ts';
import type { Space } from './space.ts';

/** `upheld`: the operator has looked at it and it stays. `released`: it is over. */
export const QUARANTINE_STATES = ['active', 'under_review', 'upheld', 'probation', 'released'] as const;
export type QuarantineState = (typeof QUARANTINE_STATES)[number];

/** Frozen at the entry: what was known then. */
export type QuarantineEvidence = {
  signals: readonly RiskSignalReport[];
  figures: {
    /** Whole days since the account was made. */
    account_age_days: number;
    /** Recipients, by the clock hours in which they were decided. */
    accepted_last_hour: number;
    accepted_last_day: number;
    refused_last_day: number;
    /** Recipients that waited to leave and are held now; more may follow. */
    waiting: number;
  };
  /** Ids of the last messages accepted before it, newest first. */
  sample_message_ids: readonly string[];
};

export type AppealState = 'open' | 'released' | 'upheld';

export type Appeal = {
  id: string;
  state: AppealState;
  at: number;
  /** Name of the key that filed it. */
  filedBy: string;
  statement: string;
  /** The message it is about, as `msg_…`; null where none was named. */
  messageId: string | null;
  /** The last message that the quarantine refused before the appeal, with its content's hash. */
  refusedId: string | null;
  contentHash: string | null;
};

export type Quarantine = {
  no: number;
  id: string;
  tenantId: string;
  tenantName: string;
  mode: Mode;
  state: QuarantineState;
  since: number;
  setBy: 'score' | 'operator';
  score: number;
  threshold: number;
  evidence: QuarantineEvidence;
  note: string | null;
  releaseAt: number | null;
  /** The operator's last decision, or that of the set time. */
  decision: { outcome: 'released' | 'upheld'; at: number; by: string; note: string | null } | null;
  probation: { factor: number; since: number; until: number; baseline: number | null } | null;
  /** Recipients that are held by it, and what is becoming of them since the release. */
  held: { waiting: number; decided: 'send' | 'drop' | null };
  /** The newest appeal. */
  appeal: Appeal | null;
};

export type SampleMessage = {
  id: string;
  createdAt: number;
  from: string;
  subject: string;
  recipients: { email: string; state: RecipientState }[];
  /** The beginning of its text; null where the content is no longer stored. */
  excerpt: string | null;
};

export type RiskSignalReport = {
  name: string;
  value: number;
  weight: number;
  threshold: number;
  window: string;
  trend: string;
  contribution: number;
};

/** The risk score as answers show it, in whole points. Where the score is off it is 0 of 0. */
export type RiskStanding = { score: number; level: RiskLevel; threshold: number };

export type RiskReport = RiskStanding & {
  warnAt: number;
  signals: RiskSignalReport[];
  fallsBy: readonly string[];
  /** Whether there is any way by which a reply could be seen. */
  repliesVisible: boolean;
};

/** Share of the limits at the start, and for how many days they grow back. */
export type ProbationTerms = { factor: number; days: number };

export type QuarantineAnswer =
  | { outcome: 'done'; quarantine: Quarantine }
  | { outcome: 'not_found' }
  | { outcome: 'conflict'; id: string; state: QuarantineState };

export type AppealAnswer =
  | { outcome: 'filed'; quarantine: Quarantine; appeal: Appeal }
  | { outcome: 'unknown_message' }
  /** There is no quarantine to appeal against (`id` null), or an appeal is open already. */
  | { outcome: 'conflict'; id: string | null; state: 'none' | 'probation' | 'under_review' };

/** An account whose recent traffic is worded like that of others, and how much of it. */
export type AlikeAccount = { space: number; percent: number };

export interface QuarantineWrites {
  /** Gives what `alikeAccounts` found to the risk score of each account; answers with how many scores it touched. */
  noteLikeness(input: { found: readonly AlikeAccount[] }): Promise<number>;
  /** Where the account stands now; what was due by time has happened. Null: in no quarantine. */
  quarantineOf(input: Space): Promise<Quarantine | null>;
  riskOf(input: Space): Promise<RiskReport>;
  fileAppeal(input: Space & { statement: string; messageId: string | null; actor: Actor }): Promise<AppealAnswer>;
  quarantineTenant(input: {
    tenantId: string;
    mode: Mode;
    note: string;
    releaseAt: number | null;
    actor: Actor;
  }): Promise<QuarantineAnswer>;
  releaseQuarantine(input: {
    id: string;
    note: string;
    probation: ProbationTerms | null;
    held: 'send' | 'drop';
    actor: Actor;
  }): Promise<QuarantineAnswer>;
  upholdQuarantine(input: { id: string; note: string; actor: Actor }): Promise<QuarantineAnswer>;
}

export interface QuarantineReads {
  /** Of new accounts that sent within a day, in live mode. */
  alikeAccounts(input: { now: number }): Promise<AlikeAccount[]>;
  /** By score, then by age. `states` empty: those that wait for a decision. */
  quarantines(
    input: Paging & { states: readonly QuarantineState[]; mode: Mode | null; tenantId: string | null },
  ): Promise<Page<Quarantine>>;
  quarantineById(input: { id: string }): Promise<{ quarantine: Quarantine; samples: SampleMessage[] } | null>;
}
