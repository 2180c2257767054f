/** Headroom as it stands: what is left of each limit, read from the ledger. */
import type { Limit } from '../../policy/document.ts';
import type { Facts } from '../../policy/facts.ts';
import { signsStanding } from '../../policy/facts-budget.ts';
import { probationIn, quarantineFacts } from '../../policy/facts-quarantine.ts';
import { lookWarmup } from '../../policy/facts-warmup.ts';
import { limitState, standingOf } from '../../policy/headroom.ts';
import { stateOf } from '../../policy/ledger.ts';
import { sinceReply } from '../../policy/place.ts';
import { adapted, adaptingIn } from '../../policy/probation.ts';
import { limitScope } from '../../policy/rules/limit-finding.ts';
import type { Send, SendRecipient } from '../../policy/send.ts';
import type { Headroom, LimitStanding, Principal } from '../store.ts';
import { mailboxesInTotal } from './pool-headroom.ts';
import { riskStanding } from './risk-shown.ts';
import { type Space, spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

export function headroom(
  state: WriterState,
  input: { principal: Principal; identity: string | null; recipient: { key: string; domain: string } | null },
): Headroom {
  const { principal } = input;
  const space = state.spaces.get(spaceOf(principal.tenantNo, principal.mode));
  const now = space.now(state.realNow);
  const identity = input.identity === null ? null : (space.identities.get(input.identity) ?? null);
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
  const warmup = lookWarmup(space, space.policy, send, recipient, now);
  const probation = probationIn(quarantineFacts(space.quarantine, now));
  const policy = adapted(space.policy, { identityCap: identity?.dailyCap ?? null, warmup, probation });
  const limits = input.recipient === null ? policy.messageLimits : [...policy.messageLimits, ...policy.recipientLimits];
  const states = limits.flatMap((limit) => {
    const standing = standingIn(space, limit, send, recipient, now);
    return standing === null ? [] : [limitState(limit, limitScope(limit, send, recipient), standing)];
  });
  // Where there are mailboxes, what they can still carry together is one limit more.
  const total = identity === null ? null : mailboxesInTotal(space, identity, now);
  if (total !== null) states.push(total);
  const signs = signsStanding(space, policy, now);
  return { limits: states, signs, now, locale: space.tenant.locale, risk: riskStanding(space, now) };
}

function standingIn(
  space: Space,
  limit: Limit,
  send: Send,
  recipient: SendRecipient,
  now: number,
): LimitStanding | null {
  const state = stateOf(space, limit.scope, send, recipient);
  if (state === null) return null;
  const since =
    limit.scope === 'recipient' ? sinceReply(limit, space.contact(recipient.key)) : (limit.forgetsUntil ?? 0);
  return standingOf(limit, state, since, now);
}

const UNUSED: LimitStanding = { used: 0, resetsAt: null };

/** How each limit of a recipient stands now, in the order of its facts. */
export function standingLimits(
  space: Space,
  send: Send,
  recipient: SendRecipient,
  facts: Facts,
  now: number,
): LimitStanding[] {
  const policy = adapted(space.policy, adaptingIn(facts));
  const limits = [...policy.messageLimits, ...policy.recipientLimits];
  return limits.map((limit) => standingIn(space, limit, send, recipient, now) ?? UNUSED);
}
