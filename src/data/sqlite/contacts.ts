/** Contacts: what is known of an address, the marks people set on it, and the suppressions they add and lift. */
import { latestUpTo } from '../../policy/series.ts';
import type { ContactChange, ContactMarks, ContactRow, ContactsWrites, Mark } from '../port/contacts.ts';
import type { Actor, Refused } from '../port/management.ts';
import type { Space as SpaceName } from '../store.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { domainKey } from './held-entries.ts';
import type { Entry } from './ledger-entry.ts';
import { refuseLoosening } from './policies.ts';
import { suppressionOf } from './rows.ts';
import { type Space, spaceOf } from './spaces.ts';
import { addSuppression, removeSuppression } from './suppressions.ts';
import type { WriterState } from './writer-state.ts';

const NO_MARKS: ContactMarks = { opportunity: null, threadTakenOver: null, consent: null };

/** A contact as an entry of the ledger has it at a time; `ofDomain`: what is suppressed with its domain. */
export function contactOf(entry: Entry, ofDomain: ContactRow['suppressions'], now: number): ContactRow {
  const second = Math.floor(now / 1000);
  const lastSent = entry.recipient === null ? null : latestUpTo(entry.recipient, second);
  const inForce = [...entry.suppressions, ...ofDomain].filter((s) => s.expiresAt === null || s.expiresAt > now);
  return {
    key: entry.key,
    doNotContact: entry.doNotContact,
    suppressions: inForce,
    firstSentAt: entry.firstAt === null || entry.firstAt > second ? null : entry.firstAt * 1000,
    lastSentAt: lastSent === null ? null : lastSent * 1000,
    lastReplyAt: entry.lastReplyAt,
    engagedAt: entry.engagedAt,
    ...(entry.marks ?? NO_MARKS),
  };
}

function look(state: WriterState, space: Space, address: { key: string; domain: string }): ContactRow {
  const entry = space.contact(address.key) as Entry;
  const { suppressions } = state.ledger.entry(space.no, domainKey(address.domain));
  return contactOf(entry, suppressions, space.now(state.realNow));
}

const MARKS = ['doNotContact', 'opportunity', 'threadTakenOver'] as const;
const SHOWN = { doNotContact: 'do_not_contact', opportunity: 'opportunity', threadTakenOver: 'thread_taken_over' };

/** Marks that a change would take off. */
function clearedMarks(before: ContactRow, change: ContactChange): string[] {
  return MARKS.filter((mark) => change[mark] === null && before[mark] !== null).map((mark) => `contact.${SHOWN[mark]}`);
}

/** A mark set again keeps the time since when it stands. */
function marked(before: Mark | null, change: { note: string | null } | null | undefined, now: number): Mark | null {
  if (change === undefined || change === null) return change === undefined ? before : null;
  return { since: before?.since ?? now, note: change.note ?? before?.note ?? null };
}

function applyMarks(entry: Entry, change: ContactChange, now: number): void {
  const before = entry.marks ?? NO_MARKS;
  entry.doNotContact = marked(entry.doNotContact, change.doNotContact, now);
  const marks: ContactMarks = {
    opportunity: marked(before.opportunity, change.opportunity, now),
    threadTakenOver: marked(before.threadTakenOver, change.threadTakenOver, now),
    consent: change.consent === undefined ? before.consent : consentAt(before, change.consent, now),
  };
  const isEmpty = marks.opportunity === null && marks.threadTakenOver === null && marks.consent === null;
  entry.marks = isEmpty ? null : marks;
}

function consentAt(before: ContactMarks, marketing: (ContactChange['consent'] & string) | null, now: number) {
  if (marketing === null) return null;
  const stands = before.consent?.marketing === marketing;
  return stands ? before.consent : { marketing, since: now, source: 'recorded' as const };
}

function marksOf({ doNotContact, opportunity, threadTakenOver, consent }: ContactRow): object {
  return { do_not_contact: doNotContact, opportunity, thread_taken_over: threadTakenOver, consent };
}

const OPERATORS_ALONE: readonly string[] = ['complaint', 'legal_request'];

/** Whether a suppression may be lifted by this actor. Null: it may. */
function refuseLifting(reason: string, note: string | null, actor: Actor): Refused | null {
  const loosens = [`suppression.${reason}`];
  if (OPERATORS_ALONE.includes(reason) && !actor.mayOperate) {
    return { outcome: 'human_decision_required', needs: 'operate', loosens };
  }
  return refuseLoosening(loosens, note, actor);
}

const where = ({ tenantNo, mode }: SpaceName): SpaceName => ({ tenantNo, mode });

export const CONTACT_WRITES: WriteCalls<ContactsWrites> = {
  contact(state, { tenantNo, mode, ...address }) {
    return look(state, state.spaces.get(spaceOf(tenantNo, mode)), address);
  },

  changeContact(state, { tenantNo, mode, key, domain, change, note, actor }) {
    const space = state.spaces.get(spaceOf(tenantNo, mode));
    const before = look(state, space, { key, domain });
    const refused = refuseLoosening(clearedMarks(before, change), note, actor);
    if (refused !== null) return refused;
    const entry = state.ledger.entry(space.no, key);
    applyMarks(entry, change, space.now(state.realNow));
    state.ledger.contactChanged(entry);
    const contact = look(state, space, { key, domain });
    audit(state, {
      tenantNo,
      mode,
      ...by(actor),
      action: 'contact.changed',
      target: key,
      note,
      before: marksOf(before),
      after: marksOf(contact),
    });
    return { outcome: 'changed', contact };
  },

  settleContacts(state, { tenantNo, mode }) {
    state.ledger.flushSpace(spaceOf(tenantNo, mode));
    return null;
  },

  suppress(state, { tenantNo, mode, suppression, actor }) {
    const space = state.spaces.get(spaceOf(tenantNo, mode));
    const count = state.db.prepare(
      'SELECT count(*) AS n FROM suppression WHERE space = ? AND key = ? AND kind = ? AND reason = ?',
    );
    const { key, kind, reason } = suppression;
    const created = (count.get(space.no, key, kind, reason) as { n: number }).n === 0;
    const row = addSuppression(state, space, { ...suppression, source: 'api', message: null });
    const about = { target: row.id, note: suppression.note, after: { [kind]: key, reason, expires_at: row.expiresAt } };
    audit(state, { tenantNo, mode, ...by(actor), action: 'suppression.added', ...about });
    return { created, suppression: row };
  },

  liftSuppression(state, { id, note, actor, ...name }) {
    const { tenantNo, mode } = where(name);
    const space = state.spaces.get(spaceOf(tenantNo, mode));
    const found = state.db.prepare('SELECT * FROM suppression WHERE space = ? AND id = ?').get(space.no, id);
    if (found === undefined) return { outcome: 'missing' };
    const refused = refuseLifting(suppressionOf(found).reason, note, actor);
    if (refused !== null) return refused;
    const suppression = removeSuppression(state, space, id)!;
    const { kind, key, reason } = suppression;
    const about = { target: id, note, before: { [kind]: key, reason } };
    audit(state, { tenantNo, mode, ...by(actor), action: 'suppression.removed', ...about });
    return { outcome: 'lifted', suppression };
  },
};
