/** What is answered where the store takes a send not on: its own trouble, what it could not read, or the operator's pause. */
import type { ReasonCode } from '../core/reasons.ts';
import type { StoreFault } from '../data/store.ts';
import type { Refusal } from './problems.ts';

const TROUBLE_SECONDS = 5;
/** Nobody knows when a person resumes. */
const PAUSE_SECONDS = 60;

export function unserved(fault: StoreFault): { code: ReasonCode; refusal: Refusal } {
  if (fault.kind === 'paused') {
    const evidence = { cause: 'platform_paused', retry_after_seconds: PAUSE_SECONDS };
    return { code: 'service_unavailable', refusal: { evidence, retryAfterSeconds: PAUSE_SECONDS } };
  }
  if (fault.kind === 'undecided') {
    const evidence = { retry_after_seconds: TROUBLE_SECONDS };
    return { code: 'policy_unavailable', refusal: { evidence, retryAfterSeconds: TROUBLE_SECONDS } };
  }
  const detail = `Postern cannot store anything now: ${fault.message}.`;
  return { code: 'service_unavailable', refusal: { detail, retryAfterSeconds: TROUBLE_SECONDS } };
}
