/**
 * Room for mails in progress, as large request bodies have it: those over 256 kB hold at most 48 MB together, one tenant half of
 * that; small ones never wait for it.
 */
const FREE_BYTES = 256 * 1024;
const ROOM_BYTES = 48 * 1024 * 1024;

export class DataRoom {
  readonly #byTenant = new Map<number, number>();
  #held = 0;

  get heldBytes(): number {
    return this.#held;
  }

  enter(tenantNo: number): Holding {
    return new Holding((wanted, held) => this.#take(tenantNo, wanted, held));
  }

  /** Whether a mail of this size would find room now. */
  hasRoomFor(tenantNo: number, bytes: number): boolean {
    return bytes <= FREE_BYTES || this.#fits(tenantNo, bytes, 0);
  }

  #fits(tenantNo: number, bytes: number, ofThis: number): boolean {
    const ofTenant = this.#byTenant.get(tenantNo) ?? 0;
    // The largest mail is larger than half the room: alone it may pass.
    const isAlone = ofTenant === ofThis;
    return this.#held + bytes <= ROOM_BYTES && (isAlone || ofTenant + bytes <= ROOM_BYTES / 2);
  }

  /** `bytes` may be negative: given back. */
  #take(tenantNo: number, bytes: number, ofThis: number): boolean {
    if (bytes > 0 && !this.#fits(tenantNo, bytes, ofThis)) return false;
    this.#held += bytes;
    const left = (this.#byTenant.get(tenantNo) ?? 0) + bytes;
    if (left > 0) this.#byTenant.set(tenantNo, left);
    else this.#byTenant.delete(tenantNo);
    return true;
  }
}

/** What one mail holds. */
export class Holding {
  readonly #take: (bytes: number, held: number) => boolean;
  #seen = 0;
  #held = 0;

  constructor(take: (bytes: number, held: number) => boolean) {
    this.#take = take;
  }

  /** Whether there is room for the whole of it, which is kept for it from now on. */
  expect(bytes: number): boolean {
    return bytes <= FREE_BYTES || this.#holdAll(bytes);
  }

  /** Whether there is room for so much more. Where there is none, it gives back what it held, or those that come together would all fail. */
  add(bytes: number): boolean {
    this.#seen += bytes;
    if (this.#seen <= Math.max(FREE_BYTES, this.#held) || this.#holdAll(this.#seen)) return true;
    this.leave();
    return false;
  }

  #holdAll(bytes: number): boolean {
    if (!this.#take(bytes - this.#held, this.#held)) return false;
    this.#held = bytes;
    return true;
  }

  leave(): void {
    if (this.#held > 0) this.#take(-this.#held, this.#held);
    this.#held = 0;
  }
}
