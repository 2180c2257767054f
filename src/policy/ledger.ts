/**
 * The ledger: the pure state that decisions read and change. One ledger a tenant and mode. It is reached through a view, so
 * that the same code serves the stores (rows and their cache), `check`, simulations and the model the stores are tested against.
 */

import type { LimitScope, LimitUnit, Policy } from './document.ts';
import type { AccountFacts, IdentityState, SuppressionFact } from './facts.ts';
import type { Send, SendRecipient } from './send.ts';
import { addUnits, emptySeries, prune, type Series } from './series.ts';
import { emissionMicros, nextTat } from './windows.ts';

/** Counters of one scope: what departed, by unit, and the state of its `rate` limits. Null: nothing counted yet. */
export type ScopeState = {
  recipient: Series | null;
  message: Series | null;
  /** Theoretical arrival time in microseconds by limit name. */
  tats: Map<string, number> | null;
};

/** What a tenant knows of one address, or of one domain. */
export type ContactState = ScopeState & {
  suppressions: SuppressionFact[];
  doNotContact: { since: number; note: string | null } | null;
  lastReplyAt: number | null;
};

export interface LedgerView {
  account: AccountFacts;
  identityState: IdentityState | null;
  identityCap: number | null;
  scope(kind: LimitScope, id: string): ScopeState;
  contact(key: string): ContactState;
  domain(domain: string): ContactState;
}

export function emptyContact(): ContactState {
  return { recipient: null, message: null, tats: null, suppressions: [], doNotContact: null, lastReplyAt: null };
}

/** Never changed: stands for a series in which nothing was counted. */
const NO_SERIES: Series = emptySeries();

export function seriesIn(state: ScopeState, unit: LimitUnit): Series {
  return state[unit] ?? NO_SERIES;
}

/** The state that a scope of this recipient and message counts in; null where the message lacks the scope. */
export function stateOf(view: LedgerView, scope: LimitScope, send: Send, recipient: SendRecipient): ScopeState | null {
  if (scope === 'recipient') return view.contact(recipient.key);
  if (scope === 'recipient_domain') return view.domain(recipient.domain);
  const id = scopeId(scope, send);
  return id === null ? null : view.scope(scope, id);
}

export function scopeId(scope: LimitScope, send: Send): string | null {
  const scopes = send.scopes;
  if (scope === 'tenant') return scopes.tenant;
  if (scope === 'app') return scopes.app;
  if (scope === 'installation') return scopes.installation;
  if (scope === 'identity') return scopes.identity;
  return scope === 'agent' ? scopes.agent : null;
}

/** One change of a counter, as the stores log it. */
export type Change =
  | { kind: 'units'; state: ScopeState; unit: LimitUnit; second: number; units: number; horizonSeconds: number }
  | { kind: 'tat'; state: ScopeState; name: string; tat: number };

/** Applies a change: the only way counters move. */
export function applyChange(change: Change, nowSecond: number): void {
  const { state } = change;
  if (change.kind === 'tat') {
    state.tats ??= new Map();
    state.tats.set(change.name, change.tat);
    return;
  }
  const series = seriesFor(state, change.unit);
  addUnits(series, change.second, change.units);
  // A place given back may have been counted under a policy that looked less far back than the one in force.
  if (change.units > 0 && series.at.length > 1) prune(series, nowSecond, change.horizonSeconds);
}

/** The series to count in, made on first use. */
export function seriesFor(state: ScopeState, unit: LimitUnit): Series {
  const known = state[unit];
  if (known !== null) return known;
  const made = emptySeries();
  state[unit] = made;
  return made;
}

/**
 * The changes by which one accepted recipient counts at its departure. `counted` holds the states in which its message
 * counts already (unit `message`). `rate` limits are counted only at the departure itself.
 */
export function countDeparture(
  view: LedgerView,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  departAt: number,
  now: number,
  counted: Set<ScopeState>,
): Change[] {
  const changes: Change[] = [];
  const second = Math.floor(departAt / 1000);
  for (const { scope, unit, horizonSeconds } of policy.tracks) {
    const state = stateOf(view, scope, send, recipient);
    if (state === null || (unit === 'message' && counted.has(state))) continue;
    changes.push({ kind: 'units', state, unit, second, units: 1, horizonSeconds });
  }
  if (departAt <= now) changes.push(...countRates(view, policy, send, recipient, now, counted));
  for (const change of changes) if (change.kind === 'units' && change.unit === 'message') counted.add(change.state);
  return changes;
}

/** What a departure at `now` takes from the `rate` limits. */
export function countRates(
  view: LedgerView,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  now: number,
  counted: ReadonlySet<ScopeState>,
): Change[] {
  const changes: Change[] = [];
  for (const limit of policy.rates) {
    const state = stateOf(view, limit.scope, send, recipient);
    if (state === null || limit.window.kind !== 'rate' || (limit.unit === 'message' && counted.has(state))) continue;
    const interval = emissionMicros(limit.window.perSeconds, limit.max);
    const tat = nextTat(state.tats?.get(limit.name) ?? 0, interval, 1, now);
    changes.push({ kind: 'tat', state, name: limit.name, tat });
  }
  return changes;
}

/** A recipient that its message was accepted for, with the departure it was counted at. */
export type Placed = {
  recipient: SendRecipient;
  departAt: number;
  /** It has given its places back already. */
  gaveBack: boolean;
};

/**
 * The changes by which one recipient of a message gives its places back. `placed`: all that the message was accepted for, in
 * order; `policy`: the one they were counted under. In the unit `message` a place goes back with the last recipient that
 * shares it, from the second of the first, where it was counted.
 */
export function giveBack(
  view: LedgerView,
  policy: Policy,
  send: Send,
  placed: readonly Placed[],
  leaving: Placed,
): Change[] {
  const changes: Change[] = [];
  for (const { scope, unit, horizonSeconds } of policy.tracks) {
    const state = stateOf(view, scope, send, leaving.recipient);
    if (state === null) continue;
    let counted: Placed = leaving;
    if (unit === 'message') {
      const sharing = placed.filter((one) => stateOf(view, scope, send, one.recipient) === state);
      if (sharing.some((one) => one !== leaving && !one.gaveBack)) continue;
      counted = sharing[0] ?? leaving;
    }
    const second = Math.floor(counted.departAt / 1000);
    changes.push({ kind: 'units', state, unit, second, units: -1, horizonSeconds });
  }
  return changes;
}
