/**
 * Several submissions, all of them or none. They are looked at first, one after another and each beside those before it, with
 * nothing between the look and the admission; what the look assumes is taken back.
 */
import type { AdmitAllAnswer, AdmitAnswer, AdmitRequest, StaleCanaries } from '../store.ts';
import { admit, answeredBefore, hasOtherCanaries, lookAt, seenAdmission } from './admit.ts';
import { Assumed } from './assumed.ts';
import { reviewHealth } from './mailbox-health.ts';
import { passTime } from './quarantine.ts';
import { type Space, spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

/** All of one tenant and mode. */
export function admitAll(state: WriterState, requests: readonly AdmitRequest[]): AdmitAllAnswer | StaleCanaries {
  const { tenantNo, mode } = requests[0]!.principal;
  const space = state.spaces.get(spaceOf(tenantNo, mode));
  const now = space.now(state.realNow);
  passTime(state, space, now);
  reviewHealth(state, space, now);
  const before = requests.map((request) => answeredBefore(state, space, request, now));
  const answered = before.findIndex((answer) => answer !== null);
  if (answered !== -1) return repeated(state, space, requests, before, now);
  if (requests.some((request) => hasOtherCanaries(space, request)))
    return { outcome: 'canaries', known: space.canaries };
  const refused = firstRefused(state, space, requests, now);
  return refused ?? { outcome: 'admitted', answers: requests.map((request) => admit(state, request) as AdmitAnswer) };
}

/** Where some came before: the same ones again, or else another content under the same key. */
function repeated(
  state: WriterState,
  space: Space,
  requests: readonly AdmitRequest[],
  before: readonly (AdmitAnswer | null)[],
  now: number,
): AdmitAllAnswer {
  const reused = before.findIndex((answer) => answer?.outcome === 'key_reused');
  if (reused !== -1) return { outcome: 'refused', at: reused, answer: before[reused]! };
  const added = before.indexOf(null);
  if (added === -1) return { outcome: 'admitted', answers: before as AdmitAnswer[] };
  const first = before.findIndex((answer) => answer !== null);
  const { createdAt, messageId } = before[first] as AdmitAnswer & { outcome: 'replayed' };
  const { idempotency, principal } = requests[first]!;
  const until = state.keys.use(space, now, principal.installationId, idempotency)?.until ?? now;
  return { outcome: 'refused', at: added, answer: { outcome: 'key_reused', firstUsedAt: createdAt, until, messageId } };
}

function firstRefused(
  state: WriterState,
  space: Space,
  requests: readonly AdmitRequest[],
  now: number,
): (AdmitAllAnswer & { outcome: 'refused' }) | null {
  const ahead = new Assumed();
  space.assumeRisk();
  try {
    for (const [at, request] of requests.entries()) {
      const seen = lookAt(state, space, request, now, ahead);
      if ('message' in seen) return { outcome: 'refused', at, answer: { outcome: 'invalid', ...seen } };
      const { send, decided } = seen;
      if (decided.some(({ verdict }) => verdict.verdict !== 'block')) continue;
      return {
        outcome: 'refused',
        at,
        answer: { outcome: 'refused', ...seenAdmission(space, send, request, decided, now) },
      };
    }
    return null;
  } finally {
    ahead.takeBack();
    space.takeBackRisk();
  }
}
