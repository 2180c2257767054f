/** Who asks: what a key says about its bearer. Every door and every route sees callers only in this shape. */
import type { Channel } from '../core/channel.ts';
import type { KeyScope, Principal } from '../data/store.ts';
import type { RequestLimit, RequestLimitState } from './request-rates.ts';

export type Caller = {
  /** `key_…`, or `operator`. */
  keyId: string;
  /** As shown in the audit log. */
  name: string;
  scopes: ReadonlySet<KeyScope>;
  operator: boolean;
  /** The tenant acted for; null for an operator who named none. */
  principal: Principal | null;
  locale: string | null;
  agent: string | null;
  /** Handles or ids the key may send as; empty: all. */
  identities: readonly string[];
};

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null;
    /** The limits on requests that this one has, and how they stand after it; null: it was not counted. */
    requestLimits: readonly RequestLimitState[] | null;
  }
  interface FastifyContextConfig {
    /** Scopes of which the key must have one; absent: no key needed. */
    scopes?: readonly KeyScope[];
    /** The route serves the operator alone and no tenant need be named. */
    operatorOnly?: boolean;
    /** Whoever sends no key may ask too. */
    isKeyOptional?: boolean;
    /** Whose headroom stands in the headers, where the route does not set them: mail's unless said. */
    channel?: Channel;
    /** Its requests are not counted: what they ask for is, request by request. */
    uncounted?: boolean;
    /** Limits on requests that the route has of its own, beside those of the policy. */
    requestLimits?: readonly RequestLimit[];
  }
}
