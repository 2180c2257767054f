/**
 * Access tokens for XOAUTH2, fetched with a refresh token (RFC 6749 §6) and kept until shortly before their end.
 *
 * Deliberately absent: how a person gives the first consent, and keeping a refresh token that the answer replaces (the one that
 * was given stays good at the large providers).
 */
import type { GuardedFetch } from '../../base/guarded-fetch.ts';

export type TokenGrant = {
  /** Over HTTPS. */
  tokenUrl: string;
  clientId: string;
  /** Empty: the client has none. */
  clientSecret: string;
  refreshToken: string;
  /** Null: that of the refresh token. */
  scope: string | null;
};

/** A token, or in words why there is none. */
export type TokenAnswer = { token: string } | { why: string };

export type AccessTokens = {
  take(): Promise<TokenAnswer>;
  /** The one that was taken last was refused: the next one is fetched. */
  drop(): void;
};

/** A token is not used when it ends sooner than this. */
const MARGIN_MS = 120_000;
const DEFAULT_LIFE_S = 3600;
const FETCH_MS = 15_000;
const MOST_CHARS = 10_000;

export function accessTokens(grant: TokenGrant, fetch: GuardedFetch, now: () => number = Date.now): AccessTokens {
  let kept: { token: string; until: number } | null = null;
  let fetching: Promise<TokenAnswer> | null = null;

  async function fresh(): Promise<TokenAnswer> {
    const { tokenUrl, clientId, clientSecret, refreshToken, scope } = grant;
    const form = {
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: clientId,
      ...(clientSecret === '' ? {} : { client_secret: clientSecret }),
      ...(scope === null ? {} : { scope }),
    };
    const fetched = await fetch(new URL(tokenUrl), { timeoutMs: FETCH_MS, form });
    if (fetched.outcome !== 'answered')
      return { why: `no access token from ${new URL(tokenUrl).host}: ${fetched.why}` };
    const read = readAnswer(fetched.body);
    if (read === null || fetched.status !== 200 || read.token === null) {
      return {
        why: `no access token from ${new URL(tokenUrl).host}: ${fetched.status} ${read?.error ?? ''}`.trimEnd(),
      };
    }
    kept = { token: read.token, until: now() + read.lifeSeconds * 1000 - MARGIN_MS };
    return { token: read.token };
  }

  return {
    take() {
      if (kept !== null && kept.until > now()) return Promise.resolve({ token: kept.token });
      fetching ??= fresh().finally(() => {
        fetching = null;
      });
      return fetching;
    },
    drop() {
      kept = null;
    },
  };
}

type Read = { token: string | null; lifeSeconds: number; error: string };

/** RFC 6749 §5.1, §5.2. */
function readAnswer(body: Buffer): Read | null {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const {
    access_token: token,
    expires_in: life,
    error,
    error_description: description,
  } = value as Record<string, unknown>;
  const isToken = typeof token === 'string' && token.length <= MOST_CHARS && /^[\x21-\x7e]+$/.test(token);
  const words = [error, description].filter((part) => typeof part === 'string').join(': ');
  return {
    token: isToken ? token : null,
    lifeSeconds: typeof life === 'number' && life > 0 ? life : DEFAULT_LIFE_S,
    error: words.slice(0, 300),
  };
}
