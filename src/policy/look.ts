/** `look`: takes from the ledger every number that the rules need for one recipient, and nothing else. */
import { channelOf } from '../core/channel.ts';
import type { AccountFacts } from './account.ts';
import type { Policy } from './document.ts';
import type { Facts } from './facts.ts';
import { type ApprovalAsked, lookAtApproval } from './facts-approval.ts';
import { lookBudget } from './facts-budget.ts';
import { type ContactFacts, lookContact } from './facts-contact.ts';
import { lookLease, lookLeaseAtDeparture } from './facts-lease.ts';
import { probationIn, quarantineFacts } from './facts-quarantine.ts';
import { lookRisk } from './facts-risk.ts';
import { lookSender } from './facts-sender.ts';
import { lookWarmup } from './facts-warmup.ts';
import type { ContactState } from './ledger.ts';
import type { LedgerView } from './ledger-view.ts';
import { lookAtCounters } from './look-limits.ts';
import { lookAtPool } from './look-pool.ts';
import type { CountersInput } from './place.ts';
import { adapted } from './probation.ts';
import { departureAskedFor } from './send.ts';

/** Version of the rules as code: with facts and policy it determines a verdict. Raise it when any rule changes. */
export const ENGINE = 4;

export type LookInput = CountersInput & {
  view: LedgerView;
  policy: Policy;
  duplicate: Facts['duplicate'];
  /** The approval it may need; absent where none can be asked for. */
  approval?: ApprovalAsked | null;
  /** Whether it is the first of its message that counts; true unless said. */
  isFirst?: boolean;
};

export function look(input: LookInput): Facts {
  const { view, send, recipient, now } = input;
  const hasIdentity = send.scopes.identity !== null;
  const identityCap = hasIdentity ? view.identityCap : null;
  const departAt = departureAskedFor(send, now);
  const contact = view.contact(recipient.key);
  const quarantine = quarantineFacts(view.quarantine, now);
  const warmup = lookWarmup(view, input.policy, send, recipient, departAt);
  const policy = adapted(input.policy, { identityCap, warmup, probation: probationIn(quarantine) });
  const counters = lookAtCounters(input, policy);
  const { pool, place } = lookAtPool(input, identityCap, policy, counters);
  return {
    engine: ENGINE,
    now,
    departAt,
    account: accountFacts(view, send.contentSize),
    identityState: hasIdentity ? view.identityState : null,
    identityHandle: hasIdentity ? view.identityHandle : null,
    identityCap,
    contentSize: send.contentSize,
    doNotContactSince: contact.doNotContact?.since ?? null,
    suppressions: activeSuppressions(contact, view.domain(recipient.domain), departAt),
    lastSentAt: counters.lastSentAt,
    duplicate: input.duplicate,
    undeliverable: recipient.undeliverable,
    simulated: recipient.simulated,
    limits: counters.limits,
    place: pool === null ? counters.place : place,
    contact: lookContact(view, policy, recipient, contact, departAt),
    lease: lookLease(view, send, recipient, now, departAt),
    budget: lookBudget(view, policy, send, departAt),
    warmup,
    risk: lookRisk(view, policy, send, recipient, contact, input.isFirst ?? true, now),
    quarantine,
    approval: lookAtApproval(input.approval, contact),
    content: send.findings ?? null,
    template: send.templateFacts ?? null,
    pool,
    sender: lookSender(view.senders, policy, send, departAt, false, channelOf(recipient.domain)),
  };
}

/** The account, and where this message finds no room when there will be some: only then is that looked for. */
function accountFacts(view: LedgerView, contentSize: number): AccountFacts {
  const { account } = view;
  const over = account.storageLimit === null ? 0 : account.storageUsed + contentSize - account.storageLimit;
  return over > 0 ? { ...account, storageFreesAt: view.storageFreesAt?.(over) ?? null } : account;
}

/**
 * The facts of the look at departure. What was counted, paid for or used up at acceptance is not asked for again: limits,
 * cooldown, credits, storage, dedupe keys.
 */
export function lookAtDeparture(
  input: Pick<LookInput, 'view' | 'policy' | 'send' | 'recipient' | 'now' | 'approval'>,
): Facts {
  const { view, policy, send, recipient, now } = input;
  const hasIdentity = send.scopes.identity !== null;
  const contact = view.contact(recipient.key);
  return {
    engine: ENGINE,
    now,
    departAt: now,
    account: { ...view.account, credits: null, storageLimit: null },
    identityState: hasIdentity ? view.identityState : null,
    identityHandle: hasIdentity ? view.identityHandle : null,
    identityCap: null,
    contentSize: 0,
    doNotContactSince: contact.doNotContact?.since ?? null,
    suppressions: activeSuppressions(contact, view.domain(recipient.domain), now),
    lastSentAt: null,
    duplicate: null,
    undeliverable: recipient.undeliverable,
    simulated: recipient.simulated,
    limits: [],
    place: null,
    contact: settled(lookContact(view, policy, recipient, contact, now)),
    lease: lookLeaseAtDeparture(view, send, recipient, now),
    budget: null,
    warmup: null,
    risk: null,
    quarantine: quarantineFacts(view.quarantine, now),
    approval: lookAtApproval(input.approval, contact),
    content: null,
    template: null,
    pool: null,
    sender: lookSender(view.senders, policy, send, now, true, channelOf(recipient.domain)),
  };
}

/** Silence was counted at acceptance, and so were the traits of the address looked at. */
function settled(contact: ContactFacts | null): ContactFacts | null {
  return contact === null ? null : { ...contact, role: null, isDisposable: false, suggestion: null, unanswered: 0 };
}

const NONE: Facts['suppressions'] = [];

/** The suppressions that are in force when the recipient would leave. */
function activeSuppressions(contact: ContactState, domain: ContactState, departAt: number): Facts['suppressions'] {
  if (contact.suppressions.length === 0 && domain.suppressions.length === 0) return NONE;
  return [...contact.suppressions, ...domain.suppressions].filter(
    (suppression) => suppression.expiresAt === null || suppression.expiresAt > departAt,
  );
}
