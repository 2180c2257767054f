/**
 * Who a client is: a key as its password, `postern` or the handle of an identity as its user. A wrong user and a wrong key are told
 * apart by nobody. An address that is wrong too often is sent away; whoever has a right key never is.
 */
import { Refusal } from '../../base/smtp-sessions.ts';
import type { Principal, Store } from '../../data/store.ts';
import type { Authenticator } from '../../http/authenticate.ts';
import type { Caller } from '../../http/caller.ts';
import type { Replies } from './replies.ts';

export type Login = {
  token: string;
  caller: Caller;
  principal: Principal;
  /** The handle of the identity that it has logged in as; null: `postern`. */
  identity: string | null;
};

const ANYBODY = 'postern';
const MOST_WRONG = 10;
const FORGOTTEN_AFTER_MS = 60_000;
const MOST_ADDRESSES = 10_000;
const WRONG = '5.7.8 The user or the key is wrong';
const TOO_MANY = '4.7.0 Too many wrong logins from this address, please try again later';

export type LoginParts = {
  authenticator: Pick<Authenticator, 'authenticate'>;
  store: Pick<Store, 'identity'>;
  replies: Replies;
};

export class Logins {
  readonly #parts: LoginParts;
  readonly #wrong = new Map<string, { count: number; until: number }>();

  constructor(parts: LoginParts) {
    this.#parts = parts;
  }

  async login(user: string, token: string, address: string): Promise<Login | Refusal> {
    const caller = await this.#callerOf(token, address);
    const principal = caller?.principal ?? null;
    if (caller === null || caller.operator || principal === null) return this.#refuse(address);
    const identity = user.toLowerCase() === ANYBODY ? null : await this.#handleOf(user, principal);
    if (identity === undefined) return this.#refuse(address);
    if (!caller.scopes.has('send')) {
      const evidence = { required: 'send', granted: [...caller.scopes] };
      const { message } = this.#parts.replies.ofCode('insufficient_permissions', evidence);
      return new Refusal(535, message.replace(/^\S+/, '5.7.8'));
    }
    return { token, caller, principal, identity };
  }

  /** Whether the key still holds: it may have been revoked, or have expired, since. */
  async renewed(login: Login, address: string): Promise<Login | null> {
    const caller = await this.#callerOf(login.token, address);
    return caller?.principal == null || !caller.scopes.has('send')
      ? null
      : { ...login, caller, principal: caller.principal };
  }

  async #callerOf(token: string, address: string): Promise<Caller | null> {
    const authorization = `Bearer ${token}`;
    const found = await this.#parts.authenticator.authenticate({
      ...{ authorization, address },
      ...{ tenant: undefined, mode: undefined },
    });
    return found.ok ? found.caller : null;
  }

  async #handleOf(user: string, { tenantNo, mode }: Principal): Promise<string | undefined> {
    return (await this.#parts.store.identity({ tenantNo, mode, id: user }))?.handle;
  }

  #refuse(address: string): Refusal {
    const now = performance.now();
    const known = this.#wrong.get(address);
    const wrong = known === undefined || known.until <= now ? { count: 0, until: now + FORGOTTEN_AFTER_MS } : known;
    wrong.count += 1;
    if (this.#wrong.size >= MOST_ADDRESSES) this.#wrong.clear();
    this.#wrong.set(address, wrong);
    return wrong.count > MOST_WRONG ? new Refusal(421, TOO_MANY) : new Refusal(535, WRONG);
  }
}
