/** What a plan starts from, as the writer's memory has it now. */

import type { LimitScope } from '../../policy/document.ts';
import { familyOf } from '../../policy/families.ts';
import { type ContactState, dripScope, familyScope, type ScopeState, scopeId } from '../../policy/ledger.ts';
import { look } from '../../policy/look.ts';
import { adapted, adaptingIn } from '../../policy/probation.ts';
import type { Send } from '../../policy/send.ts';
import type { PlanView, PlanViewAnswer } from '../port/plans.ts';
import type { AdmitRequest } from '../store.ts';
import { askedOfSend } from './approval-rows.ts';
import { resolveSender, sendOf } from './send-of.ts';
import { type Space, spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

export function planView(state: WriterState, request: AdmitRequest): PlanViewAnswer {
  const space = state.spaces.get(spaceOf(request.principal.tenantNo, request.principal.mode));
  const now = space.now(state.realNow);
  const sender = resolveSender(state, space, request);
  if ('message' in sender) return { outcome: 'invalid', ...sender };
  const { policy } = space;
  const send: Send = { ...sendOf(state, space, request, sender), onLimit: 'defer' };
  const approval = askedOfSend(space, { ...request, isStored: false }, now);
  const recipients = request.recipients.map((recipient) => ({
    email: recipient.email,
    recipient,
    facts: look({ view: space, policy, send, recipient, now, counted: new Map(), duplicate: null, approval }),
  }));
  const keys = new Set(request.recipients.map(({ key }) => key));
  const domains = new Set(request.recipients.map(({ domain }) => domain));
  return {
    outcome: 'seen',
    policyVersion: policy.version,
    now,
    send,
    recipients,
    scopes: [...scopesOf(space, send, recipients[0]!), ...routedScopes(space, send, request)],
    routing: routingOf(space, request),
    pacing: space.pacing,
    contacts: [...keys].map((key) => ({ key, state: countersOf(space.contact(key)) })),
    domains: [...domains].map((domain) => ({ domain, state: countersOf(space.domain(domain)) })),
  };
}

function scopesOf(space: Space, send: Send, { facts }: PlanView['recipients'][number]): PlanView['scopes'] {
  const { messageLimits } = adapted(space.policy, adaptingIn(facts));
  const kinds = new Set<LimitScope>(messageLimits.map(({ scope }) => scope));
  return [...kinds].flatMap((kind) => {
    const id = scopeId(kind, send);
    return id === null ? [] : [{ kind, id, state: plainScope(space.scope(kind, id)) }];
  });
}

/** What the ways of the sender count in, towards the families of the recipients. */
function routedScopes(space: Space, send: Send, request: AdmitRequest): PlanView['scopes'] {
  const { sight } = space;
  const { identity } = send.scopes;
  const drip = space.pacing === null || identity === null ? [] : [dripOf(space, identity)];
  if (sight === null) return drip;
  const families = new Set(request.recipients.map(({ domain }) => familyOf(domain)));
  const names = new Map<string, { kind: LimitScope; id: string }>();
  for (const { provider, mailbox } of sight.ways) {
    const whole = mailbox === null ? `implied ${send.scopes.identity ?? ''}` : String(mailbox.no);
    const ids = mailbox === null ? [whole] : [whole, ...[...families].map((one) => familyScope(mailbox.no, one))];
    names.set(`provider ${provider.no}`, { kind: 'provider', id: String(provider.no) });
    for (const id of ids) names.set(`mailbox ${id}`, { kind: 'mailbox', id });
  }
  const routed = [...names.values()].map(({ kind, id }) => ({ kind, id, state: plainScope(space.scope(kind, id)) }));
  return [...routed, ...drip];
}

function dripOf(space: Space, identity: string): PlanView['scopes'][number] {
  const id = dripScope(identity);
  return { kind: 'identity', id, state: plainScope(space.scope('identity', id)) };
}

/** The pool as this sender sees it; null where the tenant has none. */
function routingOf(space: Space, request: AdmitRequest): PlanView['routing'] {
  const { sight } = space;
  if (sight === null) return null;
  const families = new Set(request.recipients.map(({ domain }) => familyOf(domain)));
  return {
    sight,
    pins: request.recipients.flatMap(({ key }) => {
      const mailbox = space.pin(key);
      return mailbox === null ? [] : [{ key, mailbox }];
    }),
    stood: sight.ways.flatMap(({ mailbox }) =>
      mailbox === null || mailbox.warmup === null
        ? []
        : [...families].map((family) => ({ mailbox: mailbox.no, family, stood: space.stood(mailbox.no, family) })),
    ),
  };
}

/** Without what the cache keeps beside it. Nothing is copied here: the way to another thread does that. */
function plainScope({ recipient, message, tats, firstAt }: ScopeState): ScopeState {
  return { recipient, message, tats, firstAt };
}

function countersOf(state: ContactState): ContactState {
  const { lastReplyAt } = state;
  return { ...plainScope(state), suppressions: [], doNotContact: null, lastReplyAt, engagedAt: null, marks: null };
}
