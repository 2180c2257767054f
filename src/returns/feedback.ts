/** The doors for what comes back over HTTP but a key's own reports: signed hooks, SNS, and links in mail. */
import type { FastifyInstance } from 'fastify';
import type { GuardedFetch } from '../base/guarded-fetch.ts';
import type { Secrets } from '../base/secrets.ts';
import type { Tokens } from '../base/tokens.ts';
import type { Store } from '../data/store.ts';
import type { Problems } from '../http/problems.ts';
import { agents, judgeVisitor } from './agents.ts';
import type { ReadBounce } from './classify-return.ts';
import { EngagementNotes } from './engagement-notes.ts';
import { hookRoutes } from './hook.ts';
import { type SesParts, sesRoutes, topicOf } from './ses-http.ts';
import { trackingRoutes } from './tracking-http.ts';

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

export type Feedback = {
  /** Stores what waits to be stored. To be called once no request comes any more. */
  stop(): Promise<void>;
};

export function feedbackRoutes(server: FastifyInstance, parts: FeedbackParts): Feedback {
  const { store, log } = parts;
  const notes = new EngagementNotes({ store, log });
  hookRoutes(server, parts);
  sesRoutes(server, {
    ...parts,
    defaultTopic: topicOf(parts.outbound),
    engaged: engagedBy(store),
    taken: takenBy(store),
  });
  trackingRoutes(server, { ...parts, notes });
  return { stop: () => notes.stop() };
}

/** That SES has it settles an attempt whose answer never came; it says nothing new of any other. */
function takenBy(store: Store): SesParts['taken'] {
  return async ({ recipientId }, tenantNo) => {
    const outcome = await store.resolveUncertain({ tenantNo, recipientId });
    return outcome === 'resolved' ? 'applied' : outcome;
  };
}

/** What SES saw is judged like what comes here. */
function engagedBy(store: Store): SesParts['engaged'] {
  return async ({ recipientId }, tenantNo, { kind, at, userAgent, link }) => {
    const { isMachine, why } = judgeVisitor({ method: 'GET', userAgent, purpose: null }, agents());
    const { outcome } = await store.noteEngagement({
      ...{ tenantNo, recipientId, at, url: link, channel: 'ses' },
      kind: kind === 'open' ? 'opened' : 'clicked',
      machine: isMachine ? why : null,
      proxy: isMachine ? null : why,
    });
    return outcome === 'not_found' ? 'ignored' : outcome;
  };
}
