/**
 * The entries of the ledger that a space was asked for in the group at hand. A decision asks for the same few a dozen times, so those
 * asked for last are found without making their keys, hashing them and looking them up.
 */
import { createHash } from 'node:crypto';
import type { CounterScope } from '../../policy/document.ts';
import { HOUR_PREFIX, type LedgerCache } from './ledger-cache.ts';
import { type Entry, hashKey } from './ledger-entry.ts';

export const TENANT_KEY = '#tenant';
export const domainKey = (domain: string): string => `@${domain}`;
const hourKey = (hour: number): string => HOUR_PREFIX + hour;
const scopeKey = (kind: CounterScope, id: string): string => `#${kind}:${id}`;

/** As many scopes of a space as its sends mostly have between them: apps, installations, identities. */
const MOST_SCOPES = 8;

/** A scope stays known between groups, its entry does not. */
type HeldScope = { kind: CounterScope; id: string; key: string; hash: number; entry: Entry | null };

export class HeldEntries {
  private readonly space: number;
  private readonly cache: LedgerCache;
  private readonly holding: HeldEntries[];
  private isHolding = false;
  private readonly tenantHash: number;
  private tenantEntry: Entry | null = null;
  /** The hour that was last counted in. */
  private hourNo = -1;
  private hourHash = 0;
  private hourEntry: Entry | null = null;
  private contactKey = '';
  private contactEntry: Entry | null = null;
  private domainName = '';
  private domainEntry: Entry | null = null;
  private readonly scopes: HeldScope[] = [];
  /** Whose place the next new scope takes. */
  private oldest = 0;

  /** `holding`: where it enters itself while it holds any. */
  constructor(space: number, cache: LedgerCache, holding: HeldEntries[]) {
    this.space = space;
    this.cache = cache;
    this.holding = holding;
    this.tenantHash = hashKey(space, TENANT_KEY);
  }

  tenant(): Entry {
    this.tenantEntry ??= this.hold(TENANT_KEY, this.tenantHash);
    return this.tenantEntry;
  }

  /** The tallies of an hour, counted from the epoch. */
  hour(hour: number): Entry {
    if (this.hourEntry === null || this.hourNo !== hour) {
      const key = hourKey(hour);
      if (this.hourNo !== hour) this.hourHash = hashKey(this.space, key);
      this.hourNo = hour;
      this.hourEntry = this.hold(key, this.hourHash);
    }
    return this.hourEntry;
  }

  contact(key: string): Entry {
    if (this.contactEntry === null || this.contactKey !== key) {
      this.contactEntry = this.of(key);
      this.contactKey = key;
    }
    return this.contactEntry;
  }

  domain(domain: string): Entry {
    if (this.domainEntry === null || this.domainName !== domain) {
      this.domainEntry = this.of(domainKey(domain));
      this.domainName = domain;
    }
    return this.domainEntry;
  }

  scope(kind: CounterScope, id: string): Entry {
    // The address stands in this one, and must be nowhere when its owner is erased.
    if (kind === 'recipient_template')
      return this.of(scopeKey(kind, createHash('sha256').update(id).digest('base64url')));
    const scope = this.known(kind, id) ?? this.learn(kind, id);
    scope.entry ??= this.hold(scope.key, scope.hash);
    return scope.entry;
  }

  of(key: string): Entry {
    return this.hold(key, hashKey(this.space, key));
  }

  /** Between groups: entries may be evicted, so none is kept. */
  release(): void {
    this.isHolding = false;
    this.tenantEntry = null;
    this.hourEntry = null;
    this.contactEntry = null;
    this.contactKey = '';
    this.domainEntry = null;
    this.domainName = '';
    for (const scope of this.scopes) scope.entry = null;
  }

  private hold(key: string, hash: number): Entry {
    if (!this.isHolding) {
      this.isHolding = true;
      this.holding.push(this);
    }
    return this.cache.entryAt(hash, this.space, key);
  }

  private known(kind: CounterScope, id: string): HeldScope | null {
    for (const scope of this.scopes) if (scope.kind === kind && scope.id === id) return scope;
    return null;
  }

  private learn(kind: CounterScope, id: string): HeldScope {
    const key = scopeKey(kind, id);
    const scope: HeldScope = { kind, id, key, hash: hashKey(this.space, key), entry: null };
    if (this.scopes.length < MOST_SCOPES) this.scopes.push(scope);
    else {
      this.scopes[this.oldest] = scope;
      this.oldest = (this.oldest + 1) % MOST_SCOPES;
    }
    return scope;
  }
}
