/**
 * Entries of the ledger that no group is at, packed into pages of octets: a fifth of what they take as objects, and nothing that
 * the garbage collector looks through. Their state is packed as their row has it, so a row is written without unpacking it.
 *
 * A table of open addressing finds a record by its hash. What leaves when there are too many has not been asked for since the hand last came by, and its row is current.
 */
import { PackReader, PackWriter } from '../../core/pack.ts';
import { offsetOf, Pages } from '../../core/pages.ts';
import { type Entry, emptyEntry, packState, unpackState } from './ledger-entry.ts';

/** Larger ones stay objects: to pack them each time would cost more than it saves. */
const MOST_BYTES = 512;
const FIRST_SLOTS = 1024;

/** Where things stand in a record: its number of the journal in eight octets, its length, its marks, and what is packed. */
const LENGTH = 8;
const MARKS = 10;
const BODY = 11;

const DIRTY = 1;
const STORED = 2;
/** Put here since the hand last came by. */
const RECENT = 4;

/** Where rows of the ledger are gathered. */
export interface LedgerRows {
  add(hash: number, space: number, key: string, lsn: number, state: Uint8Array): void;
}

export class PackedEntries {
  /** Hash + 1; 0 is empty. */
  private hashes = new Float64Array(FIRST_SLOTS);
  /** The place of the record. */
  private places = new Uint32Array(FIRST_SLOTS);
  private pages = new Pages();
  private hand = 0;
  private count = 0;
  private readonly packer = new PackWriter();

  get size(): number {
    return this.count;
  }

  /** False where it is too large to be kept here. It must not be here already. */
  put(entry: Entry): boolean {
    const w = this.packer.restart();
    w.uint(entry.space);
    w.text(entry.key);
    packState(entry, w);
    const length = BODY + w.size;
    if (length > MOST_BYTES) return false;
    const place = this.pages.take(length);
    const { octets, numbers } = this.pages.pageOf(place);
    const at = offsetOf(place);
    numbers[at / 8] = entry.lsn;
    octets[at + LENGTH] = length & 255;
    octets[at + LENGTH + 1] = length >>> 8;
    octets[at + MARKS] = RECENT | (entry.dirty ? DIRTY : 0) | (entry.stored ? STORED : 0);
    w.copyTo(octets, at + BODY);
    if ((this.count + 1) * 2 > this.hashes.length) this.grow();
    this.place(entry.hash + 1, place);
    this.count += 1;
    return true;
  }

  /** Takes out what stands under a hash, or null. It is mostly that of the key that is asked for. */
  take(hash: number, space: number, key: string): Entry | null {
    const slot = this.find(hash);
    if (slot < 0) return null;
    const { octets, numbers, at } = this.record(slot);
    const r = new PackReader(octets, at + BODY, at + lengthAt(octets, at));
    const itsSpace = r.uint();
    const entry = emptyEntry(hash, itsSpace, itsSpace === space && r.skipsText(key) ? key : r.text());
    unpackState(entry, r);
    entry.lsn = numbers[at / 8]!;
    entry.dirty = (octets[at + MARKS]! & DIRTY) !== 0;
    entry.stored = (octets[at + MARKS]! & STORED) !== 0;
    this.remove(slot);
    return entry;
  }

  /**
   * Adds the row of an entry whose own lags behind to `rows`, and counts it as written at `lsn`. Whether there was one. The rows are to be
   * written before anything else is put here.
   */
  flush(hash: number, lsn: number, rows: LedgerRows): boolean {
    const slot = this.find(hash);
    if (slot < 0) return false;
    const { octets, numbers, at } = this.record(slot);
    if ((octets[at + MARKS]! & DIRTY) === 0) return false;
    const end = at + lengthAt(octets, at);
    const r = new PackReader(octets, at + BODY, end);
    const space = r.uint();
    const key = r.text();
    rows.add(hash, space, key, lsn, octets.subarray(r.position, end));
    octets[at + MARKS] = (octets[at + MARKS]! & ~DIRTY) | STORED;
    numbers[at / 8] = lsn;
    return true;
  }

  /** Hashes of a space. */
  hashesOf(space: number): number[] {
    const found: number[] = [];
    for (let slot = 0; slot < this.hashes.length; slot += 1) {
      if (this.hashes[slot] === 0) continue;
      const { octets, at } = this.record(slot);
      if (new PackReader(octets, at + BODY).uint() === space) found.push(this.hashes[slot]! - 1);
    }
    return found;
  }

  /** Forgets an entry that is from before `lsn`. Whether its row lagged behind; null where nothing was forgotten. */
  drop(hash: number, lsn: number): boolean | null {
    const slot = this.find(hash);
    if (slot < 0) return null;
    const { octets, numbers, at } = this.record(slot);
    if (numbers[at / 8]! >= lsn) return null;
    const isDirty = (octets[at + MARKS]! & DIRTY) !== 0;
    this.remove(slot);
    return isDirty;
  }

  /** Lets entries go until `most` are left, after so many looks at the latest. */
  evict(most: number, looks: number): void {
    for (let left = looks; left > 0 && this.count > most; left -= 1) {
      const slot = this.hand;
      if (this.hashes[slot] !== 0) {
        const { octets, at } = this.record(slot);
        const marks = octets[at + MARKS]!;
        if ((marks & (DIRTY | RECENT)) === 0) {
          // What follows moves up: the hand stays.
          this.remove(slot);
          continue;
        }
        octets[at + MARKS] = marks & ~RECENT;
      }
      this.hand = (slot + 1) & (this.hashes.length - 1);
    }
  }

  clear(): void {
    this.hashes = new Float64Array(FIRST_SLOTS);
    this.places = new Uint32Array(FIRST_SLOTS);
    this.pages = new Pages();
    this.hand = 0;
    this.count = 0;
  }

  private record(slot: number): { octets: Uint8Array; numbers: Float64Array; at: number } {
    const place = this.places[slot]!;
    const { octets, numbers } = this.pages.pageOf(place);
    return { octets, numbers, at: offsetOf(place) };
  }

  private find(hash: number): number {
    const { hashes } = this;
    const mask = hashes.length - 1;
    for (let slot = home(hash + 1, mask); hashes[slot] !== 0; slot = (slot + 1) & mask) {
      if (hashes[slot] === hash + 1) return slot;
    }
    return -1;
  }

  private place(stored: number, place: number): void {
    const { hashes } = this;
    const mask = hashes.length - 1;
    let slot = home(stored, mask);
    while (hashes[slot] !== 0) slot = (slot + 1) & mask;
    hashes[slot] = stored;
    this.places[slot] = place;
  }

  /** Those behind it that would no longer be found move up (Knuth, The Art of Computer Programming 3, 6.4, algorithm R). */
  private remove(slot: number): void {
    const { hashes, places } = this;
    const { octets, at } = this.record(slot);
    this.pages.giveBack(places[slot]!, lengthAt(octets, at));
    this.count -= 1;
    const mask = hashes.length - 1;
    let gap = slot;
    for (let i = (slot + 1) & mask; hashes[i] !== 0; i = (i + 1) & mask) {
      const distance = (i - home(hashes[i]!, mask)) & mask;
      if (distance < ((i - gap) & mask)) continue;
      hashes[gap] = hashes[i]!;
      places[gap] = places[i]!;
      gap = i;
    }
    hashes[gap] = 0;
  }

  private grow(): void {
    const { hashes, places } = this;
    this.hashes = new Float64Array(hashes.length * 2);
    this.places = new Uint32Array(hashes.length * 2);
    for (let i = 0; i < hashes.length; i += 1) if (hashes[i] !== 0) this.place(hashes[i]!, places[i]!);
    this.hand = 0;
  }
}

function home(stored: number, mask: number): number {
  return (stored >>> 0) & mask;
}

function lengthAt(octets: Uint8Array, at: number): number {
  return octets[at + LENGTH]! | (octets[at + LENGTH + 1]! << 8);
}
