/**
 * Who a client is: a key as its password, `postern` or the handle of an identity as its user. A wrong user and a wrong key are told
 * apart by nobody. An address that is wrong too often is sent away; whoever has a right key never is.
 */
import { networkOf } from '../../base/network.ts';
import { Refusal } from '../../base/smtp-sessions.ts';
import type { Principal, Store } from '../../data/store.ts';
import type { Authenticator, AuthResult } from '../../http/authenticate.ts';
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
const WRONG = '5.7.8 The user or the key is wrong';
const TOO_MANY = '4.7.0 Too many wrong keys from this address or for this key, please try again later';

export type LoginParts = {
  authenticator: Pick<Authenticator, 'authenticate'>;
  store: Pick<Store, 'identity'>;
  replies: Replies;
};

export class Logins {
  readonly #parts: LoginParts;

  constructor(parts: LoginParts) {
    this.#parts = parts;
  }

  async login(user: string, token: string, address: string): Promise<Login | Refusal> {
    const found = await this.#ask(token, address, networkOf(address));
    if (!found.ok) return found.cause === 'guesses' ? new Refusal(421, TOO_MANY) : new Refusal(535, WRONG);
    const { caller } = found;
    const { principal } = caller;
    if (caller.operator || principal === null) return new Refusal(535, WRONG);
    const identity = user.toLowerCase() === ANYBODY ? null : await this.#handleOf(user, principal);
    if (identity === undefined) return new Refusal(535, WRONG);
    if (!caller.scopes.has('send')) {
      const evidence = { required: 'send', granted: [...caller.scopes] };
      const { message } = this.#parts.replies.ofCode('insufficient_permissions', evidence);
      return new Refusal(535, message.replace(/^\S+/, '5.7.8'));
    }
    return { token, caller, principal, identity };
  }

  /** Whether the key still holds: it may have been revoked, or have expired, since. */
  async renewed(login: Login, address: string): Promise<Login | null> {
    const found = await this.#ask(login.token, address, null);
    const caller = found.ok ? found.caller : null;
    return caller?.principal == null || !caller.scopes.has('send')
      ? null
      : { ...login, caller, principal: caller.principal };
  }

  async #ask(token: string, address: string, network: string | null): Promise<AuthResult> {
    const authorization = `Bearer ${token}`;
    const nobody = { tenant: undefined, mode: undefined };
    return this.#parts.authenticator.authenticate({ authorization, address, network, ...nobody });
  }

  async #handleOf(user: string, { tenantNo, mode }: Principal): Promise<string | undefined> {
    return (await this.#parts.store.identity({ tenantNo, mode, id: user }))?.handle;
  }
}
