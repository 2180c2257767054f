/**
 * From a bearer token to a caller. A key is hashed, found by its public part and compared in constant time; an unknown one
 * does the same work. What was found is remembered by hash for a short while; a change of keys or tenants forgets it.
 */
import { BlockList, isIP } from 'node:net';
import { hashOf, hashText, prefixOf, sameHash } from '../base/api-key.ts';
import type { Mode } from '../core/message.ts';
import type { KeyRow, KeyScope, Principal, Store, TenantRow } from '../data/store.ts';
import type { Caller } from './caller.ts';

const REMEMBER_MS = 5000;
const MOST_REMEMBERED = 10_000;
const OPERATOR_SCOPES: ReadonlySet<KeyScope> = new Set(['send', 'read', 'manage', 'approve', 'operate']);
const NOBODY = new Uint8Array(32);

type Remembered = { key: KeyRow; locale: string | null; until: number };

export type AuthInput = {
  authorization: string | undefined;
  /** `X-Tenant` and `X-Mode`, for an operator. */
  tenant: string | undefined;
  mode: string | undefined;
  address: string;
};

export type AuthResult = { ok: true; caller: Caller } | { ok: false; cause: 'key' | 'tenant' | 'mode' };

export class Authenticator {
  private readonly known = new Map<string, Remembered>();
  private readonly used = new Map<number, number>();
  /** Counts what `forget` was called for: what was read before it is not remembered after it. */
  private changes = 0;
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

  async authenticate(input: AuthInput): Promise<AuthResult> {
    const header = input.authorization;
    if (header === undefined || header.length > 300 || !/^bearer /i.test(header)) return { ok: false, cause: 'key' };
    const token = header.slice(7).trim();
    // Only hashes are compared and looked up: what the time taken tells of them tells nothing of a key.
    const name = hashText(token);
    if (name === this.operatorHash) return this.operator(input);
    const now = Date.now();
    let found = this.known.get(name);
    if (found === undefined || found.until <= now) {
      const { changes } = this;
      found = await this.find(token, hashOf(token), now);
      if (found === undefined) return { ok: false, cause: 'key' };
      if (this.known.size >= MOST_REMEMBERED) this.known.clear();
      if (changes === this.changes) this.known.set(name, found);
    }
    const { key } = found;
    if (key.expiresAt !== null && key.expiresAt <= now) return { ok: false, cause: 'key' };
    if (key.allowIps.length > 0 && !isAllowed(input.address, key.allowIps)) return { ok: false, cause: 'key' };
    this.used.set(key.no, now);
    return { ok: true, caller: callerOf(key, found.locale) };
  }

  private async find(token: string, hash: Uint8Array, now: number): Promise<Remembered | undefined> {
    const prefix = prefixOf(token) ?? 'pst_live_000000000000';
    const key = await this.store.keyByPrefix({ prefix });
    const same = sameHash(hash, key?.hash ?? NOBODY);
    if (key === null || !same || key.revokedAt !== null || key.tenantId === null) return undefined;
    const tenant = await this.store.tenantById({ id: key.tenantId });
    return { key, locale: tenant?.locale ?? null, until: now + REMEMBER_MS };
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

function isAllowed(address: string, ranges: readonly string[]): boolean {
  const version = isIP(address);
  if (version === 0) return false;
  const list = new BlockList();
  for (const range of ranges) {
    const [network, bits] = range.split('/');
    const family = isIP(network!) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(network!, family);
    else list.addSubnet(network!, Number(bits), family);
  }
  return list.check(address, version === 6 ? 'ipv6' : 'ipv4');
}
