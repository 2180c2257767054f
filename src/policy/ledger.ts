/**
 * The ledger: the pure state that decisions read and change. One ledger a tenant and mode. It is reached through a view, so
 * that the same code serves the stores (rows and their cache), `check`, simulations and the model the stores are tested against.
 */

import { channelOf } from '../core/channel.ts';
import type { CounterScope, LimitScope, LimitUnit, Policy } from './document.ts';
import { familyOf } from './families.ts';
import type { RecipientRoute, Send, SendRecipient } from './send.ts';
import { addUnits, DAY_SECONDS, emptySeries, prune, type Series } from './series.ts';
import type { SuppressionFact } from './suppression.ts';
import { emissionMicros, nextTat } from './windows.ts';

/** Counters of one scope: what departed, by unit, and the state of its `rate` limits. Null: nothing counted yet. */
export type ScopeState = {
  recipient: Series | null;
  message: Series | null;
  /** Theoretical arrival time in microseconds by limit name. */
  tats: Map<string, number> | null;
  /** The second of the first departure, or null before it. */
  firstAt: number | null;
};

/** A mark that somebody set on a contact. */
export type Mark = { since: number; note: string | null };

/** What a person said about marketing, and whether by the link in a message. */
export type Consent = { marketing: 'opted_in' | 'refused'; since: number; source: 'recorded' | 'unsubscribe' };

/** What people and CRMs say of a contact, beside do-not-contact. */
export type ContactMarks = {
  opportunity: Mark | null;
  threadTakenOver: Mark | null;
  consent: Consent | null;
};

/** What a tenant knows of one address, or of one domain. */
export type ContactState = ScopeState & {
  suppressions: SuppressionFact[];
  doNotContact: Mark | null;
  lastReplyAt: number | null;
  /** When the person last opened a message or followed a link in one, as far as it was surely the person. */
  engagedAt: number | null;
  /** Null: nobody has said anything. */
  marks: ContactMarks | null;
};

/** An agent's exclusive hold on a contact. */
export type LeaseState = {
  id: string;
  agent: string;
  /** A later holder's is another one. */
  token: string;
  /** Milliseconds; sooner than agreed where the agent's heartbeat is due before. */
  expiresAt: number;
};

/** Bad signs that are counted: hard bounces, complaints, and `any` of them or of unsubscribes. */
const SIGNALS = ['any', 'bounce', 'complaint'] as const;
export type Signal = (typeof SIGNALS)[number];

/** Where counters are found: the part of a ledger that counts. */
export interface Counters {
  scope(kind: CounterScope, id: string): ScopeState;
  contact(key: string): ContactState;
  domain(domain: string): ContactState;
}

export function emptyContact(): ContactState {
  return {
    recipient: null,
    message: null,
    tats: null,
    firstAt: null,
    suppressions: [],
    doNotContact: null,
    lastReplyAt: null,
    engagedAt: null,
    marks: null,
  };
}

/** Never changed: stands for a series in which nothing was counted. */
const NO_SERIES: Series = emptySeries();

export function seriesIn(state: ScopeState, unit: LimitUnit): Series {
  return state[unit] ?? NO_SERIES;
}

/** The state that a scope of this recipient and message counts in; null where the message lacks the scope. */
export function stateOf(view: Counters, scope: CounterScope, send: Send, recipient: SendRecipient): ScopeState | null {
  if (scope === 'recipient') return view.contact(recipient.key);
  if (scope === 'recipient_domain') return view.domain(recipient.domain);
  // A space stands in no slug; what was made from no template counts together.
  if (scope === 'recipient_template') return view.scope(scope, `${send.template ?? ''} ${recipient.key}`);
  const id = scopeId(scope, send);
  if (id === null) return null;
  return view.scope(scope, channelOf(recipient.domain) === 'sms' ? textScope(id) : id);
}

const TEXTS = ' sms';

/** Text messages count apart from mail, in every scope of a message. */
function textScope(id: string): string {
  return id + TEXTS;
}

export function isTextScope(id: string): boolean {
  return id.endsWith(TEXTS);
}

/** The state that a way counts in: of its provider, or of its mailbox; an implied mailbox is each sender's own. */
export function routeState(
  view: Counters,
  scope: LimitScope,
  { provider, mailbox }: RecipientRoute,
  send: Send,
): ScopeState | null {
  if (scope === 'provider') return view.scope(scope, String(provider));
  if (scope !== 'mailbox') return null;
  return view.scope(scope, mailbox === null ? `implied ${send.scopes.identity ?? ''}` : String(mailbox));
}

export function scopeId(scope: LimitScope, send: Send): string | null {
  const scopes = send.scopes;
  if (scope === 'tenant') return scopes.tenant;
  if (scope === 'app') return scopes.app;
  if (scope === 'installation') return scopes.installation;
  if (scope === 'identity') return scopes.identity;
  return scope === 'agent' ? scopes.agent : null;
}

/** The second at which a message counts, by the state it counts in (unit `message`): its first departure there. */
export type Counted = Map<ScopeState, number>;

/** Whether the message counts in `state` at `second` or before. */
export function isCounted(counted: ReadonlyMap<ScopeState, number>, state: ScopeState, second: number): boolean {
  const at = counted.get(state);
  return at !== undefined && at <= second;
}

/** One change of a counter, as the stores log it. */
export type Change =
  | { kind: 'units'; state: ScopeState; unit: LimitUnit; second: number; units: number; horizonSeconds: number }
  | { kind: 'tat'; state: ScopeState; name: string; tat: number };

/** Whether it gives back where nothing is counted any more: what is known of a person who was erased is gone, and stays gone. */
export function changesNothing(change: Change): boolean {
  return change.kind === 'units' && change.units < 0 && (change.state[change.unit]?.at.length ?? 0) === 0;
}

/** Applies a change: the only way counters move. */
export function applyChange(change: Change, nowSecond: number): void {
  const { state } = change;
  if (changesNothing(change)) return;
  if (change.kind === 'tat') {
    state.tats ??= new Map();
    state.tats.set(change.name, change.tat);
    return;
  }
  let series = state[change.unit];
  if (series === null) {
    series = emptySeries();
    state[change.unit] = series;
  }
  addUnits(series, change.second, change.units);
  if (change.units > 0) state.firstAt = state.firstAt === null ? change.second : Math.min(state.firstAt, change.second);
  // A first departure that was given back never was.
  else if (series.at.length === 0 && state.firstAt === change.second) state.firstAt = null;
  // A place given back may have been counted under a policy that looked less far back than the one in force.
  if (change.units > 0 && series.at.length > 1) prune(series, nowSecond, change.horizonSeconds);
}

/**
 * The changes by which one accepted recipient counts at its departure, under the policy with its identity's cap. A message counts at its first departure: where
 * `counted` says that it counts at a later one, its unit moves. `rate` limits are counted only at the departure itself.
 */
export function countDeparture(
  view: Counters,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  departAt: number,
  now: number,
  counted: Counted,
): Change[] {
  const second = Math.floor(departAt / 1000);
  const changes: Change[] = departAt <= now ? countRates(view, policy, send, recipient, now, counted) : [];
  for (const { scope, unit, horizonSeconds } of policy.tracks) {
    const state = stateOf(view, scope, send, recipient);
    if (state === null) continue;
    if (unit === 'message') {
      const later = counted.get(state);
      if (later !== undefined && later <= second) continue;
      if (later !== undefined) changes.push({ kind: 'units', state, unit, second: later, units: -1, horizonSeconds });
      counted.set(state, second);
    }
    changes.push({ kind: 'units', state, unit, second, units: 1, horizonSeconds });
  }
  if (recipient.route != null) changes.push(...countRoute(view, policy, send, recipient, departAt, 1));
  if (recipient.isPaced === true) changes.push(...countPace(view, send, departAt, 1));
  return changes;
}

/**
 * The changes by which a recipient counts on its way, or no longer does: with the provider, with the mailbox, and with the mailbox
 * towards its family of destinations. Whatever limits there are, so that one set later meets the same history.
 */
export function countRoute(
  view: Counters,
  policy: Pick<Policy, 'routedSeconds'>,
  send: Send,
  recipient: SendRecipient,
  departAt: number,
  units: 1 | -1,
): Change[] {
  const { route } = recipient;
  if (route == null) return [];
  const second = Math.floor((route.at ?? departAt) / 1000);
  const states = [routeState(view, 'provider', route, send), routeState(view, 'mailbox', route, send)];
  if (route.mailbox !== null)
    states.push(view.scope('mailbox', familyScope(route.mailbox, familyOf(recipient.domain))));
  const horizonSeconds = policy.routedSeconds;
  return states.flatMap((state): Change[] =>
    state === null ? [] : [{ kind: 'units', state, unit: 'recipient', second, units, horizonSeconds }],
  );
}

/** A first contact counts in its identity's gaps. */
function countPace(view: Counters, send: Send, departAt: number, units: 1 | -1): Change[] {
  const { identity } = send.scopes;
  if (identity === null) return [];
  const state = view.scope('identity', dripScope(identity));
  const second = Math.floor(departAt / 1000);
  return [{ kind: 'units', state, unit: 'recipient', second, units, horizonSeconds: DAY_SECONDS }];
}

/** The scope that first contacts of an identity count in. */
export function dripScope(identity: string): string {
  return `${identity} drip`;
}

/** What a mailbox sends to one family counts by itself. */
export function familyScope(mailbox: number, family: string): string {
  return `${mailbox} ${family}`;
}

/** What a departure at `now` takes from the `rate` limits. */
export function countRates(
  view: Counters,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  now: number,
  counted: ReadonlyMap<ScopeState, number>,
): Change[] {
  const changes: Change[] = [];
  const second = Math.floor(now / 1000);
  for (const limit of policy.rates) {
    const state = stateOf(view, limit.scope, send, recipient);
    if (state === null || limit.window.kind !== 'rate') continue;
    if (limit.unit === 'message' && isCounted(counted, state, second)) continue;
    const interval = emissionMicros(limit.window.perSeconds, limit.max);
    const tat = nextTat(state.tats?.get(limit.name) ?? 0, interval, 1, now);
    changes.push({ kind: 'tat', state, name: limit.name, tat });
  }
  return changes;
}

/** The changes by which a recipient that will not depart gives its places back. `message`: nothing of its message departs. */
export function giveBack(
  view: Counters,
  policy: Policy,
  send: Send,
  recipient: SendRecipient,
  departAt: number,
  message: boolean,
): Change[] {
  const second = Math.floor(departAt / 1000);
  const changes: Change[] = [];
  for (const { scope, unit, horizonSeconds } of policy.tracks) {
    const state = stateOf(view, scope, send, recipient);
    if (state === null || (unit === 'message' && !message)) continue;
    changes.push({ kind: 'units', state, unit, second, units: -1, horizonSeconds });
  }
  if (recipient.route != null) changes.push(...countRoute(view, policy, send, recipient, departAt, -1));
  if (recipient.isPaced === true) changes.push(...countPace(view, send, departAt, -1));
  return changes;
}

/** The changes by which a bad sign counts; `stateOfSignal` gives the series of a kind, made where it is not there. */
export function countSignal(
  stateOfSignal: (signal: Signal) => ScopeState,
  policy: Policy,
  kind: 'bounce' | 'complaint' | 'unsubscribe',
  at: number,
): Change[] {
  const { horizonSeconds } = policy.budgets;
  const second = Math.floor(at / 1000);
  const signals: Signal[] = kind === 'unsubscribe' ? ['any'] : ['any', kind];
  return signals.map((signal) => ({
    kind: 'units',
    state: stateOfSignal(signal),
    unit: 'recipient',
    second,
    units: 1,
    horizonSeconds,
  }));
}
