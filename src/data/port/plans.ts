/** The part of the port that foretells when sends would leave. */
import type { LimitScope } from '../../policy/document.ts';
import type { ContactState, ScopeState } from '../../policy/ledger.ts';
import type { Pacing } from '../../policy/pacing.ts';
import type { PlannedRecipient } from '../../policy/plan.ts';
import type { Stood } from '../../policy/ramp.ts';
import type { Send } from '../../policy/send.ts';
import type { PoolSight } from '../../policy/ways.ts';
import type { AdmitRequest } from './admission.ts';

/** What a plan starts from: facts as they are now, and the counters that the send would touch. */
export type PlanView = {
  policyVersion: number;
  now: number;
  send: Send;
  recipients: PlannedRecipient[];
  scopes: { kind: LimitScope; id: string; state: ScopeState }[];
  contacts: { key: string; state: ContactState }[];
  domains: { domain: string; state: ContactState }[];
  /** The pool as the sender sees it; null where the tenant has none of its own. */
  routing: {
    sight: PoolSight;
    pins: { key: string; mailbox: number }[];
    stood: { mailbox: number; family: string; stood: Stood }[];
  } | null;
  /** The sender's hours and gaps; null: it has none. */
  pacing: Pacing | null;
};

export type PlanViewAnswer = ({ outcome: 'seen' } & PlanView) | { outcome: 'invalid'; param: string; message: string };

export interface PlansWrites {
  /** Changes nothing; asked of the writer, since counters are newest there. */
  planView(request: AdmitRequest): Promise<PlanViewAnswer>;
}
