/**
 * Finds used idempotency and dedupe keys by hash without a random-key index on the accept path.
 *
 * Rows of `used_key` lie in order of use. The newest million are found through open-addressed tables in memory (32 bytes
 * a key at most); older generations are written to `key_run` in sorted order, a slice a group, and answered through a
 * Bloom filter. A hash is only a hint: the caller compares the row itself.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

const GENERATION_KEYS = 262_144;
const GENERATIONS_IN_MEMORY = 4;
const SPILL_PARTS = 256;
const PART_HASHES = 2 ** 53 / SPILL_PARTS;
const DROP_SLICE = 1000;
const BLOOM_BITS_A_KEY = 12;

class Generation {
  /** Slot: hash + 1 (0 is empty), row number. */
  private slots = new Float64Array(8192);
  count = 0;
  lastId = 0;

  add(hash: number, id: number): void {
    if ((this.count + 1) * 6 > this.slots.length * 2) this.grow();
    this.place(hash + 1, id);
    this.count += 1;
    this.lastId = id;
  }

  find(hash: number, found: number[]): void {
    const { slots } = this;
    const mask = slots.length / 2 - 1;
    for (let i = hash & mask; slots[i * 2] !== 0; i = (i + 1) & mask) {
      if (slots[i * 2] === hash + 1) found.push(slots[i * 2 + 1]!);
    }
  }

  /** The keys whose hash lies in one of `SPILL_PARTS` equal ranges, in order: sorting all at once would stall a group. */
  sortedPart(part: number): [hash: number, id: number][] {
    const { slots } = this;
    const from = part * PART_HASHES;
    const pairs: [number, number][] = [];
    for (let i = 0; i < slots.length; i += 2) {
      const hash = slots[i]! - 1;
      if (hash >= from && hash < from + PART_HASHES) pairs.push([hash, slots[i + 1]!]);
    }
    return pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  }

  private place(stored: number, id: number): void {
    const { slots } = this;
    const mask = slots.length / 2 - 1;
    let i = (stored - 1) & mask;
    while (slots[i * 2] !== 0) i = (i + 1) & mask;
    slots[i * 2] = stored;
    slots[i * 2 + 1] = id;
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Float64Array(old.length * 2);
    for (let i = 0; i < old.length; i += 2) if (old[i] !== 0) this.place(old[i]!, old[i + 1]!);
  }
}

class Bloom {
  private readonly bits: Uint32Array;
  private readonly size: number;

  constructor(keys: number, bits = new Uint32Array(Math.ceil(Math.max(64, keys * BLOOM_BITS_A_KEY) / 32))) {
    this.bits = bits;
    this.size = bits.length * 32;
  }

  static of(octets: Uint8Array): Bloom {
    return new Bloom(0, new Uint32Array(octets.slice().buffer));
  }

  octets(): Uint8Array {
    return new Uint8Array(this.bits.buffer);
  }

  private positions(hash: number): number[] {
    const low = hash % 4_294_967_296;
    const high = Math.floor(hash / 4_294_967_296) | 1;
    return [0, 1, 2, 3, 4].map((i) => (low + i * high * 2_654_435) % this.size);
  }

  add(hash: number): void {
    for (const position of this.positions(hash)) this.bits[position >>> 5]! |= 1 << (position & 31);
  }

  has(hash: number): boolean {
    return this.positions(hash).every((position) => (this.bits[position >>> 5]! & (1 << (position & 31))) !== 0);
  }
}

type Spill = {
  run: number;
  generation: Generation;
  bloom: Bloom;
  /** Parts written, and those of them that are committed. */
  part: number;
  committed: number;
};

export type KeyIndexBounds = {
  /** Keys of one generation. */
  keys: number;
  /** Generations kept in memory. */
  generations: number;
};

export class KeyIndex {
  private generations: Generation[] = [new Generation()];
  private runs: { run: number; bloom: Bloom }[] = [];
  private spill: Spill | null = null;
  /** Written whole in the group at hand, not committed yet. */
  private spilled: Spill | null = null;
  /** Number of the newest whole run; null once what lies beyond it has been removed. */
  private whole: number | null = null;
  private readonly db: DatabaseSync;
  private readonly selectRun: StatementSync;
  private readonly insertRun: StatementSync;
  private readonly bounds: KeyIndexBounds;

  constructor(db: DatabaseSync, bounds: Partial<KeyIndexBounds> = {}) {
    this.db = db;
    this.bounds = { keys: GENERATION_KEYS, generations: GENERATIONS_IN_MEMORY, ...bounds };
    this.selectRun = db.prepare('SELECT id FROM key_run WHERE run = ? AND hash = ?');
    this.insertRun = db.prepare('INSERT OR IGNORE INTO key_run (run, hash, id) VALUES (?, ?, ?)');
    this.rebuild();
  }

  /** Reads the keys of rows not yet spilled; under two seconds a million. */
  rebuild(): void {
    this.generations = [new Generation()];
    this.runs = [];
    this.spill = null;
    this.spilled = null;
    const whole = this.db.prepare("SELECT value FROM setting WHERE name = 'key_run'").get() as
      | { value: string }
      | undefined;
    const after = Number(whole?.value ?? 0);
    this.whole = after;
    const blooms = this.db.prepare('SELECT run, bits FROM key_bloom WHERE run <= ? ORDER BY run').all(after);
    for (const { run, bits } of blooms as { run: number; bits: Uint8Array }[]) {
      this.runs.push({ run, bloom: Bloom.of(bits) });
    }
    const rows = this.db.prepare('SELECT id, hash FROM used_key WHERE id > ? ORDER BY id').iterate(after);
    for (const row of rows as IterableIterator<{ id: number; hash: number }>) this.insert(row.hash, row.id);
  }

  /** Row numbers of `used_key` whose hash is this one, newest last. */
  find(hash: number): number[] {
    const found: number[] = [];
    for (const { run, bloom } of this.runs) {
      if (!bloom.has(hash)) continue;
      for (const row of this.selectRun.all(run, hash) as { id: number }[]) found.push(row.id);
    }
    this.spill?.generation.find(hash, found);
    this.spilled?.generation.find(hash, found);
    for (const generation of this.generations) generation.find(hash, found);
    return found.length > 1 ? found.sort((a, b) => a - b) : found;
  }

  add(hash: number, id: number): void {
    this.insert(hash, id);
  }

  private insert(hash: number, id: number): void {
    let newest = this.generations.at(-1)!;
    if (newest.count >= this.bounds.keys) {
      newest = new Generation();
      this.generations.push(newest);
    }
    newest.add(hash, id);
  }

  /** Inside a group's transaction: moves a part of the oldest generation to its run, when memory holds enough. */
  endGroup(): void {
    if (this.whole !== null) {
      // Parts of a run that a crash cut short.
      this.db.prepare('DELETE FROM key_run WHERE run > ?').run(this.whole);
      this.whole = null;
    }
    if (this.spill === null) {
      if (this.generations.length <= this.bounds.generations) return;
      const generation = this.generations.shift()!;
      // The run's number is its newest row, so that a start knows from which row on memory must be filled.
      const bloom = new Bloom(generation.count);
      this.spill = { run: generation.lastId, generation, bloom, part: 0, committed: 0 };
    }
    const { run, generation, part, bloom } = this.spill;
    for (const [hash, id] of generation.sortedPart(part)) {
      this.insertRun.run(run, hash, id);
      bloom.add(hash);
    }
    this.spill.part += 1;
    if (this.spill.part < SPILL_PARTS) return;
    // A run counts only once it is whole: a crash before leaves its keys to be read from their rows again.
    this.db.prepare("INSERT OR REPLACE INTO setting (name, value) VALUES ('key_run', ?)").run(String(run));
    this.db.prepare('INSERT OR REPLACE INTO key_bloom (run, bits) VALUES (?, ?)').run(run, bloom.octets());
    this.spilled = this.spill;
    this.spill = null;
  }

  /** After a commit: what was spilled is answered from its run. */
  committed(): void {
    if (this.spill !== null) this.spill.committed = this.spill.part;
    if (this.spilled !== null) this.runs.push({ run: this.spilled.run, bloom: this.spilled.bloom });
    this.spilled = null;
  }

  /**
   * After a failed commit. Keys added since are left: a hash is only a hint, and the row it names does not exist or says
   * otherwise. What was written of a run is written again.
   */
  undo(): void {
    // Of several transactions before a commit is told, one may have ended a run and the next begun another: that one begins again.
    if (this.spilled !== null && this.spill !== null) this.generations.unshift(this.spill.generation);
    this.spill = this.spilled ?? this.spill;
    this.spilled = null;
    if (this.spill !== null) this.spill.part = this.spill.committed;
  }

  /** The runs, oldest first, each by the number of its newest row. */
  runNumbers(): number[] {
    return this.runs.map(({ run }) => run);
  }

  /** Takes a slice of a run away in which every key has expired, and the run itself once nothing of it is left. */
  dropRun(run: number): void {
    const { changes } = this.db
      .prepare('DELETE FROM key_run WHERE run = ? AND hash IN (SELECT hash FROM key_run WHERE run = ? LIMIT ?)')
      .run(run, run, DROP_SLICE);
    if (Number(changes) > 0) return;
    this.db.prepare('DELETE FROM key_bloom WHERE run = ?').run(run);
    this.runs = this.runs.filter((one) => one.run !== run);
  }
}
