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
const SPILL_SLICE = 1000;
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
    for (let i = hash % (mask + 1); slots[i * 2] !== 0; i = (i + 1) & mask) {
      if (slots[i * 2] === hash + 1) found.push(slots[i * 2 + 1]!);
    }
  }

  sorted(): [hash: number, id: number][] {
    const pairs: [number, number][] = [];
    for (let i = 0; i < this.slots.length; i += 2) {
      if (this.slots[i] !== 0) pairs.push([this.slots[i]! - 1, this.slots[i + 1]!]);
    }
    return pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  }

  private place(stored: number, id: number): void {
    const { slots } = this;
    const mask = slots.length / 2 - 1;
    let i = (stored - 1) % (mask + 1);
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

  constructor(keys: number) {
    this.size = Math.max(64, keys * BLOOM_BITS_A_KEY);
    this.bits = new Uint32Array(Math.ceil(this.size / 32));
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

type Spill = { run: number; generation: Generation; rest: [hash: number, id: number][]; bloom: Bloom };

export class KeyIndex {
  private generations: Generation[] = [new Generation()];
  private runs: { run: number; bloom: Bloom }[] = [];
  private spill: Spill | null = null;
  private readonly db: DatabaseSync;
  private readonly selectRun: StatementSync;
  private readonly insertRun: StatementSync;

  constructor(db: DatabaseSync) {
    this.db = db;
    this.selectRun = db.prepare('SELECT id FROM key_run WHERE run = ? AND hash = ?');
    this.insertRun = db.prepare('INSERT OR IGNORE INTO key_run (run, hash, id) VALUES (?, ?, ?)');
    this.rebuild();
  }

  /** Reads the keys of rows not yet spilled; under two seconds a million. */
  rebuild(): void {
    this.generations = [new Generation()];
    this.runs = [];
    this.spill = null;
    const whole = this.db.prepare("SELECT value FROM setting WHERE name = 'key_run'").get() as
      | { value: string }
      | undefined;
    const after = Number(whole?.value ?? 0);
    const bounds = this.db
      .prepare('SELECT run, count(*) AS n FROM key_run WHERE run <= ? GROUP BY run ORDER BY run')
      .all(after);
    for (const { run, n } of bounds as { run: number; n: number }[]) {
      const bloom = new Bloom(n);
      const rows = this.db.prepare('SELECT hash FROM key_run WHERE run = ?').iterate(run);
      for (const row of rows as IterableIterator<{ hash: number }>) bloom.add(row.hash);
      this.runs.push({ run, bloom });
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
    for (const generation of this.generations) generation.find(hash, found);
    return found.sort((a, b) => a - b);
  }

  add(hash: number, id: number): void {
    this.insert(hash, id);
  }

  private insert(hash: number, id: number): void {
    let newest = this.generations.at(-1)!;
    if (newest.count >= GENERATION_KEYS) {
      newest = new Generation();
      this.generations.push(newest);
    }
    newest.add(hash, id);
  }

  /** Inside a group's transaction: moves a slice of the oldest generation to its run, when memory holds enough. */
  endGroup(): void {
    if (this.spill === null) {
      if (this.generations.length <= GENERATIONS_IN_MEMORY) return;
      const generation = this.generations.shift()!;
      // The run's number is its newest row, so that a start knows from which row on memory must be filled.
      this.spill = {
        run: generation.lastId,
        generation,
        rest: generation.sorted(),
        bloom: new Bloom(generation.count),
      };
    }
    const { run, rest, bloom } = this.spill;
    for (const [hash, id] of rest.splice(0, SPILL_SLICE)) {
      this.insertRun.run(run, hash, id);
      bloom.add(hash);
    }
    if (rest.length > 0) return;
    // A run counts only once it is whole: a crash before leaves its keys to be read from their rows again.
    this.db.prepare("INSERT OR REPLACE INTO setting (name, value) VALUES ('key_run', ?)").run(String(run));
    this.runs.push({ run, bloom });
    this.spill = null;
  }

  /** Forgets runs in which every key has expired. */
  dropRunsBefore(id: number): void {
    const expired = this.runs.filter(({ run }) => run < id);
    if (expired.length === 0) return;
    this.runs = this.runs.filter(({ run }) => run >= id);
    for (const { run } of expired) this.db.prepare('DELETE FROM key_run WHERE run = ?').run(run);
  }
}
