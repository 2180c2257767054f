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
const NO_KEY = { ok: false, cause: 'key' } as const;

type Remembered = { key: KeyRow; caller: Caller; until: number };

export type AuthInput = {
  authorization: string | undefined;
  /** `X-Tenant` and `X-Mode`, for an operator. */
  tenant: string | undefined;
  mode: string | undefined;
  address: string;
  /** What the request came over, where more may come: a token that it has sent before is not hashed again. */
  connection?: object;
};

export type AuthResult = { ok: true; caller: Caller } | { ok: false; cause: 'key' | 'tenant' | 'mode' };

export class Authenticator {
  private readonly known = new Map<string, Remembered>();
  private readonly used = new Map<number, number>();
  /** What a connection last sent. It is compared with its own words alone, so the time taken tells nobody of another's key. */
  private readonly sent = new WeakMap<object, { authorization: string; token: string; name: string }>();
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

  /** At once where the key is known. */
  authenticate(input: AuthInput): AuthResult | Promise<AuthResult> {
    const sent = this.read(input);
    if (sent === null) return NO_KEY;
    if (sent.name === this.operatorHash) return this.operator(input);
    const now = Date.now();
    const found = this.known.get(sent.name);
    return found !== undefined && found.until > now ? this.judge(found, input, now) : this.ask(sent, input, now);
  }

  private read({ authorization: header, connection }: AuthInput): { token: string; name: string } | null {
    if (header === undefined) return null;
    const before = connection === undefined ? undefined : this.sent.get(connection);
    if (before?.authorization === header) return before;
    if (header.length > 300 || !/^bearer /i.test(header)) return null;
    const token = header.slice(7).trim();
    // Only hashes are compared and looked up: what the time taken tells of them tells nothing of a key.
    const sent = { authorization: header, token, name: hashText(token) };
    if (connection !== undefined) this.sent.set(connection, sent);
    return sent;
  }

  private async ask(
    { token, name }: { token: string; name: string },
    input: AuthInput,
    now: number,
  ): Promise<AuthResult> {
    const { changes } = this;
    const found = await this.find(token, hashOf(token), now);
    if (found === undefined) return NO_KEY;
    if (this.known.size >= MOST_REMEMBERED) this.known.clear();
    if (changes === this.changes) this.known.set(name, found);
    return this.judge(found, input, now);
  }

  private judge({ key, caller }: Remembered, { address }: AuthInput, now: number): AuthResult {
    if (key.expiresAt !== null && key.expiresAt <= now) return NO_KEY;
    if (key.allowIps.length > 0 && !isAllowed(address, key.allowIps)) return NO_KEY;
    this.used.set(key.no, now);
    return { ok: true, caller };
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
