/**
 * The transports that are open: one for each provider, and one for each mailbox that has credentials of its own.
 *
 * What holds: a transport is opened when mail first goes that way, from the settings as they stand; when they change the next
 * mail gets a new one, and the old one is closed once nobody uses it any more, so that no delivery is cut off by a change; what
 * nothing went through for a while is closed. At most `MOST` are kept open beside those in use.
 *
 * Deliberately absent: what makes a transport (its opener's), and whether mail may go that way (ways.ts).
 */
import type { Credentials } from '../base/credentials.ts';
import type { Route } from '../data/port/routing.ts';
import type { MailboxSettings, ProviderSettings } from '../data/port/senders.ts';
import type { Store } from '../data/store.ts';
import type { Transport } from './transports/transport.ts';

/** What a transport is made from, credentials open. */
export type BookSettings = {
  id: string;
  kind: ProviderSettings['kind'];
  url: string;
  credentials: Credentials | null;
  ehloName: string | null;
};

/** A transport, or what is wrong with its settings in a sentence that never repeats a password. */
export type Opened = { transport: Transport } | { error: string };

export type BookParts = {
  store: Pick<Store, 'providerSettings' | 'mailboxSettings'>;
  open: (settings: BookSettings) => Opened;
  /** Null where they cannot be opened. */
  openSealed: (sealed: Uint8Array, context: string) => Credentials | null;
  clock?: () => number;
};

/** In use until `release`. `isOwn`: it signs in with the mailbox's own credentials. */
export type Leaf = { transport: Transport; isOwn: boolean; release: () => void };

/** `gone`: the provider is no longer there, or the book is closed. */
export type LeafAnswer = Leaf | { error: string } | 'gone';

type Entry = {
  key: string;
  versions: Versions;
  opened: Opened;
  users: number;
  usedAt: number;
  isRetired: boolean;
};

/** Of the provider's settings and the mailbox's: 0 where it has none of its own. */
type Versions = { provider: number; own: number };

/** What is known of a mailbox's own credentials. */
type Known = { version: number; settings: MailboxSettings | null };

const IDLE_MS = 300_000;
const LOOK_EVERY_MS = 60_000;
const MOST = 500;
const MOST_KNOWN = 20_000;

export class TransportBook {
  readonly #parts: BookParts;
  readonly #clock: () => number;
  /** Used last stands last. */
  readonly #entries = new Map<string, Entry>();
  readonly #retired = new Set<Entry>();
  readonly #mailboxes = new Map<number, Known>();
  readonly #opening = new Map<string, Promise<Entry | 'gone'>>();
  readonly #timer: NodeJS.Timeout;
  #isClosed = false;

  constructor(parts: BookParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? performance.now.bind(performance);
    this.#timer = setInterval(() => this.#closeIdle(), LOOK_EVERY_MS).unref();
  }

  /** The transport of a tenant's provider, for one delivery. At once where it is open. */
  take(route: Route): LeafAnswer | Promise<LeafAnswer> {
    const own = this.#known(route);
    if (own === undefined) return this.#takeLate(route);
    const entry = this.#entries.get(keyOf(route, own));
    return entry !== undefined && isFresh(entry, route, own) ? this.#lend(entry, own) : this.#takeLate(route);
  }

  /** How many are open. */
  get size(): number {
    return this.#entries.size + this.#retired.size;
  }

  /** Waits for answers to dots that are out for at most `graceMs`; nothing is opened after it. */
  async close(graceMs: number): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    const all = [...this.#entries.values(), ...this.#retired];
    this.#entries.clear();
    this.#retired.clear();
    await Promise.all(all.map(({ opened }) => ('transport' in opened ? opened.transport.close(graceMs) : undefined)));
  }

  /** The mailbox's settings where it has credentials of its own, else null; undefined where they are to be read. */
  #known({ mailbox }: Route): MailboxSettings | null | undefined {
    if (mailbox === null) return null;
    const known = this.#mailboxes.get(mailbox.no);
    if (known === undefined || known.version < mailbox.version) return undefined;
    return known.settings?.sealed ? known.settings : null;
  }

  async #takeLate(route: Route): Promise<LeafAnswer> {
    const { provider, mailbox } = route;
    if (mailbox !== null && this.#known(route) === undefined) {
      const settings = await this.#parts.store.mailboxSettings({ no: mailbox.no });
      if (this.#mailboxes.size >= MOST_KNOWN) this.#mailboxes.clear();
      this.#mailboxes.set(mailbox.no, { version: settings?.version ?? mailbox.version, settings });
    }
    const own = this.#known(route) ?? null;
    const key = keyOf(route, own);
    const known = this.#entries.get(key);
    if (known !== undefined && isFresh(known, route, own)) return this.#lend(known, own);
    const name = `${key} ${provider.version} ${own?.version ?? 0}`;
    const opening = this.#opening.get(name) ?? this.#open(route, key, own);
    this.#opening.set(name, opening);
    try {
      const entry = await opening;
      return entry === 'gone' ? entry : this.#lend(entry, own);
    } finally {
      this.#opening.delete(name);
    }
  }

  async #open({ provider }: Route, key: string, own: MailboxSettings | null): Promise<Entry | 'gone'> {
    const settings = await this.#parts.store.providerSettings({ no: provider.no });
    if (settings === null) return 'gone';
    const entry: Entry = {
      key,
      versions: { provider: settings.version, own: own?.version ?? 0 },
      opened: this.#make(settings, own),
      users: 0,
      usedAt: this.#clock(),
      isRetired: false,
    };
    const before = this.#entries.get(key);
    if (before !== undefined) this.#retire(before);
    this.#entries.set(key, entry);
    if (this.#entries.size > MOST) this.#closeOldest();
    return entry;
  }

  #make({ id, kind, url, sealed, ehloName }: ProviderSettings, own: MailboxSettings | null): Opened {
    const [secret, context] = own?.sealed ? [own.sealed, `mailbox/${own.id}`] : [sealed, `provider/${id}`];
    let credentials: Credentials | null = null;
    if (secret !== null) {
      credentials = this.#parts.openSealed(secret, context);
      if (credentials === null)
        return { error: 'its credentials cannot be opened: they were sealed with another secret' };
    }
    return this.#parts.open({ id, kind, url, credentials, ehloName });
  }

  #lend(entry: Entry, own: MailboxSettings | null): LeafAnswer {
    const { opened } = entry;
    if ('error' in opened) return opened;
    if (this.#isClosed || entry.isRetired) return 'gone';
    entry.users += 1;
    entry.usedAt = this.#clock();
    let isOut = true;
    const release = (): void => {
      if (!isOut) return;
      isOut = false;
      entry.users -= 1;
      entry.usedAt = this.#clock();
      if (entry.isRetired && entry.users === 0) this.#end(entry);
    };
    return { transport: opened.transport, isOwn: own !== null, release };
  }

  #retire(entry: Entry): void {
    this.#entries.delete(entry.key);
    entry.isRetired = true;
    this.#retired.add(entry);
    if (entry.users === 0) this.#end(entry);
  }

  #end(entry: Entry): void {
    this.#retired.delete(entry);
    if ('transport' in entry.opened) void entry.opened.transport.close(0);
  }

  #closeIdle(): void {
    const now = this.#clock();
    for (const entry of this.#entries.values()) {
      if (entry.users === 0 && now - entry.usedAt > IDLE_MS) this.#retire(entry);
    }
  }

  #closeOldest(): void {
    let oldest: Entry | null = null;
    for (const entry of this.#entries.values()) {
      if (entry.users === 0 && (oldest === null || entry.usedAt < oldest.usedAt)) oldest = entry;
    }
    if (oldest !== null) this.#retire(oldest);
  }
}

/** Mailboxes without credentials of their own share their provider's transport. */
function keyOf({ provider }: Route, own: MailboxSettings | null): string {
  return own === null ? String(provider.no) : `${provider.no} ${own.id}`;
}

/** A claim may name older settings than those that stand now. */
function isFresh({ versions }: Entry, { provider }: Route, own: MailboxSettings | null): boolean {
  return versions.provider >= provider.version && versions.own >= (own?.version ?? 0);
}
