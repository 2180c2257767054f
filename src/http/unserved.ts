/** What is answered where the store takes nothing on: its own trouble, or the operator's pause. */
import type { StoreFault } from '../data/store.ts';
import type { Refusal } from './problems.ts';

const TROUBLE_SECONDS = 5;
/** Nobody knows when a person resumes. */
const PAUSE_SECONDS = 60;

export function unserved(fault: StoreFault): Refusal {
  if (fault.kind === 'paused') {
    const evidence = { cause: 'platform_paused', retry_after_seconds: PAUSE_SECONDS };
    return { evidence, retryAfterSeconds: PAUSE_SECONDS };
  }
  return { detail: `Postern cannot store anything now: ${fault.message}.`, retryAfterSeconds: TROUBLE_SECONDS };
}
