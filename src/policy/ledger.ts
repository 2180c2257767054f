/**
 * The ledger: the pure state that decisions read and change. One ledger a tenant and mode. It is reached through a view, so
 * that the same code serves the stores (rows and their cache), `check`, simulations and the model the stores are tested against.
 */

import type { Limit, LimitScope, Policy } from './document.ts';
import type { AccountFacts, IdentityState, SuppressionFact } from './facts.ts';
import type { Send, SendRecipient } from './send.ts';
import { addUnits, emptySeries, prune, type Series } from './series.ts';
import { emissionMicros, nextTat, windowSpan } from './windows.ts';

/** Counters of one scope: what departed, by unit, and the state of its `rate` limits. */
export type ScopeState = {
  recipient: Series;
  message: Series;
  /** Theoretical arrival time in microseconds by limit name. */
  tats: Map<string, number>;
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
  scope(kind: LimitScope, id: string): ScopeState;
  contact(key: string): ContactState;
  domain(domain: string): ContactState;
}

export function emptyScope(): ScopeState {
  return { recipient: emptySeries(), message: emptySeries(), tats: new Map() };
}

export function emptyContact(): ContactState {
  return { ...emptyScope(), suppressions: [], doNotContact: null, lastReplyAt: null };
}

/** The states a limit of this recipient and message counts in; null where the message lacks the scope. */
export function stateOf(view: LedgerView, limit: Limit, send: Send, recipient: SendRecipient): ScopeState | null {
  if (limit.scope === 'recipient') return view.contact(recipient.key);
  if (limit.scope === 'recipient_domain') return view.domain(recipient.domain);
  const id = scopeId(limit.scope, send);
  return id === null ? null : view.scope(limit.scope, id);
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
  | { kind: 'units'; state: ScopeState; unit: 'message' | 'recipient'; second: number; units: number; horizon: number }
  | { kind: 'tat'; state: ScopeState; name: string; tat: number };

/** Applies a change: the only way counters move. */
export function applyChange(change: Change, nowSecond: number): void {
  if (change.kind === 'tat') {
    change.state.tats.set(change.name, change.tat);
    return;
  }
  const series = change.state[change.unit];
  addUnits(series, change.second, change.units);
  if (series.at.length > 1) prune(series, nowSecond, change.horizon);
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
  const contact = view.contact(recipient.key);
  const horizons = new Map<Series, Change & { kind: 'units' }>();
  const count = (state: ScopeState, unit: 'message' | 'recipient', horizon: number): void => {
    const known = horizons.get(state[unit]);
    if (known !== undefined) {
      known.horizon = Math.max(known.horizon, horizon);
      return;
    }
    const change: Change & { kind: 'units' } = { kind: 'units', state, unit, second, units: 1, horizon };
    horizons.set(state[unit], change);
    changes.push(change);
  };
  count(contact, 'recipient', policy.cooldownSeconds);
  for (const limits of [policy.messageLimits, policy.recipientLimits]) {
    for (const limit of limits) {
      const state = stateOf(view, limit, send, recipient);
      if (state === null) continue;
      if (limit.unit === 'message' && counted.has(state)) continue;
      if (limit.window.kind === 'rate') {
        if (departAt <= now) changes.push(rateChange(limit, limit.window.perSeconds, state, now));
      } else count(state, limit.unit, windowSpan(limit.window));
    }
  }
  for (const change of changes) if (change.kind === 'units' && change.unit === 'message') counted.add(change.state);
  return changes;
}

function rateChange(limit: Limit, perSeconds: number, state: ScopeState, now: number): Change {
  const interval = emissionMicros(perSeconds, limit.max);
  return { kind: 'tat', state, name: limit.name, tat: nextTat(state.tats.get(limit.name) ?? 0, interval, 1, now) };
}

/** The changes by which a recipient that will not depart gives its places back. `message`: nothing of its message departs. */
export function giveBack(
  view: LedgerView,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  departAt: number,
  message: boolean,
): Change[] {
  const second = Math.floor(departAt / 1000);
  const changes: Change[] = [];
  const seen = new Set<Series>();
  const give = (state: ScopeState, unit: 'message' | 'recipient'): void => {
    if (seen.has(state[unit])) return;
    seen.add(state[unit]);
    changes.push({ kind: 'units', state, unit, second, units: -1, horizon: 0 });
  };
  give(view.contact(recipient.key), 'recipient');
  for (const limit of [...policy.messageLimits, ...policy.recipientLimits]) {
    const state = stateOf(view, limit, send, recipient);
    if (state === null || limit.window.kind === 'rate') continue;
    if (limit.unit === 'recipient' || message) give(state, limit.unit);
  }
  return changes;
}
