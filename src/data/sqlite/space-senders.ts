/**
 * Who may send as whom in a space: what the rules about senders see of its identities and domains.
 *
 * A verified domain stands for the names below it too, unless the tenant registered one of these: then that one's own state
 * counts. Nothing here reads rows; all of it is loaded with the space.
 */
import { addressKey } from '../../base/address.ts';
import { readDomain } from '../../base/domain.ts';
import type { RefusedSender, SenderCause, SenderView, UnverifiedDomain } from '../../policy/facts-sender.ts';
import type { Pool } from '../../policy/pool.ts';
import type { Send } from '../../policy/send.ts';
import type { IdentityRow } from '../store.ts';
import { type KnownDomain, namesAbove } from './domain-rows.ts';

export type SpaceSendersParts = {
  tenantId: string;
  /** The gateway's own domain. */
  gatewayDomain: string;
  mailLeaves: boolean;
  /** By handle and by id. */
  identities: ReadonlyMap<string, IdentityRow>;
  domains: ReadonlyMap<string, KnownDomain> | null;
  pool: Pool | null;
};

const OTHERS_DEFAULT = /^ten_[0-9a-z]{26}$/;

export class SpaceSenders implements SenderView {
  readonly mailLeaves: boolean;
  private readonly parts: SpaceSendersParts;
  /** Identities by the key of their address, suspended ones first. */
  private readonly byAddress = new Map<string, IdentityRow[]>();
  private hasSuspended = false;

  constructor(parts: SpaceSendersParts) {
    this.parts = parts;
    this.mailLeaves = parts.mailLeaves;
    for (const identity of new Set(parts.identities.values())) {
      this.hasSuspended ||= identity.state === 'suspended';
      const key = keyOf(identity.fromEmail);
      const same = this.byAddress.get(key);
      if (same === undefined) this.byAddress.set(key, [identity]);
      else if (identity.state === 'suspended') same.unshift(identity);
      else same.push(identity);
    }
  }

  /** The identity whose address this is, a suspended one before others; null: none. */
  identityAt(email: string): IdentityRow | null {
    return this.byAddress.size === 0 ? null : (this.byAddress.get(keyOf(email))?.[0] ?? null);
  }

  refused(send: Send, isDeparture: boolean): RefusedSender | null {
    const from = send.from!;
    const { identities, gatewayDomain, tenantId } = this.parts;
    const identity = send.scopes.identity === null ? null : (identities.get(send.scopes.identity) ?? null);
    const refusal = (cause: SenderCause, allowed: readonly string[]): RefusedSender => ({
      cause,
      address: from.email,
      allowed,
    });
    if (!isDeparture && send.identities !== undefined && !isNamed(identity, send.identities)) {
      return refusal(
        'key',
        send.identities.flatMap((name) => identities.get(name)?.fromEmail ?? []),
      );
    }
    if (!isDeparture && identity !== null) {
      const own = this.addressesOf(identity);
      if (!own.includes(from.email) && !own.some((address) => keyOf(address) === keyOf(from.email))) {
        return refusal('identity_address', own);
      }
    }
    const holder = this.hasSuspended ? this.identityAt(from.email) : null;
    // Sent as the suspended identity itself, the reason is that one.
    if (holder !== null && holder.state === 'suspended' && holder.id !== identity?.id) {
      return refusal('suspended_address', []);
    }
    if (from.domain === gatewayDomain) {
      const local = from.email.slice(0, from.email.lastIndexOf('@')).toLowerCase();
      if (local !== tenantId && OTHERS_DEFAULT.test(local)) {
        return refusal('another_account', [`${tenantId}@${gatewayDomain}`]);
      }
    }
    return null;
  }

  unverified(domain: string, now: number): UnverifiedDomain | null {
    const { gatewayDomain, domains, mailLeaves } = this.parts;
    const name = readable(domain);
    if (name === gatewayDomain && !(mailLeaves && name.endsWith('.localhost'))) return null;
    const known = domains === null ? undefined : nearest(domains, name);
    if (known === undefined) return { id: '', name, state: 'absent', missing: [] };
    if (known.state === 'verified') return null;
    if (known.state === 'pending') return { id: known.id, name: known.name, state: 'pending', missing: known.missing };
    const isOver = known.blocksAt !== null && known.blocksAt <= now;
    return isOver ? { id: known.id, name: known.name, state: 'failing', missing: known.missing } : null;
  }

  private addressesOf({ no, fromEmail }: IdentityRow): string[] {
    const mailboxes = this.parts.pool?.byIdentity.get(no) ?? [];
    return [fromEmail, ...mailboxes.map(({ address }) => address)];
  }
}

function isNamed(identity: IdentityRow | null, names: readonly string[]): boolean {
  return identity !== null && (names.includes(identity.handle) || names.includes(identity.id));
}

function nearest(domains: ReadonlyMap<string, KnownDomain>, name: string): KnownDomain | undefined {
  for (const above of namesAbove(name)) {
    const known = domains.get(above);
    if (known !== undefined) return known;
  }
  return undefined;
}

/** One form for A- and U-labels; what is no domain stands as it is, and is nobody's. */
function readable(domain: string): string {
  const read = readDomain(domain);
  return read.ok ? read.domain : domain.toLowerCase();
}

const keyOf = (email: string): string => addressKey(email) ?? email.toLowerCase();
