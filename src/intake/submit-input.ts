/** What a door hands to the road of submissions: who sends what, under which key. */
import type { Channel } from '../core/channel.ts';
import type { Address } from '../core/message.ts';
import type { Principal } from '../data/store.ts';

export type SubmitInput = {
  principal: Principal;
  requestId: string;
  /** The agent a key belongs to, or the request's header. */
  agent: string | null;
  /** Whether it is the key's: then a body cannot name another. */
  isAgentBound?: boolean;
  /** Identities the key may send as, by handle or id; empty: all. */
  identities: readonly string[];
  body: unknown;
  idempotencyKey: string | null;
  /** All recipients or none: where one would be blocked, nothing is stored. */
  wholeOnly?: boolean;
  /** In a check: without what each rule found and how limits stand. */
  untraced?: boolean;
  /** What To and Cc show, where that is not who gets it. */
  shown?: { to: Address[]; cc: Address[] };
  /** `sms`: its recipients are telephone numbers, in the form that core/channel.ts gives them. Mail unless said. */
  channel?: Channel;
  /** While the first request with the key is running: answered at once rather than waited for. */
  waitsForFirst?: false;
  /** Templates with phrases of spam are refused, whatever the policy says. */
  refusesSpamPhrases?: true;
};
