/** The look at limits: what each of them holds when a recipient would leave, and where it would fit. */
import type { Limit, LimitScope, Policy } from './document.ts';
import type { Facts, LimitFact } from './facts.ts';
import { type ContactState, isCounted, type ScopeState, seriesIn, stateOf } from './ledger.ts';
import { type CountersInput, cooling, freeSecond, jointPlace, lastUnanswered, sinceReply } from './place.ts';
import { departureAskedFor } from './send.ts';
import { isLast } from './series.ts';
import { emissionMicros, rateFreeAt, rateResetsAt, rateUsed, resetsAt, usedAt } from './windows.ts';

const ABSENT: LimitFact = { used: 0, resetsAt: null, freeAt: 0, units: 0 };

/** The facts that follow from counters, under a policy with its identity's cap. */
export function lookAtCounters(input: CountersInput, policy: Policy): Pick<Facts, 'lastSentAt' | 'limits' | 'place'> {
  const { view, send, recipient, now } = input;
  const departAt = departureAskedFor(send, now);
  const contact = view.contact(recipient.key);
  const limits: LimitFact[] = [];
  let isFull = false;
  let scope: LimitScope | null = null;
  let state: ScopeState | null = null;
  for (const limit of policy.messageLimits) {
    // Limits of one scope mostly stand together.
    if (limit.scope !== scope) state = stateOf(view, limit.scope, send, recipient);
    scope = limit.scope;
    const fact = limitFact(limit, state, input, contact, departAt);
    if (fact.freeAt !== 0) isFull = true;
    limits.push(fact);
  }
  for (const limit of policy.recipientLimits) {
    const counter = limit.scope === 'recipient' ? contact : view.domain(recipient.domain);
    const fact = limitFact(limit, counter, input, contact, departAt);
    if (fact.freeAt !== 0) isFull = true;
    limits.push(fact);
  }
  return {
    lastSentAt: lastUnanswered(cooling(input, policy, contact), contact, Math.floor(departAt / 1000)),
    limits,
    place: isFull && send.onLimit === 'defer' ? jointPlace(input, policy, departAt) : null,
  };
}

function limitFact(
  limit: Limit,
  state: ScopeState | null,
  input: CountersInput,
  contact: ContactState,
  departAt: number,
): LimitFact {
  if (state === null) return ABSENT;
  const { window } = limit;
  const second = Math.floor(departAt / 1000);
  const units = limit.unit === 'message' && isCounted(input.counted, state, second) ? 0 : 1;
  if (window.kind === 'rate') return rateFact(limit, window.perSeconds, state, units, input.now, departAt);
  const series = seriesIn(state, limit.unit);
  const since = sinceReply(limit, contact);
  const used = usedAt(series, window, second, since);
  // What later departures hold matters to a rolling window alone, and only where there are some.
  const isFree = used + units <= limit.max && (window.kind === 'calendar' || isLast(series, second));
  const freeAt = units === 0 || isFree ? second : freeSecond(limit, state, input.counted, second, since);
  return {
    used,
    resetsAt: resetsAt(series, window, second, since, used),
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
    resetsAt: rateResetsAt(tat, interval, limit.burst, now),
    freeAt: freeAt === now ? 0 : freeAt,
    units,
  };
}
