/**
 * Facts: the snapshot one recipient's decision is made on, and its packed form, which is stored with the verdict so that
 * the decision can be made again, bit for bit. Layouts are numbered; a reader for each number in retention is kept.
 *
 * Packed: one byte layout, then varints and short strings. Times of account and contact are milliseconds, times inside
 * limits are as the window counts them (seconds; milliseconds for `rate`).
 */
import { PackReader, type PackWriter } from '../core/pack.ts';
import { type AccountFacts, IDENTITY_STATES, type IdentityState, SETTERS, STANDINGS } from './account.ts';
import { type ApprovalFacts, packApproval, unpackApproval } from './facts-approval.ts';
import { type BudgetFacts, packBudget, unpackBudget } from './facts-budget.ts';
import { type ContactFacts, packContact, unpackContact } from './facts-contact.ts';
import { type ContentFacts, packContent, unpackContent } from './facts-content.ts';
import { type LeaseFacts, packLease, unpackLease } from './facts-lease.ts';
import { type PoolFacts, packPool, unpackPool } from './facts-pool.ts';
import { packQuarantine, type QuarantineFacts, unpackQuarantine } from './facts-quarantine.ts';
import { packRiskFacts, type RiskFacts, unpackRiskFacts } from './facts-risk.ts';
import { packSender, type SenderFacts, unpackSender } from './facts-sender.ts';
import { packTemplate, type TemplateFacts, unpackTemplate } from './facts-template.ts';
import { packWarmup, unpackWarmup, type WarmupFacts } from './facts-warmup.ts';
import { SUPPRESSION_REASONS, type SuppressionFact } from './suppression.ts';

/** What the ledger says of one limit for this send. */
export type LimitFact = {
  used: number;
  /** When `remaining` next grows: seconds (milliseconds for `rate`), or null when nothing is used. */
  resetsAt: number | null;
  /** The earliest time at which the send fits: 0 now, null never. Unit as `resetsAt`. */
  freeAt: number | null;
  /** Units this send would take: 0 where its message is counted already. */
  units: number;
};

export type Facts = {
  engine: number;
  /** Milliseconds since the epoch. */
  now: number;
  /** When the recipient would leave: now, or the time asked for. */
  departAt: number;
  account: AccountFacts;
  /** State of the sending identity, or null where none is named. */
  identityState: IdentityState | null;
  /** Its handle, or null where none is named. */
  identityHandle: string | null;
  /** Recipients a UTC day that the identity may mail, or null: one more limit beside the policy's. */
  identityCap: number | null;
  /** Octets of content this message adds to what the account stores. */
  contentSize: number;
  doNotContactSince: number | null;
  suppressions: readonly SuppressionFact[];
  /** Last departure up to `departAt` that a cooldown counts, in milliseconds; null where there is none or a reply came since. */
  lastSentAt: number | null;
  /** The message that used the same dedupe key, where that blocks. */
  duplicate: { messageId: string; at: number; until: number } | null;
  /** The address can take no mail at all (for example mixed scripts): why. */
  undeliverable: string | null;
  /** A simulator address stands in for this reason. */
  simulated: string | null;
  /** Aligned with the policy's message limits, then its recipient limits. */
  limits: readonly LimitFact[];
  /** The earliest millisecond at which every limit has a place, where one is full and the caller would wait; else null. */
  place: number | null;
  contact: ContactFacts | null;
  lease: LeaseFacts | null;
  budget: BudgetFacts | null;
  warmup: WarmupFacts | null;
  risk: RiskFacts | null;
  quarantine: QuarantineFacts;
  approval: ApprovalFacts;
  content: ContentFacts;
  /** The template that the message was made from, or null. */
  template: TemplateFacts | null;
  /** The pool of mailboxes and providers, or null. */
  pool: PoolFacts | null;
  /** What is amiss with the sender, or null. */
  sender: SenderFacts | null;
};

const LAYOUT = 1;

/** The facts as a part of what the writer gives out. */
export function packFacts(facts: Facts, writer: PackWriter): Uint8Array {
  const w = writer.restart();
  w.byte(LAYOUT);
  w.uint(facts.engine);
  w.uint(facts.now);
  w.int(facts.departAt - facts.now);
  const account = facts.account;
  w.byte(STANDINGS.indexOf(account.standing) | (SETTERS.indexOf(account.standingBy) << 4));
  w.uint(account.standingSince);
  w.optional(account.trialEndsAt);
  w.optional(account.credits);
  w.uint(account.storageUsed);
  w.optional(account.storageLimit);
  w.optional(account.storageFreesAt);
  w.byte(facts.identityState === null ? 255 : IDENTITY_STATES.indexOf(facts.identityState));
  w.text(facts.identityHandle ?? '');
  w.optional(facts.identityCap);
  w.uint(facts.contentSize);
  w.optional(facts.doNotContactSince);
  w.uint(facts.suppressions.length);
  for (const suppression of facts.suppressions) {
    w.text(suppression.id);
    w.byte(SUPPRESSION_REASONS.indexOf(suppression.reason) | (suppression.domain ? 128 : 0));
    w.uint(suppression.since);
    w.optional(suppression.expiresAt);
  }
  w.optional(facts.lastSentAt);
  w.byte(facts.duplicate === null ? 0 : 1);
  if (facts.duplicate !== null) {
    w.text(facts.duplicate.messageId);
    w.uint(facts.duplicate.at);
    w.uint(facts.duplicate.until);
  }
  w.text(facts.undeliverable ?? '');
  w.text(facts.simulated ?? '');
  w.uint(facts.limits.length);
  for (const limit of facts.limits) {
    w.uint(limit.used);
    w.optional(limit.resetsAt);
    w.optional(limit.freeAt);
    w.uint(limit.units);
  }
  w.optional(facts.place);
  packContact(w, facts.contact);
  packLease(w, facts.lease);
  packBudget(w, facts.budget);
  packWarmup(w, facts.warmup);
  packRiskFacts(w, facts.risk);
  packQuarantine(w, facts.quarantine);
  packApproval(w, facts.approval);
  packContent(w, facts.content);
  packTemplate(w, facts.template);
  packPool(w, facts.pool);
  packSender(w, facts.sender);
  return w.part();
}

/** Reads packed facts; throws on a layout this engine does not know (a fault: rows outlived their readers). */
export function unpackFacts(bytes: Uint8Array): Facts {
  const r = new PackReader(bytes);
  const layout = r.byte();
  if (layout !== LAYOUT) throw new Error(`facts are packed in layout ${layout}, this engine reads ${LAYOUT}`);
  const engine = r.uint();
  const now = r.uint();
  const departAt = now + r.int();
  const standing = r.byte();
  const account: AccountFacts = {
    standing: STANDINGS[standing & 15]!,
    standingBy: SETTERS[standing >> 4]!,
    standingSince: r.uint(),
    trialEndsAt: r.optional(),
    credits: r.optional(),
    storageUsed: r.uint(),
    storageLimit: r.optional(),
    storageFreesAt: r.optional(),
  };
  const identity = r.byte();
  const identityHandle = r.text() || null;
  const identityCap = r.optional();
  const contentSize = r.uint();
  const doNotContactSince = r.optional();
  const suppressions: SuppressionFact[] = [];
  for (let n = r.uint(); n > 0; n -= 1) {
    const id = r.text();
    const kind = r.byte();
    suppressions.push({
      id,
      reason: SUPPRESSION_REASONS[kind & 127]!,
      domain: (kind & 128) !== 0,
      since: r.uint(),
      expiresAt: r.optional(),
    });
  }
  const lastSentAt = r.optional();
  const duplicate = r.byte() === 1 ? { messageId: r.text(), at: r.uint(), until: r.uint() } : null;
  const undeliverable = r.text() || null;
  const simulated = r.text() || null;
  const limits: LimitFact[] = [];
  for (let n = r.uint(); n > 0; n -= 1) {
    limits.push({ used: r.uint(), resetsAt: r.optional(), freeAt: r.optional(), units: r.uint() });
  }
  return {
    engine,
    now,
    departAt,
    account,
    identityState: identity === 255 ? null : IDENTITY_STATES[identity]!,
    identityHandle,
    identityCap,
    contentSize,
    doNotContactSince,
    suppressions,
    lastSentAt,
    duplicate,
    undeliverable,
    simulated,
    limits,
    place: r.optional(),
    contact: unpackContact(r),
    lease: unpackLease(r),
    budget: unpackBudget(r),
    warmup: unpackWarmup(r),
    risk: unpackRiskFacts(r),
    quarantine: unpackQuarantine(r),
    approval: unpackApproval(r),
    content: unpackContent(r),
    template: unpackTemplate(r),
    pool: unpackPool(r),
    sender: unpackSender(r),
  };
}
