/**
 * Places given back: what a recipient took from limits and credits and does not use, because it will not depart.
 *
 * A recipient's own units count at its `depart_at`. The unit `message` counts once, at the earliest departure of its
 * recipients (or where a new time moved it: `countedAt`), and is given back only when nothing of the message departs.
 */
import { RECIPIENT_STATES } from '../../core/states.ts';
import type { Policy } from '../../policy/document.ts';
import { type Change, type Counted, giveBack, type ScopeState, stateOf } from '../../policy/ledger.ts';
import { adapted, adaptingIn } from '../../policy/probation.ts';
import type { Send } from '../../policy/send.ts';
import { countingFor } from '../../policy/shadow.ts';
import { storeRoute } from './routes.ts';
import { CREDITS, type Space } from './spaces.ts';
import { factsOf, type MessageRow, type RecipientRow, recipientRows, sendOfRow, sendRecipientOf } from './stored.ts';
import { verdictsOf, withCountedAt } from './verdicts.ts';
import type { WriterState } from './writer-state.ts';

/** Whether an attempt was made that went beyond its claim. */
export function hasLeft(row: RecipientRow): boolean {
  return row.attempts > (RECIPIENT_STATES[row.state] === 'sending' ? 1 : 0);
}

/** Whether something of this recipient has left, or has its place to. What is held takes its places when it is released. */
function departs(row: RecipientRow): boolean {
  const state = RECIPIENT_STATES[row.state]!;
  return (state !== 'blocked' && state !== 'cancelled' && state !== 'expired' && state !== 'held') || hasLeft(row);
}

/** Gives back what a recipient took that ends now and has not left; nothing where it has. To be called before its row is closed. */
export function returnPlaces(state: WriterState, space: Space, row: RecipientRow, message: MessageRow): void {
  if (hasLeft(row)) return;
  const facts = factsOf(row);
  if (facts !== null && facts.account.credits !== null) state.ledger.addGauge(space.tenantEntry(), CREDITS, 1);
  givePlacesBack(state, space, row, message);
}

/** The places in limits alone: what is held keeps its credit. */
export function givePlacesBack(state: WriterState, space: Space, row: RecipientRow, message: MessageRow): void {
  if (hasLeft(row)) return;
  if (row.attempts > 0) state.db.prepare('UPDATE recipient SET attempts = 0 WHERE id = ?').run(row.id);
  if (RECIPIENT_STATES[row.state] === 'held') return;
  const send = sendOfRow(state.db, message);
  applyAll(state, space, returned(state, space, message, send, row));
  storeRoute(state, row, null);
  const rows = recipientRows(state.db, message.id);
  if (rows.every((other) => other.id === row.id || !departs(other))) {
    applyAll(state, space, messageUnits(state, space, message, send, rows, -1));
  }
}

/** Undoes a change of a counter; rates are not counted ahead, so none is undone. */
export function inverse(change: Change): Change[] {
  return change.kind === 'units' ? [{ ...change, units: -change.units }] : [];
}

export function applyAll(state: WriterState, space: Space, changes: readonly Change[]): void {
  for (const change of changes) state.ledger.apply(change, Math.floor(space.lastNow / 1000));
}

/** The policy that a recipient was counted under: another may count elsewhere, and those places are not its own. */
function countedUnder(state: WriterState, space: Space, message: MessageRow, row: RecipientRow): Policy {
  const { later, policyVersion } = verdictsOf(row);
  const isLater = later !== null && later.cause !== 'departure';
  const version = isLater ? later.policyVersion : (policyVersion ?? message.policy);
  const { shadow } = space;
  // Whatever came after a draft was put counts for its limits too.
  const beside = shadow !== null && message.created_at >= shadow.since ? shadow.policy : null;
  const policy = countingFor(state.spaces.policyAt(version), beside);
  const facts = factsOf(row);
  return facts === null ? policy : adapted(policy, adaptingIn(facts));
}

/** A recipient's own places, as changes that give them back. */
export function returned(
  state: WriterState,
  space: Space,
  message: MessageRow,
  send: Send,
  row: RecipientRow,
): Change[] {
  const facts = factsOf(row);
  const policy = countedUnder(state, space, message, row);
  return giveBack(space, policy, send, sendRecipientOf(row, facts), row.depart_at, false);
}

/**
 * The units `message` of a message where they count now, as changes by `units`: once in each scope that the message has, and
 * once for each address or domain, at the earliest departure there.
 */
export function messageUnits(
  state: WriterState,
  space: Space,
  message: MessageRow,
  send: Send,
  rows: readonly RecipientRow[],
  units: 1 | -1,
): Change[] {
  const accepted = rows.filter(tookPlace).sort((a, b) => a.depart_at - b.depart_at);
  const countedAt = rows[0] === undefined ? null : verdictsOf(rows[0]).countedAt;
  const seen = new Set<ScopeState>();
  const changes: Change[] = [];
  for (const row of accepted) {
    const facts = factsOf(row);
    const recipient = sendRecipientOf(row, facts);
    for (const { scope, unit, horizonSeconds } of countedUnder(state, space, message, row).tracks) {
      const counter = unit === 'message' ? stateOf(space, scope, send, recipient) : null;
      if (counter === null || seen.has(counter)) continue;
      seen.add(counter);
      const ofRecipient = scope === 'recipient' || scope === 'recipient_domain';
      const second = Math.floor((ofRecipient ? row.depart_at : (countedAt ?? row.depart_at)) / 1000);
      changes.push({ kind: 'units', state: counter, unit, second, units, horizonSeconds });
    }
  }
  return changes;
}

/** Whether a recipient counts or has counted somewhere: one that was held from the start does once it is released. */
function tookPlace(row: RecipientRow): boolean {
  const { first, later } = verdictsOf(row);
  if (first.verdict === 'block') return false;
  if (first.verdict !== 'hold' || later?.cause === 'departure') return true;
  return later !== null && (later.verdict === 'accept' || later.verdict === 'schedule');
}

/** Whether the unit `message` goes with these recipients: all others have ended unsent, or hold no place. */
export function moveAlone(rows: readonly RecipientRow[], moving: readonly RecipientRow[]): boolean {
  return moving.length > 0 && rows.every((row) => moving.includes(row) || !departs(row));
}

/** Every state in which the message counts: something of it has left, so its unit is taken and stays. */
export function allCounted(space: Space, send: Send, row: RecipientRow): Counted {
  const recipient = sendRecipientOf(row, null);
  const states = space.policy.tracks
    .filter(({ unit }) => unit === 'message')
    .map(({ scope }) => stateOf(space, scope, send, recipient));
  return new Map(states.filter((known) => known !== null).map((known) => [known, Number.NEGATIVE_INFINITY]));
}

/** Remembers where a message's unit counts now. */
export function rememberCounted(state: WriterState, rows: readonly RecipientRow[], at: number): void {
  const first = rows[0]!;
  first.verdict = withCountedAt(first, at);
  state.db.prepare('UPDATE recipient SET verdict = ? WHERE id = ?').run(first.verdict, first.id);
}
