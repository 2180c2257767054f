/**
 * What is known of the person written to, as a section of the facts: consent, marks that people set, traits of the address,
 * silence. Null where nothing of it matters to the decision, which is how it is for most.
 */
import type { PackReader, PackWriter } from '../core/pack.ts';
import type { Policy } from './document.ts';
import { type ContactState, type Mark, seriesIn } from './ledger.ts';
import type { LedgerView } from './ledger-view.ts';
import type { SendRecipient } from './send.ts';
import { countBetween } from './series.ts';

/** `unsubscribed`: refused by the person's own hand. */
export const CONSENT_FACTS = ['none', 'opted_in', 'refused', 'unsubscribed'] as const;
export type ConsentFact = (typeof CONSENT_FACTS)[number];

export type ContactFacts = {
  consent: ConsentFact;
  consentSince: number | null;
  opportunity: Mark | null;
  takenOver: Mark | null;
  /** The role that the local part names, or null. */
  role: string | null;
  isDisposable: boolean;
  /** The address that may have been meant, or null. */
  suggestion: string | null;
  /** Departures since the last sign of life; 0 where the policy does not count silence. */
  unanswered: number;
  lastEngagedAt: number | null;
  /** Whether a reply could be seen. */
  areRepliesVisible: boolean;
};

/** Notes are told in evidence, cut to this. */
const MOST_NOTE = 48;

export function lookContact(
  view: LedgerView,
  policy: Policy,
  recipient: SendRecipient,
  contact: ContactState,
  departAt: number,
): ContactFacts | null {
  const { marks } = contact;
  const traits = recipient.traits ?? null;
  if (marks === null && traits === null && !policy.countsSilence) return null;
  const lastEngagedAt = lastSignOfLife(contact);
  const since = lastEngagedAt === null ? 0 : Math.floor(lastEngagedAt / 1000);
  return {
    ...consentFact(contact),
    opportunity: shortened(marks?.opportunity ?? null),
    takenOver: shortened(marks?.threadTakenOver ?? null),
    role: traits?.role ?? null,
    isDisposable: traits?.isDisposable ?? false,
    suggestion: traits?.suggestion ?? null,
    unanswered: policy.countsSilence
      ? countBetween(seriesIn(contact, 'recipient'), since, Math.floor(departAt / 1000))
      : 0,
    lastEngagedAt,
    areRepliesVisible: view.areRepliesVisible,
  };
}

/** A reply, a sign-up, or that the person opened a message or followed a link. */
function lastSignOfLife({ lastReplyAt, engagedAt, marks }: ContactState): number | null {
  const signedUpAt = marks?.consent?.marketing === 'opted_in' ? marks.consent.since : null;
  const latest = Math.max(lastReplyAt ?? 0, engagedAt ?? 0, signedUpAt ?? 0);
  return latest === 0 ? null : latest;
}

function consentFact({ marks }: ContactState): Pick<ContactFacts, 'consent' | 'consentSince'> {
  const consent = marks?.consent ?? null;
  if (consent === null) return { consent: 'none', consentSince: null };
  const isOwn = consent.marketing === 'refused' && consent.source === 'unsubscribe';
  return { consent: isOwn ? 'unsubscribed' : consent.marketing, consentSince: consent.since };
}

function shortened(mark: Mark | null): Mark | null {
  if (mark === null || mark.note === null || mark.note.length <= MOST_NOTE) return mark;
  return { since: mark.since, note: `${mark.note.slice(0, MOST_NOTE - 1).toWellFormed()}…` };
}

const PRESENT = 1;
const CONSENT_SHIFT = 1;
const OPPORTUNITY = 8;
const TAKEN_OVER = 16;
const DISPOSABLE = 32;
const VISIBLE = 64;

export function packContact(w: PackWriter, facts: ContactFacts | null): void {
  if (facts === null) {
    w.byte(0);
    return;
  }
  w.byte(
    PRESENT |
      (CONSENT_FACTS.indexOf(facts.consent) << CONSENT_SHIFT) |
      (facts.opportunity === null ? 0 : OPPORTUNITY) |
      (facts.takenOver === null ? 0 : TAKEN_OVER) |
      (facts.isDisposable ? DISPOSABLE : 0) |
      (facts.areRepliesVisible ? VISIBLE : 0),
  );
  w.optional(facts.consentSince);
  for (const mark of [facts.opportunity, facts.takenOver]) {
    if (mark === null) continue;
    w.uint(mark.since);
    w.text(mark.note ?? '');
  }
  w.text(facts.role ?? '');
  w.text(facts.suggestion ?? '');
  w.uint(facts.unanswered);
  w.optional(facts.lastEngagedAt);
}

export function unpackContact(r: PackReader): ContactFacts | null {
  const flags = r.byte();
  if (flags === 0) return null;
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const mark = (): Mark => ({ since: r.uint(), note: r.text() || null });
  return {
    consent: CONSENT_FACTS[(flags >> CONSENT_SHIFT) & 3]!,
    consentSince: r.optional(),
    opportunity: has(OPPORTUNITY) ? mark() : null,
    takenOver: has(TAKEN_OVER) ? mark() : null,
    role: r.text() || null,
    isDisposable: has(DISPOSABLE),
    suggestion: r.text() || null,
    unanswered: r.uint(),
    lastEngagedAt: r.optional(),
    areRepliesVisible: has(VISIBLE),
  };
}
