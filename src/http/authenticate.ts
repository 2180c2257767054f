/**
 * From a bearer token to a caller. A key is hashed, found by its public part and compared in constant time; an unknown one
 * does the same work. What was found is remembered by hash for a short while; a change of keys or tenants forgets it.
 * Wrong ones are counted by where they come from; a key that was right once is always looked up.
 */
import { hashOf, hashText, prefixOf, sameHash } from '../base/api-key.ts';
import { isWithin, rangesOf } from '../base/network.ts';
import type { Mode } from '../core/message.ts';
import type { KeyRow, KeyScope, Principal, Store, TenantRow } from '../data/store.ts';
import type { Caller } from './caller.ts';
import { WrongKeys } from './wrong-keys.ts';

const REMEMBER_MS = 5000;
const MOST_REMEMBERED = 10_000;
const MOST_PROVEN = 20_000;
const OPERATOR_SCOPES: ReadonlySet<KeyScope> = new Set(['send', 'read', 'manage', 'approve', 'operate']);
const NOBODY = new Uint8Array(32);
const NO_KEY = { ok: false, cause: 'key' } as const;

type Remembered = { key: KeyRow; caller: Caller; until: number };

export type AuthInput = {
  authorization: string | undefined;
  /** `X-Tenant` and `X-Mode`, for an operator. */
  tenant: string | undefined;
  mode: string | undefined;
  address: string;
  /** Whose wrong keys are counted together; null: it does not guess. */
  network: string | null;
};

export type AuthResult =
  | { ok: true; caller: Caller }
  | { ok: false; cause: 'key' | 'tenant' | 'mode' }
  /** Too many wrong keys; `until`: when the next is answered, in milliseconds. */
  | { ok: false; cause: 'guesses'; until: number };

/** A token, and its hash as text. */
type Sent = { token: string; name: string };

export class Authenticator {
  private readonly known = new Map<string, Remembered>();
  private readonly used = new Map<number, number>();
  /**
   * Headers whose key was right, so that it is not hashed each time. What is looked up is compared with one of them only where 30
   * bits of a hash agree whose seed is this process's own secret: no guess comes nearer to a key by the time that it takes.
   */
  private readonly heard = new Map<string, Sent>();
  /** Counts what `forget` was called for: what was read before it is not remembered after it. */
  private changes = 0;
  /** Hashes of keys that were right when they were last looked up. */
  private readonly proven = new Set<string>();
  private readonly wrong = new WrongKeys();
  private readonly store: Store;
  private readonly operatorHash: string;

  constructor(store: Store, operatorKey: string) {
    this.store = store;
    this.operatorHash = hashText(operatorKey);
  }

  /** A key was revoked, a tenant changed: nothing remembered holds. */
  forget(): void {
    this.changes += 1;
    this.known.clear();
  }

  /** Keys used since the last call, with the time of their last use. */
  takeUsed(): [keyNo: number, at: number][] {
    const used = [...this.used];
    this.used.clear();
    return used;
  }

  /** Whose key it is, where that is known and it may come from anywhere; null: `authenticate` tells. No wrong key is counted here. */
  remembered(authorization: string | undefined, now: number): Caller | null {
    const sent = authorization === undefined ? undefined : this.heard.get(authorization);
    if (sent === undefined) return null;
    const found = this.known.get(sent.name);
    if (found === undefined || found.until <= now || isOver(found.key, now) || found.key.allowIps.length > 0)
      return null;
    this.used.set(found.key.no, now);
    return found.caller;
  }

  /** At once where the key is known. */
  authenticate(input: AuthInput): AuthResult | Promise<AuthResult> {
    const sent = this.read(input);
    if (sent === null) return NO_KEY;
    if (sent.name === this.operatorHash) return this.operator(input);
    const now = Date.now();
    const found = this.known.get(sent.name);
    if (found !== undefined && found.until > now) return this.judge(found, sent, input, now);
    if (input.network !== null && !this.proven.has(sent.name)) {
      const until = this.wrong.waitsUntil(namesOf(sent, input.network), now);
      if (until !== null) return { ok: false, cause: 'guesses', until };
    }
    return this.ask(sent, input, now);
  }

  private read({ authorization: header }: AuthInput): Sent | null {
    if (header === undefined) return null;
    const heard = this.heard.get(header);
    if (heard !== undefined) return heard;
    if (header.length > 300 || !/^bearer /i.test(header)) return null;
    const token = header.slice(7).trim();
    // Only hashes are compared and looked up: what the time taken tells of them tells nothing of a key.
    return { token, name: hashText(token) };
  }

  private async ask(sent: Sent, input: AuthInput, now: number): Promise<AuthResult> {
    const { changes } = this;
    const { token, name } = sent;
    const found = await this.find(token, hashOf(token), now);
    this.proven.delete(name);
    if (found === undefined) return this.refuse(sent, input, now);
    if (this.known.size >= MOST_REMEMBERED) this.known.clear();
    if (changes === this.changes) this.known.set(name, found);
    if (this.heard.size >= MOST_REMEMBERED) this.heard.clear();
    this.heard.set(input.authorization!, sent);
    if (this.proven.size >= MOST_PROVEN) this.proven.clear();
    this.proven.add(name);
    return this.judge(found, sent, input, now);
  }

  private judge({ key, caller }: Remembered, sent: Sent, input: AuthInput, now: number): AuthResult {
    if (isOver(key, now)) return this.refuse(sent, input, now);
    const isElsewhere = key.allowIps.length > 0 && !isWithin(input.address, rangesOf(key.allowIps));
    if (isElsewhere) return this.refuse(sent, input, now);
    this.used.set(key.no, now);
    return { ok: true, caller };
  }

  private refuse(sent: Sent, { network }: AuthInput, now: number): AuthResult {
    const until = network === null ? null : this.wrong.count(namesOf(sent, network), now);
    return until === null ? NO_KEY : { ok: false, cause: 'guesses', until };
  }

  private async find(token: string, hash: Uint8Array, now: number): Promise<Remembered | undefined> {
    const prefix = prefixOf(token) ?? 'pst_live_000000000000';
    const key = await this.store.keyByPrefix({ prefix });
    const same = sameHash(hash, key?.hash ?? NOBODY);
    if (key === null || !same || key.revokedAt !== null || key.tenantId === null) return undefined;
    const tenant = await this.store.tenantById({ id: key.tenantId });
    return { key, caller: callerOf(key, tenant?.locale ?? null), until: now + REMEMBER_MS };
  }

  private async operator(input: AuthInput): Promise<AuthResult> {
    const mode = input.mode ?? 'live';
    if (mode !== 'live' && mode !== 'test') return { ok: false, cause: 'mode' };
    let principal: Principal | null = null;
    let locale: string | null = null;
    if (input.tenant !== undefined) {
      const tenant = await this.store.tenantById({ id: input.tenant });
      if (tenant === null) return { ok: false, cause: 'tenant' };
      principal = await this.operatorPrincipal(tenant, mode);
      locale = tenant.locale;
    }
    const caller = { keyId: 'operator', name: 'operator', scopes: OPERATOR_SCOPES, operator: true, principal, locale };
    return { ok: true, caller: { ...caller, agent: null, identities: [] } };
  }

  private async operatorPrincipal(tenant: TenantRow, mode: Mode): Promise<Principal> {
    const installation = await this.store.defaultInstallation({ tenantNo: tenant.no });
    return { tenantNo: tenant.no, tenantId: tenant.id, mode, ...installation, keyNo: 0 };
  }
}

function isOver({ expiresAt }: KeyRow, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

/** Under which names a wrong key counts. */
function namesOf({ token }: Sent, network: string): string[] {
  const prefix = prefixOf(token);
  return prefix === null ? [network] : [network, prefix];
}

function callerOf(key: KeyRow, locale: string | null): Caller {
  return {
    keyId: key.id,
    name: key.name ?? key.prefix,
    scopes: new Set(key.scopes),
    operator: false,
    principal: {
      tenantNo: key.tenantNo!,
      tenantId: key.tenantId!,
      mode: key.mode,
      installationNo: key.installationNo!,
      installationId: key.installationId!,
      appId: key.appId!,
      keyNo: key.no,
    },
    locale,
    agent: key.agent,
    identities: key.identities,
  };
}
