/**
 * Reasons that are ours, not the caller's. They come last: whatever else is known says more. Order is precedence.
 *
 * Invariant: all of them are retryable with the same idempotency key, and nothing is ever sent blind.
 */

import { MINUTE, type ReasonEntry, SECOND } from './entry.ts';

const OURS = 'The sending service has a problem at the moment, and your message was not sent.';

export const PLATFORM = {
  policy_unavailable: {
    code: 'policy_unavailable',
    title: 'No decision possible',
    category: 'platform',
    http: 503,
    smtp: { reply: 451, enhanced: '4.3.0' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'An estimate, the same as `Retry-After`.',
    fault: 'gateway',
    detail:
      'The facts for a decision could not be read[; try again after {retry_after_seconds}][; support: {support_url}].',
    fix: 'Send the same request again after `Retry-After`, with the same Idempotency-Key.',
    explanation:
      'Postern could not read what it needs to decide: counters, suppressions or leases. It refuses rather than send without having looked. Nothing was counted and nothing was stored. The cause is on our side; if it lasts, tell the operator the request id.',
    customerMessage: `${OURS} Please try again in a few minutes.`,
    evidence: {
      retry_after_seconds: 'when to try again, in seconds',
      support_url: 'where to ask, if the operator has set it',
    },
    example: ({ now }) => ({
      scope: null,
      clearsAt: now + 5 * SECOND,
      evidence: { retry_after_seconds: 5, support_url: 'https://support.example' },
    }),
  },
  service_unavailable: {
    code: 'service_unavailable',
    title: 'Service unavailable',
    category: 'platform',
    http: 503,
    smtp: { reply: 451, enhanced: '4.3.2' },
    retryable: true,
    clearsBy: ['time'],
    clearsAt: 'An estimate, the same as `Retry-After`.',
    fault: 'gateway',
    detail:
      'Postern cannot take requests now[: {cause}][; try again after {retry_after_seconds}][; support: {support_url}].',
    fix: 'Send the same request again after `Retry-After`, with the same Idempotency-Key.',
    explanation:
      'Postern is overloaded, stopping, paused by the operator, or cannot reach its store. The request was not accepted. Wait as long as `Retry-After` says and double the wait each time it happens again. If it lasts, tell the operator the request id.',
    customerMessage: `${OURS} Please try again in a few minutes.`,
    words: {
      cause: {
        overloaded: 'too much is in progress',
        platform_paused: 'the operator has paused sending for everybody',
        store_unreachable: 'the store cannot be reached',
        stopping: 'this node is stopping',
      },
    },
    evidence: {
      cause: '`overloaded`, `platform_paused`, `store_unreachable` or `stopping`',
      retry_after_seconds: 'when to try again, in seconds',
      support_url: 'where to ask, if the operator has set it',
    },
    example: ({ now }) => ({
      scope: null,
      clearsAt: now + MINUTE,
      evidence: { cause: 'overloaded', retry_after_seconds: 60, support_url: 'https://support.example' },
    }),
  },
  internal_error: {
    code: 'internal_error',
    title: 'Internal error',
    category: 'platform',
    http: 500,
    smtp: { reply: 451, enhanced: '4.3.0' },
    retryable: true,
    clearsBy: ['operator'],
    clearsAt: 'No time; it is a fault in Postern.',
    fault: 'gateway',
    detail: 'Postern failed in an unexpected way[; support: {support_url}].',
    fix: 'Try once more with the same Idempotency-Key, then report the request id to the operator.',
    explanation:
      'This is a fault in Postern, not in your request. The answer may have been lost after the work was done, so repeat the request with the same Idempotency-Key: it cannot be sent twice that way. If it fails again, give the request id to the operator, who finds the details in the log.',
    customerMessage:
      'Something went wrong in the sending service. Please try again; if it happens again, contact support.',
    evidence: { support_url: 'where to report it, if the operator has set it' },
    example: () => ({ scope: null, clearsAt: null, evidence: { support_url: 'https://support.example' } }),
  },
} as const satisfies Record<string, ReasonEntry>;
