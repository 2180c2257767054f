/**
 * Sessions of the page: a random id in the browser's cookie, the key it stands for in memory here. The key is checked anew
 * on every request, so a revoked one ends its sessions at once. A restart ends them all.
 */
import { randomBytes } from 'node:crypto';

const LASTS_MS = 8 * 3_600_000;
const MOST_SESSIONS = 1000;
const COOKIE = 'postern_session';

/** What a session signed in with. */
export type SignIn = { key: string; tenant: string | null; mode: string | null };

export class Sessions {
  private readonly open = new Map<string, { signIn: SignIn; until: number }>();

  /** The new session's id: 256 random bits. */
  start(signIn: SignIn, now: number): string {
    if (this.open.size >= MOST_SESSIONS) this.drop(now);
    const id = randomBytes(32).toString('base64url');
    this.open.set(id, { signIn, until: now + LASTS_MS });
    return id;
  }

  find(id: string | null, now: number): SignIn | null {
    const session = id === null ? undefined : this.open.get(id);
    return session === undefined || session.until <= now ? null : session.signIn;
  }

  end(id: string | null): void {
    if (id !== null) this.open.delete(id);
  }

  /** Sessions that have ended, and where there are none, the oldest. */
  private drop(now: number): void {
    for (const [id, { until }] of this.open) if (until <= now) this.open.delete(id);
    const oldest = this.open.keys().next();
    if (this.open.size >= MOST_SESSIONS && oldest.done !== true) this.open.delete(oldest.value);
  }
}

/** The session id in a `Cookie` header (RFC 6265 §4.2), or null. */
export function sessionIdOf(header: string | undefined): string | null {
  for (const pair of (header ?? '').slice(0, 8192).split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === COOKIE && value !== undefined && /^[\w-]{43}$/.test(value)) return value;
  }
  return null;
}

/** The `Set-Cookie` of a session; without an id, the one that removes it. */
export function sessionCookie(id: string | null, site: { path: string; secure: boolean }): string {
  const age = id === null ? 0 : LASTS_MS / 1000;
  const secure = site.secure ? '; Secure' : '';
  return `${COOKIE}=${id ?? ''}; Path=${site.path}; Max-Age=${age}; HttpOnly; SameSite=Strict${secure}`;
}
