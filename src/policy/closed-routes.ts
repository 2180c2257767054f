/** Ways out that take nothing for a time, as the relay says. Plain state; who asks gives the time. */

export type Closed = { until: number; cause: string };

/** Of a provider, of a mailbox, or of either for one destination; null: all of them. */
export type WayName = { provider: number | null; mailbox: number | null; destination: string | null };

export class ClosedRoutes {
  private readonly closed = new Map<string, Closed>();

  get isEmpty(): boolean {
    return this.closed.size === 0;
  }

  close(name: WayName, closed: Closed): void {
    this.closed.set(keyOf(name), closed);
  }

  /** False where it was not closed. */
  open(name: WayName): boolean {
    return this.closed.delete(keyOf(name));
  }

  openEverything(): void {
    this.closed.clear();
  }

  /** Opens a provider or a mailbox whole, or with every destination it was closed towards. False where nothing was closed. */
  openAll({ provider, mailbox }: Omit<WayName, 'destination'>, withDestinations: boolean): boolean {
    if (!withDestinations) return this.open({ provider, mailbox, destination: null });
    const before = this.closed.size;
    for (const key of this.closed.keys()) {
      const [ofProvider, ofMailbox] = key.split(' ');
      if (provider === null ? ofMailbox === String(mailbox) : ofProvider === String(provider)) this.closed.delete(key);
    }
    return this.closed.size < before;
  }

  /** What closes a way to a destination at `now`: of several the one that lasts longest. */
  find(provider: number, mailbox: number | null, destination: string, now: number): Closed | null {
    if (this.closed.size === 0) return null;
    let found: Closed | null = null;
    const names: WayName[] = [
      { provider, mailbox: null, destination: null },
      { provider, mailbox: null, destination },
    ];
    if (mailbox !== null) {
      for (const named of [provider, null]) {
        names.push({ provider: named, mailbox, destination: null }, { provider: named, mailbox, destination });
      }
    }
    for (const name of names) {
      const one = this.at(name, now);
      if (one !== null && (found === null || one.until > found.until)) found = one;
    }
    return found;
  }

  /** Whether, and until when, exactly this way is closed. */
  at(name: WayName, now: number): Closed | null {
    const key = keyOf(name);
    const one = this.closed.get(key);
    if (one === undefined) return null;
    if (one.until > now) return one;
    this.closed.delete(key);
    return null;
  }
}

function keyOf({ provider, mailbox, destination }: WayName): string {
  return `${provider ?? ''} ${mailbox ?? ''} ${destination ?? ''}`;
}
