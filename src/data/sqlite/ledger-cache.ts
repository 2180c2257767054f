/**
 * The ledger in the writer's memory, with the journal that makes it durable.
 *
 * An entry is a contact, a domain, the counters of one scope, or one hour's tallies. Decisions read and change entries in
 * memory; each group of transactions writes what it changed as one journal row, in its own transaction. Between groups people
 * and domains lie packed, see packed-entries.ts. Rows of the `ledger`
 * table lag behind and are rewritten in slices, sorted by key so that neighbours share a page: measured, writing each
 * entry in its own transaction cost half of an accept.
 *
 * Invariants: a row holds every change up to its `lsn`, the journal every later one, so replay is exact however often it
 * runs; an entry with changes not yet in its row is never evicted; after a failed commit everything is read anew.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { PackReader, PackWriter } from '../../core/pack.ts';
import { applyChange, type Change, changesNothing } from '../../policy/ledger.ts';
import { BulkInsert } from './database.ts';
import {
  addTo,
  contactText,
  type Entry,
  emptyEntry,
  hashKey,
  type LedgerRow,
  packState,
  readContact,
  unpackEntry,
} from './ledger-entry.ts';
import { PackedEntries } from './packed-entries.ts';

/** What bounds memory, the journal, and the work one group does for the rows that lag behind. */
export type LedgerBounds = {
  /** Entries kept as objects. */
  entries: number;
  /** Entries kept packed. */
  packed: number;
  /** A cycle of rewriting rows starts at so many entries with changes, */
  cycleDirty: number;
  /** or so many octets of journal: a few busy entries must not make it endless. */
  cycleOctets: number;
  /** Rows that are rewritten for each group at least while a cycle runs, those of a few groups at once. */
  slice: number;
};

const TRIM_SLICE = 32;
const GROUPS_A_SLICE = 3;
const IDLE_SLICE = 256;

/** Packed entries of that number take 25 MB, their table included. */
const BOUNDS: LedgerBounds = {
  entries: 20_000,
  packed: 250_000,
  cycleDirty: 16_384,
  cycleOctets: 8 * 1024 * 1024,
  slice: 192,
};

/** Series longer than that stay as they are: who is written to so often is asked for again soon. */
const LONGEST_PACKED = 32;

const DEFINE = 0;
const UNITS_RECIPIENT = 1;
const UNITS_MESSAGE = 2;
const TAT = 3;
const CONTACT = 4;
const GAUGE = 5;
const FORGET = 6;
const FORGET_ONE = 7;
const BESIDE = 8;

/** The keys of scopes begin with '#'. */
const SCOPE_SIGN = 35;
export const HOUR_PREFIX = '#hour:';

/** A key that a group will ask for. */
export type WantedKey = { space: number; key: string };

/** What else is kept in memory and made durable by the journal, with rows that lag behind. */
export interface Journaled {
  /** What the group has done, for its journal row; null: nothing. */
  takeLog(): Uint8Array | null;
  /** Writes the rows that lag behind, inside a transaction; they hold all groups up to `lsn`. */
  flushRows(lsn: number): void;
  /** Forgets all, before the journal is read again. */
  recover(): void;
  /** Does again what a group did, unless its row has it. */
  replay(lsn: number, log: Uint8Array): void;
}

export class LedgerCache {
  /** An entry is here, among those that visit or among the packed, never in two of them. */
  private readonly entries = new Map<number, Entry>();
  private readonly packed = new PackedEntries();
  /** People and domains that became objects since the last group, and are mostly packed again after it. */
  private visiting = new Map<number, Entry>();
  private readonly db: DatabaseSync;
  private readonly journal = new PackWriter();
  private readonly packer = new PackWriter();
  private defined = new Set<number>();
  private readonly selectOne: StatementSync;
  private readonly selectMany: StatementSync;
  private readonly rows: BulkInsert;
  private readonly insertJournal: StatementSync;
  private readonly trimJournal: StatementSync;
  private readonly oldestJournal: StatementSync;
  private readonly replaceTally: StatementSync;
  private lsn = 0;
  private dirtyCount = 0;
  /** Entries that became dirty, and entries loaded, since the last group: what leaves memory keeps pace with them. */
  private dirtied = 0;
  private loaded = 0;
  private journalOctets = 0;
  /** Hashes of the entries with changes; one may stand here twice, or be clean by now. */
  private dirtyHashes: number[] = [];
  /** Hashes of a cycle in ascending order, and how many of them are done. */
  private cycle = new Float64Array(0);
  private cycleDone = 0;
  private cycleLsn = 0;
  /** The journal up to here is not needed any more. */
  private trimTo = 0;
  private readonly bounds: LedgerBounds;
  private readonly beside: Journaled | null;
  /** A cycle has begun, and the rows beside the ledger's are not written yet. */
  private isBesideDue = false;
  /** Rows that groups have left to a later one, and how many groups. */
  private owed = 0;
  private owing = 0;

  constructor(db: DatabaseSync, bounds: Partial<LedgerBounds> = {}, beside: Journaled | null = null) {
    this.db = db;
    this.beside = beside;
    this.bounds = { ...BOUNDS, ...bounds };
    this.selectOne = db.prepare('SELECT hash, space, key, lsn, state FROM ledger WHERE hash = ?');
    this.selectMany = db.prepare(
      'SELECT hash, space, key, lsn, state FROM ledger WHERE hash IN (SELECT value FROM json_each(?))',
    );
    // Not REPLACE: a row that is there stays in the index over spaces untouched.
    const tail = 'ON CONFLICT (hash) DO UPDATE SET lsn = excluded.lsn, state = excluded.state';
    this.rows = new BulkInsert(db, 'ledger', ['hash', 'space', 'key', 'lsn', 'state'], tail);
    this.insertJournal = db.prepare('INSERT INTO journal (lsn, changes) VALUES (?, ?)');
    this.oldestJournal = db.prepare('SELECT min(lsn) AS lsn FROM journal');
    this.trimJournal = db.prepare('DELETE FROM journal WHERE lsn <= ?');
    this.replaceTally = db.prepare('INSERT OR REPLACE INTO tally (space, hour, code, n) VALUES (?, ?, ?, ?)');
    this.recover();
  }

  /** Forgets all and rebuilds from rows and journal: at the start, and after a commit that failed. */
  recover(): void {
    this.beside?.recover();
    this.isBesideDue = false;
    this.entries.clear();
    this.packed.clear();
    this.visiting = new Map();
    this.journal.restart();
    this.rows.clear();
    this.defined = new Set();
    this.dirtyHashes = [];
    this.cycle = new Float64Array(0);
    this.cycleDone = 0;
    this.trimTo = 0;
    this.dirtyCount = 0;
    this.journalOctets = 0;
    const newest = this.db.prepare('SELECT max(lsn) AS lsn FROM journal').get() as { lsn: number | null };
    const flushed = this.db.prepare("SELECT value FROM setting WHERE name = 'lsn'").get() as
      | { value: string }
      | undefined;
    this.lsn = Math.max(newest.lsn ?? 0, Number(flushed?.value ?? 0));
    const rows = this.db.prepare('SELECT lsn, changes FROM journal ORDER BY lsn').iterate() as IterableIterator<{
      lsn: number;
      changes: Uint8Array;
    }>;
    for (const row of rows) {
      this.journalOctets += row.changes.length;
      this.replay(row.lsn, new PackReader(row.changes));
    }
  }

  /** Loads what a group will need in one statement. */
  prefetch(keys: Iterable<WantedKey>): void {
    const missing: WantedKey[] = [];
    const hashes: number[] = [];
    for (const wanted of keys) {
      const hash = hashKey(wanted.space, wanted.key);
      if (this.inMemory(hash, wanted.space, wanted.key) !== undefined) continue;
      missing.push(wanted);
      hashes.push(hash);
    }
    if (missing.length === 0) return;
    for (const row of this.selectMany.all(JSON.stringify(hashes)) as unknown as LedgerRow[]) {
      // A hash may be asked for twice.
      if (this.object(row.hash) === undefined) this.load(row);
    }
    missing.forEach(({ space, key }, i) => {
      if (this.object(hashes[i]!) === undefined) this.addEmpty(hashes[i]!, space, key);
    });
  }

  /** What stands under a hash, where that is an object at the moment. */
  private object(hash: number): Entry | undefined {
    return this.visiting.get(hash) ?? this.entries.get(hash);
  }

  private addEmpty(hash: number, space: number, key: string): Entry {
    return this.add(emptyEntry(hash, space, key));
  }

  private add(entry: Entry): Entry {
    if (isScope(entry.key)) this.entries.set(entry.hash, entry);
    else this.visiting.set(entry.hash, entry);
    this.loaded += 1;
    return entry;
  }

  private *objects(): Generator<Entry> {
    yield* this.entries.values();
    yield* this.visiting.values();
  }

  /** What stands under a hash, as an object from now on. */
  private inMemory(hash: number, space: number, key: string): Entry | undefined {
    const known = isScope(key) ? (this.entries.get(hash) ?? this.visiting.get(hash)) : this.object(hash);
    if (known !== undefined) return known;
    const entry = this.packed.take(hash, space, key);
    return entry === null ? undefined : this.add(entry);
  }

  /** The entry of a key. Two keys of one hash take neighbouring numbers. */
  entry(space: number, key: string): Entry {
    return this.entryAt(hashKey(space, key), space, key);
  }

  /** The same where the hash of the key is known. */
  entryAt(first: number, space: number, key: string): Entry {
    for (let hash = first; ; hash += 1) {
      let entry = this.inMemory(hash, space, key);
      if (entry === undefined) {
        const row = this.selectOne.get(hash) as unknown as LedgerRow | undefined;
        entry = row === undefined ? this.addEmpty(hash, space, key) : this.load(row);
      }
      if (entry.space === space && entry.key === key) {
        entry.usedIn = this.lsn;
        return entry;
      }
    }
  }

  /** Tallies of the hours of a space that are in memory: their rows may lag behind. */
  hours(space: number, since: number, until: number): Map<number, ReadonlyMap<string, number>> {
    const found = new Map<number, ReadonlyMap<string, number>>();
    for (let hour = since; hour < until; hour += 1) {
      const entry = this.entries.get(hashKey(space, HOUR_PREFIX + hour));
      if (entry?.gauges && entry.space === space) found.set(hour, entry.gauges);
    }
    return found;
  }

  private load(row: LedgerRow): Entry {
    return this.add(unpackEntry(row));
  }

  /** Applies and logs one change of a counter. */
  apply(change: Change, nowSecond: number): void {
    if (changesNothing(change)) return;
    const entry = change.state as Entry;
    this.touch(entry);
    const journal = this.journal;
    if (change.kind === 'tat') {
      journal.byte(TAT);
      journal.uint(entry.hash);
      journal.text(change.name);
      journal.uint(change.tat);
    } else {
      journal.byte(change.unit === 'recipient' ? UNITS_RECIPIENT : UNITS_MESSAGE);
      journal.uint(entry.hash);
      journal.uint(change.second);
      journal.int(change.units);
    }
    applyChange(change, nowSecond);
  }

  addGauge(entry: Entry, name: string, delta: number): void {
    if (delta === 0) return;
    this.touch(entry);
    this.journal.byte(GAUGE);
    this.journal.uint(entry.hash);
    this.journal.text(name);
    this.journal.int(delta);
    addTo(entry, name, delta);
  }

  /** Logs what is known of a contact after a change to its suppressions, marks or replies. */
  contactChanged(entry: Entry): void {
    this.touch(entry);
    this.journal.byte(CONTACT);
    this.journal.uint(entry.hash);
    this.journal.text(contactText(entry));
  }

  private touch(entry: Entry): void {
    if (!entry.stored && !this.defined.has(entry.hash)) {
      this.defined.add(entry.hash);
      this.journal.byte(DEFINE);
      this.journal.uint(entry.hash);
      this.journal.uint(entry.space);
      this.journal.text(entry.key);
    }
    this.markDirty(entry);
  }

  private markDirty(entry: Entry): void {
    if (entry.dirty) return;
    entry.dirty = true;
    this.dirtyHashes.push(entry.hash);
    this.dirtyCount += 1;
    this.dirtied += 1;
  }

  /** Only a group that changed something takes a number, so no row can claim changes that the journal lacks. */
  private writeJournal(): void {
    const beside = this.beside?.takeLog() ?? null;
    if (beside !== null) {
      this.journal.byte(BESIDE);
      this.journal.uint(0);
      this.journal.blob(beside);
    }
    if (this.journal.size === 0) return;
    this.lsn += 1;
    this.insertJournal.run(this.lsn, this.journal.view());
    this.journalOctets += this.journal.size;
    this.journal.restart();
    this.defined = new Set();
  }

  /** Ends a group inside its transaction: one journal row, and a slice of the rows that lag behind. */
  endGroup(): void {
    this.writeJournal();
    const { slice, cycleDirty, cycleOctets } = this.bounds;
    if (this.inCycle > 0) this.flushOwed(Math.max(slice, this.dirtied + (slice >> 1)));
    else if (this.dirtyCount >= cycleDirty || this.journalOctets >= cycleOctets) this.startCycle();
    this.dirtied = 0;
    this.trim();
  }

  /** After a commit: packs what the group was at, and keeps memory bounded. Only entries whose row is current leave. */
  evict(): void {
    const { entries, packed, bounds } = this;
    for (const entry of this.visiting.values()) {
      if (!isPackable(entry) || !packed.put(entry)) entries.set(entry.hash, entry);
    }
    if (this.visiting.size > 0) this.visiting = new Map();
    const looks = 4000 + 2 * this.loaded;
    this.loaded = 0;
    if (entries.size > bounds.entries) this.evictObjects(looks);
    if (packed.size > bounds.packed) packed.evict(bounds.packed - (bounds.packed >> 6), looks);
    const tooMany = entries.size > bounds.entries || packed.size > bounds.packed;
    if (tooMany && this.inCycle === 0) this.startCycle();
  }

  private evictObjects(most: number): void {
    const { entries, bounds } = this;
    const enough = bounds.entries - (bounds.entries >> 6);
    let looks = most;
    for (const [hash, entry] of entries) {
      if (entries.size <= enough || looks === 0) return;
      looks -= 1;
      entries.delete(hash);
      if (entry.dirty || this.lsn - entry.usedIn < 8) entries.set(hash, entry);
    }
  }

  /** Entries that the cycle has not come to. */
  private get inCycle(): number {
    return this.cycle.length - this.cycleDone;
  }

  private startCycle(): void {
    this.cycleLsn = this.lsn;
    this.isBesideDue = true;
    this.journalOctets = 0;
    const left = this.cycle.subarray(this.cycleDone);
    const all = new Float64Array(left.length + this.dirtyHashes.length);
    all.set(left);
    all.set(this.dirtyHashes, left.length);
    this.cycle = all.sort();
    this.cycleDone = 0;
    this.dirtyHashes = [];
  }

  /**
   * Several groups' slices at once: they are sorted by hash, so a slice touches a page of each space in the index over spaces, however
   * few rows it has.
   */
  private flushOwed(more: number): void {
    this.owed += more;
    this.owing += 1;
    if (this.owing < GROUPS_A_SLICE && this.owed < this.inCycle) return;
    this.flushSlice(this.owed);
    this.owed = 0;
    this.owing = 0;
  }

  private flushSlice(most: number): void {
    if (this.isBesideDue) this.beside?.flushRows(this.lsn);
    this.isBesideDue = false;
    const until = Math.min(this.cycle.length, this.cycleDone + most);
    while (this.cycleDone < until) {
      this.flushHash(this.cycle[this.cycleDone]!);
      this.cycleDone += 1;
    }
    this.rows.flush();
    if (this.inCycle === 0) {
      this.trimTo = this.cycleLsn;
      this.saveLsn();
    }
  }

  /** Takes away journal rows that every ledger row is past, a few a group. */
  private trim(): void {
    if (this.trimTo === 0) return;
    const oldest = (this.oldestJournal.get() as { lsn: number | null }).lsn;
    const until = Math.min(this.trimTo, (oldest ?? this.trimTo) + TRIM_SLICE);
    this.trimJournal.run(until);
    if (until === this.trimTo) this.trimTo = 0;
  }

  private saveLsn(): void {
    this.db.prepare("INSERT OR REPLACE INTO setting (name, value) VALUES ('lsn', ?)").run(String(this.lsn));
  }

  private flushHash(hash: number): void {
    const entry = this.object(hash);
    if (entry !== undefined) {
      this.flushEntry(entry);
      return;
    }
    if (this.packed.flush(hash, this.lsn, this.rows)) this.dirtyCount -= 1;
  }

  private flushEntry(entry: Entry): void {
    if (!entry.dirty) return;
    entry.dirty = false;
    this.dirtyCount -= 1;
    entry.stored = true;
    entry.lsn = this.lsn;
    const w = this.packer.restart();
    packState(entry, w);
    this.rows.add(entry.hash, entry.space, entry.key, entry.lsn, w.part());
    if (entry.gauges !== null && entry.key.startsWith(HOUR_PREFIX)) {
      const hour = Number(entry.key.slice(HOUR_PREFIX.length));
      for (const [code, n] of entry.gauges) this.replaceTally.run(entry.space, hour, code, n);
    }
  }

  /** Writes every row that lags behind, inside the caller's transaction: when idle, before closing, before a reader lists. */
  flushAll(): void {
    this.writeJournal();
    if (this.dirtyCount === 0 && this.inCycle === 0) return;
    this.startCycle();
    this.flushSlice(this.inCycle);
    this.trimJournal.run(this.cycleLsn);
    this.trimTo = 0;
  }

  /** Writes the rows of one space that lag behind, inside the caller's transaction. */
  flushSpace(space: number): void {
    this.writeJournal();
    for (const entry of this.objects()) if (entry.space === space) this.flushEntry(entry);
    for (const hash of this.packed.hashesOf(space)) this.flushHash(hash);
    this.rows.flush();
  }

  /** When nothing else is to do: writes a slice of the rows that lag behind; answers with how many still do. */
  flushIdle(): number {
    this.writeJournal();
    if (this.inCycle === 0 && this.dirtyCount > 0) this.startCycle();
    this.flushSlice(IDLE_SLICE);
    return this.inCycle;
  }

  /** Removes the tallies of a space before an hour, from memory and rows; answers with how many rows. */
  dropHours(space: number, before: number): number {
    const rows = this.db.prepare('SELECT DISTINCT hour FROM tally WHERE space = ? AND hour < ?').all(space, before);
    for (const { hour } of rows as { hour: number }[]) {
      const entry = this.entry(space, HOUR_PREFIX + hour);
      // One that changed just now stays until its row is written.
      if (entry.dirty) continue;
      this.entries.delete(entry.hash);
      this.db.prepare('DELETE FROM ledger WHERE hash = ?').run(entry.hash);
      this.db.prepare('DELETE FROM tally WHERE space = ? AND hour = ?').run(space, hour);
    }
    return rows.length;
  }

  get dirtyEntries(): number {
    return this.dirtyCount;
  }

  get size(): number {
    return this.entries.size + this.visiting.size + this.packed.size;
  }

  /**
   * Drops the entries of one test space from memory, rows and journal, inside the caller's transaction. Nothing else is
   * written for it: emptying one tenant's test data must not hold up the others.
   */
  forgetSpace(space: number): void {
    this.journal.byte(FORGET);
    this.journal.uint(space);
    this.drop(space, Number.POSITIVE_INFINITY);
    this.db.prepare('DELETE FROM ledger WHERE space = ? AND space % 2 = 1').run(space);
  }

  /** Drops one entry from memory and rows, inside the caller's transaction. Its journal says so until that is trimmed. */
  forgetEntry(space: number, key: string): void {
    const { hash } = this.entry(space, key);
    this.journal.byte(FORGET_ONE);
    this.journal.uint(hash);
    this.dropOne(hash, Number.POSITIVE_INFINITY);
    this.db.prepare('DELETE FROM ledger WHERE hash = ?').run(hash);
  }

  private dropOne(hash: number, lsn: number): void {
    const entry = this.object(hash);
    if (entry === undefined) {
      const wasDirty = this.packed.drop(hash, lsn);
      if (wasDirty !== null) this.defined.delete(hash);
      if (wasDirty === true) this.dirtyCount -= 1;
      return;
    }
    if (entry.lsn >= lsn) return;
    this.entries.delete(hash);
    this.visiting.delete(hash);
    this.defined.delete(hash);
    if (!entry.dirty) return;
    // A running cycle may still come to it.
    entry.dirty = false;
    this.dirtyCount -= 1;
  }

  /** Forgets what memory holds of a space from before `lsn`. */
  private drop(space: number, lsn: number): void {
    for (const { hash, space: of } of this.objects()) if (of === space) this.dropOne(hash, lsn);
    for (const hash of this.packed.hashesOf(space)) this.dropOne(hash, lsn);
  }

  private replay(lsn: number, reader: PackReader): void {
    while (!reader.done) {
      const kind = reader.byte();
      const hash = reader.uint();
      if (kind === FORGET) {
        this.drop(hash, lsn);
        continue;
      }
      if (kind === BESIDE) {
        const log = reader.blob();
        this.beside?.replay(lsn, log);
        continue;
      }
      if (kind === FORGET_ONE) {
        this.dropOne(hash, lsn);
        continue;
      }
      if (kind === DEFINE) {
        const space = reader.uint();
        const key = reader.text();
        if (this.byHash(hash) === undefined) this.addEmpty(hash, space, key);
        continue;
      }
      const entry = this.byHash(hash);
      const skip = entry === undefined || entry.lsn >= lsn;
      const change = readChange(kind, reader);
      if (skip) continue;
      this.markDirty(entry);
      change(entry);
    }
  }

  private byHash(hash: number): Entry | undefined {
    const known = this.inMemory(hash, 0, '');
    if (known !== undefined) return known;
    const row = this.selectOne.get(hash) as unknown as LedgerRow | undefined;
    return row === undefined ? undefined : this.load(row);
  }
}

function readChange(kind: number, reader: PackReader): (entry: Entry) => void {
  if (kind === TAT) {
    const name = reader.text();
    const tat = reader.uint();
    return (entry) => applyChange({ kind: 'tat', state: entry, name, tat }, 0);
  }
  if (kind === CONTACT) {
    const text = reader.text();
    return (entry) => readContact(entry, text);
  }
  if (kind === GAUGE) {
    const name = reader.text();
    const delta = reader.int();
    return (entry) => addTo(entry, name, delta);
  }
  const second = reader.uint();
  const units = reader.int();
  const unit = kind === UNITS_RECIPIENT ? 'recipient' : 'message';
  // Nothing is forgotten here: a reserved second lies ahead and says nothing of what is past.
  return (entry) => applyChange({ kind: 'units', state: entry, unit, second, units, horizonSeconds: 0 }, 0);
}

/** Scopes are counted in by nearly every group, and hours hold tallies; at people and domains a group is but for a moment. */
function isScope(key: string): boolean {
  return key.charCodeAt(0) === SCOPE_SIGN;
}

function isPackable({ recipient, message }: Entry): boolean {
  return (recipient?.at.length ?? 0) <= LONGEST_PACKED && (message?.at.length ?? 0) <= LONGEST_PACKED;
}
