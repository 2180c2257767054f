/** No mailbox of the sender has room: all are at their caps, which time clears, or below the threshold or paused, which it does not. */
import type { RoutingFacts } from '../facts-pool.ts';
import type { Clearer } from '../verdict.ts';
import { alternativesIn, senderScope, shownCandidate } from './pool-finding.ts';
import { PASS, type Rule } from './rule.ts';

export const mailboxesExhausted: Rule = (send, _recipient, facts) => {
  const routing = facts.pool?.routing ?? null;
  if (routing === null || (routing.cause !== 'cap' && routing.cause !== 'health')) return PASS;
  const clearsAt = routing.freeAt === null ? null : routing.freeAt * 1000;
  return [
    {
      outcome: 'block',
      code: 'mailboxes_exhausted',
      scope: senderScope(send),
      clearsAt,
      clearsBy: clearsAt === null ? clearersOf(routing) : undefined,
      evidence: {
        identity: facts.identityHandle,
        mailboxes: routing.ways,
        at_cap: routing.capped,
        unhealthy: routing.unhealthy + routing.paused + routing.inactive,
        resets_at: clearsAt,
        candidates: routing.candidates.map(shownCandidate),
        ...(routing.lacking === null ? {} : { lacking: routing.lacking }),
        ...alternativesIn(facts.pool?.alternatives ?? []),
      },
    },
  ];
};

/** What only the operator paused, only he resumes. A cap of none never frees a place. */
function clearersOf({ isOperators, unhealthy, inactive }: RoutingFacts): readonly Clearer[] {
  return isOperators && unhealthy + inactive === 0 ? ['operator'] : ['tenant'];
}
