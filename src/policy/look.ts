/** `look`: takes from the ledger every number that the rules need for one recipient, and nothing else. */
import { type Limit, type Policy, withIdentityCap } from './document.ts';
import type { Facts, LimitFact } from './facts.ts';
import { type ContactState, type LedgerView, type ScopeState, seriesIn, stateOf } from './ledger.ts';
import type { Send, SendRecipient } from './send.ts';
import { countAt, latestUpTo } from './series.ts';
import { earliestPlace, emissionMicros, rateFreeAt, rateResetsAt, rateUsed, resetsAt, usedAt } from './windows.ts';

/** Version of the rules as code: with facts and policy it determines a verdict. Raise it when any rule changes. */
export const ENGINE = 1;

export type LookInput = {
  view: LedgerView;
  policy: Policy;
  send: Send;
  recipient: SendRecipient;
  /** Milliseconds. */
  now: number;
  /** States in which the message counts already. */
  counted: ReadonlySet<ScopeState>;
  duplicate: Facts['duplicate'];
};

export function look(input: LookInput): Facts {
  const { view, send, recipient, now } = input;
  const policy = withIdentityCap(input.policy, send.scopes.identity === null ? null : view.identityCap);
  const departAt = send.sendAt !== null && send.sendAt > now ? send.sendAt : now;
  const contact = view.contact(recipient.key);
  const domain = view.domain(recipient.domain);
  const limits: LimitFact[] = [];
  let full = false;
  for (const group of [policy.messageLimits, policy.recipientLimits]) {
    for (const limit of group) {
      const fact = limitFact(limit, input, contact, departAt);
      if (fact.freeAt !== 0) full = true;
      limits.push(fact);
    }
  }
  const lastSent = latestUpTo(seriesIn(contact, 'recipient'), Math.floor(departAt / 1000));
  return {
    engine: ENGINE,
    now,
    departAt,
    account: view.account,
    identityState: send.scopes.identity === null ? null : view.identityState,
    identityCap: send.scopes.identity === null ? null : view.identityCap,
    contentSize: send.contentSize,
    doNotContactSince: contact.doNotContact?.since ?? null,
    suppressions: activeSuppressions(contact, domain, now),
    lastSentAt: lastSent === null ? null : lastSent * 1000,
    duplicate: input.duplicate,
    undeliverable: recipient.undeliverable,
    simulated: recipient.simulated,
    limits,
    place: full && send.onLimit === 'defer' ? jointPlace(input, policy, departAt) : null,
  };
}

const NONE: Facts['suppressions'] = [];

function activeSuppressions(contact: ContactState, domain: ContactState, now: number): Facts['suppressions'] {
  if (contact.suppressions.length === 0 && domain.suppressions.length === 0) return NONE;
  return [...contact.suppressions, ...domain.suppressions].filter((s) => s.expiresAt === null || s.expiresAt > now);
}

const ABSENT: LimitFact = { used: 0, resetsAt: null, freeAt: 0, units: 0 };

/** Departures up to this second are forgotten by a limit that a reply resets. */
export function sinceReply(limit: Limit, contact: ContactState): number {
  return limit.resetOnReply && contact.lastReplyAt !== null ? Math.floor(contact.lastReplyAt / 1000) : 0;
}

function limitFact(limit: Limit, input: LookInput, contact: ContactState, departAt: number): LimitFact {
  const state = stateOf(input.view, limit.scope, input.send, input.recipient);
  if (state === null) return ABSENT;
  const units = limit.unit === 'message' && input.counted.has(state) ? 0 : 1;
  if (limit.window.kind === 'rate') return rateFact(limit, limit.window.perSeconds, state, units, input.now, departAt);
  const second = Math.floor(departAt / 1000);
  const series = seriesIn(state, limit.unit);
  const since = sinceReply(limit, contact);
  const freeAt = units === 0 ? second : earliestPlace(series, limit.window, limit.max, units, second, since);
  return {
    used: usedAt(series, limit.window, second, since),
    resetsAt: resetsAt(series, limit.window, second, since),
    freeAt: freeAt === second ? 0 : freeAt,
    units,
  };
}

function rateFact(
  limit: Limit,
  perSeconds: number,
  state: ScopeState,
  units: number,
  now: number,
  departAt: number,
): LimitFact {
  const interval = emissionMicros(perSeconds, limit.max);
  const tat = state.tats?.get(limit.name) ?? 0;
  const freeAt = units === 0 || departAt > now ? now : rateFreeAt(tat, interval, limit.burst, units, now);
  return {
    used: rateUsed(tat, interval, limit.burst, now),
    resetsAt: rateResetsAt(tat, interval, now),
    freeAt: freeAt === now ? 0 : freeAt,
    units,
  };
}

/**
 * The earliest millisecond at which every limit has a place at once; null when there is none. `rate` limits are not
 * reserved ahead: only the time at which they would first be free counts. Places in one second take its milliseconds in
 * turn, so that no two share a departure time.
 */
function jointPlace(input: LookInput, policy: Policy, departAt: number): number | null {
  const { view, send, recipient, now } = input;
  const contact = view.contact(recipient.key);
  let second = Math.floor(departAt / 1000);
  for (let moved = true; moved; ) {
    moved = false;
    for (const limit of [...policy.messageLimits, ...policy.recipientLimits]) {
      const state = stateOf(view, limit.scope, send, recipient);
      if (state === null || (limit.unit === 'message' && input.counted.has(state))) continue;
      const place =
        limit.window.kind === 'rate'
          ? ratePlace(limit, limit.window.perSeconds, state, second, Math.max(departAt, now))
          : earliestPlace(seriesIn(state, limit.unit), limit.window, limit.max, 1, second, sinceReply(limit, contact));
      if (place === null) return null;
      if (place > second) {
        second = place;
        moved = true;
      }
    }
  }
  let taken = 0;
  for (const limit of [...policy.messageLimits, ...policy.recipientLimits]) {
    const state = stateOf(view, limit.scope, send, recipient);
    if (state !== null && limit.window.kind !== 'rate')
      taken = Math.max(taken, countAt(seriesIn(state, limit.unit), second));
  }
  return second * 1000 + (taken % 1000);
}

function ratePlace(limit: Limit, perSeconds: number, state: ScopeState, second: number, nowMs: number): number | null {
  const free = rateFreeAt(
    state.tats?.get(limit.name) ?? 0,
    emissionMicros(perSeconds, limit.max),
    limit.burst,
    1,
    Math.max(nowMs, second * 1000),
  );
  if (free === null) return null;
  return free <= nowMs ? second : Math.max(second, Math.ceil(free / 1000));
}
