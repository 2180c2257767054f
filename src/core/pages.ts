/**
 * Octets in pages, given out in pieces of whole units: many small records lie in them that the garbage collector need not look
 * through. A piece that is given back goes to the next record of its length; pages themselves are kept.
 */
const UNIT = 16;
const PAGE_UNITS = 65_536;

/** One memory, seen as octets and as numbers of eight octets. */
export type Page = { octets: Uint8Array; numbers: Float64Array };

export class Pages {
  private readonly pages: Page[] = [];
  /** Places that were given back, by their length in units. */
  private readonly free: number[][] = [];
  private next = 0;

  /** A place of so many octets, a megabyte at most. What lies there is left from before. */
  take(octets: number): number {
    const units = unitsOf(octets);
    return this.free[units]?.pop() ?? this.allocate(units);
  }

  giveBack(place: number, octets: number): void {
    const units = unitsOf(octets);
    const free = this.free[units];
    if (free === undefined) this.free[units] = [place];
    else free.push(place);
  }

  pageOf(place: number): Page {
    return this.pages[Math.floor(place / PAGE_UNITS)]!;
  }

  private allocate(units: number): number {
    const left = PAGE_UNITS - (this.next % PAGE_UNITS);
    if (this.pages.length === 0 || units > left || left === PAGE_UNITS) {
      this.next = this.pages.length * PAGE_UNITS;
      const memory = new ArrayBuffer(PAGE_UNITS * UNIT);
      this.pages.push({ octets: new Uint8Array(memory), numbers: new Float64Array(memory) });
    }
    const place = this.next;
    this.next += units;
    return place;
  }
}

/** Where in its page a place begins, in octets; a multiple of 16. */
export function offsetOf(place: number): number {
  return (place % PAGE_UNITS) * UNIT;
}

function unitsOf(octets: number): number {
  return Math.ceil(octets / UNIT);
}
