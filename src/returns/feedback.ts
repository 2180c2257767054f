/** The doors for what comes back over HTTP from other programs: signed hooks, and SNS. */
import type { FastifyInstance } from 'fastify';
import type { GuardedFetch } from '../base/guarded-fetch.ts';
import type { Secrets } from '../base/secrets.ts';
import type { Tokens } from '../base/tokens.ts';
import type { Store } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';
import type { ReadBounce } from './classify-return.ts';
import { hookRoutes } from './hook.ts';
import { type SesParts, sesRoutes, topicOf } from './ses-http.ts';

export type FeedbackParts = {
  store: Store;
  problems: Problems;
  secrets: Secrets;
  tokens: Tokens;
  /** POSTERN_OUTBOUND, which may name a topic. */
  outbound: string;
  fetch: GuardedFetch;
  readBounce: ReadBounce;
  addressKey: (text: string) => string | null;
  log: SesParts['log'];
};

export function feedbackRoutes(server: FastifyInstance, parts: FeedbackParts): void {
  hookRoutes(server, parts);
  sesRoutes(server, {
    ...parts,
    defaultTopic: topicOf(parts.outbound),
    engaged: async () => 'ignored',
    // The answer to a request that broke off: what was uncertain is known.
    taken: async ({ recipientId }, tenantNo) => {
      const answer = await parts.store.resolveUncertain({ tenantNo, recipientId });
      return answer === 'resolved' ? 'applied' : answer;
    },
  });
}
