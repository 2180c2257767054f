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
  /** The sender of a send that names none. */
  private readonly ownDefault: string;

  constructor(parts: SpaceSendersParts) {
    this.parts = parts;
    this.mailLeaves = parts.mailLeaves;
    this.ownDefault = `${parts.tenantId}@${parts.gatewayDomain}`;
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
    const id = send.scopes.identity;
    const identity = id === null ? null : (this.parts.identities.get(id) ?? null);
    const from = send.from!;
    // Keys and addresses were looked at when it was accepted; what changed since takes nothing back.
    const cause = (isDeparture ? null : this.misuse(send, identity)) ?? this.foreign(from, identity);
    return cause === null ? null : { cause, address: from.email, allowed: this.allowedFor(cause, send, identity) };
  }

  /** What the key or the identity may not send as. */
  private misuse({ from, identities }: Send, identity: IdentityRow | null): SenderCause | null {
    if (identities !== undefined && !isNamed(identity, identities)) return 'key';
    if (identity === null || identity.fromEmail === from!.email) return null;
    const key = keyOf(from!.email);
    return this.addressesOf(identity).some((address) => keyOf(address) === key) ? null : 'identity_address';
  }

  /** Addresses that are somebody else's, or that nobody may send from. */
  private foreign({ email, domain }: NonNullable<Send['from']>, identity: IdentityRow | null): SenderCause | null {
    const holder = this.hasSuspended ? this.identityAt(email) : null;
    // Sent as the suspended identity itself, the reason is that one.
    if (holder?.state === 'suspended' && holder.id !== identity?.id) return 'suspended_address';
    if (domain !== this.parts.gatewayDomain || email === this.ownDefault) return null;
    const local = email.slice(0, email.lastIndexOf('@')).toLowerCase();
    return local !== this.parts.tenantId && OTHERS_DEFAULT.test(local) ? 'another_account' : null;
  }

  private allowedFor(cause: SenderCause, { identities }: Send, identity: IdentityRow | null): string[] {
    switch (cause) {
      case 'key':
        return (identities ?? []).flatMap((name) => this.parts.identities.get(name)?.fromEmail ?? []);
      case 'identity_address':
        return this.addressesOf(identity!);
      case 'another_account':
        return [this.ownDefault];
      default:
        return [];
    }
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
