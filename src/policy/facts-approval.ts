/**
 * What a decision knows of the approval that a message may need: whose setting asks for one, and whether a person has given it for
 * exactly this message. Absent where neither an approval nor a review of the content can be asked for.
 */
import type { PackReader, PackWriter } from '../core/pack.ts';
import type { ContactState } from './ledger.ts';
import { latestUpTo } from './series.ts';

/** From lenient to strict: which messages wait for a person. */
export const APPROVAL_MODES = ['none', 'first_contact', 'all'] as const;
export type ApprovalMode = (typeof APPROVAL_MODES)[number];

/** Whose setting is the strictest; `change`: the message is not the one that was approved. */
export const APPROVAL_SOURCES = ['policy', 'identity', 'agent', 'change'] as const;
export type ApprovalSource = (typeof APPROVAL_SOURCES)[number];

/** The approval as it is asked for one message. */
export type ApprovalAsked = {
  mode: ApprovalMode;
  by: ApprovalSource;
  /** The approval to decide; empty where nothing is stored. */
  id: string;
  /** Milliseconds: without a decision the message is rejected then. */
  deadline: number;
  isGranted: boolean;
};

export type ApprovalFacts = (ApprovalAsked & { isFirstContact: boolean }) | null;

/** The strictest of what policy, identity and agent ask for; of equal ones the first. */
export function strictestApproval(
  policy: ApprovalMode,
  identity: ApprovalMode,
  agent: ApprovalMode,
): { mode: ApprovalMode; by: ApprovalSource } {
  let found: { mode: ApprovalMode; by: ApprovalSource } = { mode: policy, by: 'policy' };
  if (APPROVAL_MODES.indexOf(identity) > APPROVAL_MODES.indexOf(found.mode)) found = { mode: identity, by: 'identity' };
  if (APPROVAL_MODES.indexOf(agent) > APPROVAL_MODES.indexOf(found.mode)) found = { mode: agent, by: 'agent' };
  return found;
}

export function lookAtApproval(asked: ApprovalAsked | null | undefined, contact: ContactState): ApprovalFacts {
  if (asked === null || asked === undefined) return null;
  return { ...asked, isFirstContact: isFirstContact(contact) };
}

/** Nothing has been sent to the contact, nor stands in line for it, and nothing came back. */
function isFirstContact({ recipient, lastReplyAt }: ContactState): boolean {
  return lastReplyAt === null && (recipient === null || latestUpTo(recipient, Number.MAX_SAFE_INTEGER) === null);
}

export function packApproval(w: PackWriter, facts: ApprovalFacts): void {
  if (facts === null) {
    w.byte(0);
    return;
  }
  const mode = APPROVAL_MODES.indexOf(facts.mode) << 1;
  const by = APPROVAL_SOURCES.indexOf(facts.by) << 3;
  w.byte(1 | mode | by | (facts.isGranted ? 32 : 0) | (facts.isFirstContact ? 64 : 0));
  w.text(facts.id);
  w.uint(facts.deadline);
}

export function unpackApproval(r: PackReader): ApprovalFacts {
  const bits = r.byte();
  if (bits === 0) return null;
  return {
    mode: APPROVAL_MODES[(bits >> 1) & 3]!,
    by: APPROVAL_SOURCES[(bits >> 3) & 3]!,
    isGranted: (bits & 32) !== 0,
    isFirstContact: (bits & 64) !== 0,
    id: r.text(),
    deadline: r.uint(),
  };
}
