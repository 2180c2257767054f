/** Headroom as it stands: what is left of each limit, read from the ledger. */
import { type Limit, withIdentityCap } from '../../policy/document.ts';
import { type ScopeState, seriesIn, stateOf } from '../../policy/ledger.ts';
import { sinceReply } from '../../policy/look.ts';
import { limitScope } from '../../policy/rules/limit-finding.ts';
import type { Send, SendRecipient } from '../../policy/send.ts';
import { emissionMicros, rateResetsAt, rateUsed, resetsAt, usedAt, windowSpan } from '../../policy/windows.ts';
import type { LimitState, Principal } from '../store.ts';
import { spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

export function headroom(
  state: WriterState,
  input: { principal: Principal; identity: string | null; recipient: { key: string; domain: string } | null },
): { limits: LimitState[]; now: number; locale: string | null } {
  const { principal } = input;
  const space = state.spaces.get(spaceOf(principal.tenantNo, principal.mode));
  const now = space.now(state.realNow);
  const identity = input.identity === null ? null : (space.identities.get(input.identity) ?? null);
  const policy = withIdentityCap(space.policy, identity?.dailyCap ?? null);
  const send: Send = {
    kind: 'transactional',
    onLimit: 'reject',
    sendAt: null,
    scopes: {
      tenant: principal.tenantId,
      app: principal.appId,
      installation: principal.installationId,
      identity: identity?.id ?? null,
      agent: null,
    },
    contentSize: 0,
  };
  const recipient: SendRecipient = {
    key: input.recipient?.key ?? '',
    domain: input.recipient?.domain ?? '',
    undeliverable: null,
    simulated: null,
  };
  const limits = input.recipient === null ? policy.messageLimits : [...policy.messageLimits, ...policy.recipientLimits];
  const states = limits.flatMap((limit) => {
    const scope = stateOf(space, limit.scope, send, recipient);
    if (scope === null) return [];
    const since = input.recipient === null ? 0 : sinceReply(limit, space.contact(recipient.key));
    return [stateOfLimit(limit, scope, limitScope(limit, send, recipient), now, since)];
  });
  return { limits: states, now, locale: space.tenant.locale };
}

function stateOfLimit(
  limit: Limit,
  state: ScopeState,
  scope: LimitState['scope'],
  now: number,
  since: number,
): LimitState {
  const shape = { name: limit.name, scope, unit: limit.unit, window: limit.windowName };
  if (limit.window.kind === 'rate') {
    const interval = emissionMicros(limit.window.perSeconds, limit.max);
    const tat = state.tats?.get(limit.name) ?? 0;
    const used = rateUsed(tat, interval, limit.burst, now);
    return {
      ...shape,
      limit: limit.burst,
      used,
      remaining: limit.burst - used,
      resetsAt: rateResetsAt(tat, interval, now),
      windowSeconds: Math.ceil((limit.burst * limit.window.perSeconds) / limit.max),
      rate: true,
    };
  }
  const second = Math.floor(now / 1000);
  const series = seriesIn(state, limit.unit);
  const used = usedAt(series, limit.window, second, since);
  const resets = used === 0 ? null : resetsAt(series, limit.window, second, since);
  return {
    ...shape,
    limit: limit.max,
    used,
    remaining: Math.max(0, limit.max - used),
    resetsAt: resets === null ? null : resets * 1000,
    windowSeconds: windowSpan(limit.window),
    rate: false,
  };
}
