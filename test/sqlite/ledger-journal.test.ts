/**
 * The ledger's journal against plain maps: whatever is counted, rolled back, forgotten, flushed or evicted, a start at any
 * point between two groups finds exactly what was committed. Small bounds put many such points into every cycle.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { after, it } from 'node:test';
import fc from 'fast-check';
import { migrate, openWriter } from '../../src/data/sqlite/database.ts';
import { LedgerCache } from '../../src/data/sqlite/ledger-cache.ts';
import { entriesOf } from '../harness/series.ts';

const BOUNDS = { entries: 8, packed: 3, cycleDirty: 4, slice: 2, cycleOctets: 400 };
const SPACES = [2, 3, 4, 5];
const KEYS = Array.from({ length: 10 }, (_, i) => `p${i}@example.com`);
const NOW = 1_800_000_000;

const directory = mkdtempSync(join(tmpdir(), 'postern-journal-'));
after(() => rmSync(directory, { recursive: true, force: true }));

type Known = {
  recipient: Map<number, number>;
  message: Map<number, number>;
  gauges: Map<string, number>;
  tat: number | null;
  note: string | null;
  firstAt: number | null;
};

class Plain {
  readonly known = new Map<string, Known>();

  of(space: number, key: string): Known {
    const name = `${space} ${key}`;
    let known = this.known.get(name);
    if (known === undefined) {
      known = { recipient: new Map(), message: new Map(), gauges: new Map(), tat: null, note: null, firstAt: null };
      this.known.set(name, known);
    }
    return known;
  }

  forget(space: number): void {
    for (const name of this.known.keys()) if (name.startsWith(`${space} `)) this.known.delete(name);
  }

  copy(): Plain {
    const copy = new Plain();
    for (const [name, known] of structuredClone(this.known)) copy.known.set(name, known);
    return copy;
  }
}

const where = { space: fc.constantFrom(...SPACES), key: fc.constantFrom(...KEYS) };
const action = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('count' as const), ...where, ahead: fc.integer({ max: 300, min: 0 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('giveBack' as const), ...where }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('gauge' as const), ...where, delta: fc.integer({ min: -9, max: 9 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('tat' as const), ...where, tat: fc.integer({ min: 0, max: 2 ** 50 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('note' as const), ...where, note: fc.string({ maxLength: 6 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), space: fc.constantFrom(3, 5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

const group = fc.record({
  actions: fc.array(action, { maxLength: 7 }),
  ends: fc.constantFrom('commit', 'commit', 'commit', 'rollback', 'restart'),
});

function take(ledger: LedgerCache, plain: Plain, step: Action): void {
  if (step.do === 'flush') {
    ledger.flushAll();
    return;
  }
  if (step.do === 'forget') {
    ledger.forgetSpace(step.space);
    plain.forget(step.space);
    return;
  }
  const entry = ledger.entry(step.space, step.key);
  const known = plain.of(step.space, step.key);
  if (step.do === 'count') {
    const second = NOW + step.ahead;
    for (const unit of ['recipient', 'message'] as const) {
      ledger.apply({ kind: 'units', state: entry, unit, second, units: 1, horizonSeconds: 3600 }, NOW);
      known[unit].set(second, (known[unit].get(second) ?? 0) + 1);
    }
    known.firstAt = Math.min(known.firstAt ?? second, second);
  } else if (step.do === 'giveBack') {
    const [second] = known.recipient.keys();
    if (second === undefined) return;
    ledger.apply({ kind: 'units', state: entry, unit: 'recipient', second, units: -1, horizonSeconds: 60 }, NOW);
    known.recipient.set(second, known.recipient.get(second)! - 1);
    if (known.recipient.get(second) === 0) known.recipient.delete(second);
    if (known.recipient.size === 0 && known.firstAt === second) known.firstAt = null;
  } else if (step.do === 'gauge') {
    ledger.addGauge(entry, 'credits', step.delta);
    known.gauges.set('credits', (known.gauges.get('credits') ?? 0) + step.delta);
  } else if (step.do === 'tat') {
    ledger.apply({ kind: 'tat', state: entry, name: 'rate', tat: step.tat }, NOW);
    known.tat = step.tat;
  } else {
    entry.doNotContact = { since: 1, note: step.note };
    ledger.contactChanged(entry);
    known.note = step.note;
  }
}

function compare(ledger: LedgerCache, plain: Plain): void {
  for (const space of SPACES) {
    for (const key of KEYS) {
      const entry = ledger.entry(space, key);
      const known = plain.of(space, key);
      for (const unit of ['recipient', 'message'] as const) {
        const series = entry[unit];
        const wanted = [...known[unit]].sort((a, b) => a[0] - b[0]);
        assert.deepEqual(series === null ? [] : entriesOf(series), wanted, `${unit} of ${key} in ${space}`);
      }
      assert.equal(entry.gauges?.get('credits') ?? 0, known.gauges.get('credits') ?? 0);
      assert.equal(entry.tats?.get('rate') ?? null, known.tat);
      assert.equal(entry.doNotContact?.note ?? null, known.note);
      assert.equal(entry.firstAt, known.firstAt);
    }
  }
}

function emptied(db: DatabaseSync): LedgerCache {
  db.exec("DELETE FROM ledger; DELETE FROM journal; DELETE FROM setting WHERE name = 'lsn'");
  return new LedgerCache(db, BOUNDS);
}

it('finds after a start at any point what was committed, and nothing else', () => {
  const db = openWriter(directory);
  db.exec('PRAGMA synchronous = OFF');
  assert.ok(migrate(db, directory, 0).ok);
  fc.assert(
    fc.property(fc.array(group, { minLength: 1, maxLength: 40 }), (groups) => {
      let ledger = emptied(db);
      let plain = new Plain();
      for (const { actions, ends } of groups) {
        const before = plain.copy();
        db.exec('BEGIN');
        for (const step of actions) take(ledger, plain, step);
        ledger.endGroup();
        db.exec(ends === 'rollback' ? 'ROLLBACK' : 'COMMIT');
        if (ends === 'rollback') {
          plain = before;
          ledger.recover();
        }
        ledger.evict();
        if (ends === 'restart') ledger = new LedgerCache(db, BOUNDS);
        // What a start would find now, beside the one that goes on.
        compare(new LedgerCache(db, BOUNDS), plain);
      }
      compare(ledger, plain);
    }),
    { numRuns: Number(process.env['MODEL_RUNS'] ?? 150) },
  );
  db.close();
});

it('keeps two keys of one hash apart, whichever of them is a scope', () => {
  const db = openWriter(directory);
  db.exec('PRAGMA synchronous = OFF');
  migrate(db, directory, 0);
  const orders = [
    ['a@example.com', '#tenant'],
    ['#tenant', 'a@example.com'],
  ];
  for (const keys of orders) {
    const ledger = emptied(db);
    for (let group = 0; group < 3; group += 1) {
      db.exec('BEGIN');
      for (const [i, key] of keys.entries()) ledger.addGauge(ledger.entryAt(77, 2, key), 'n', i + 1);
      if (group === 1) ledger.flushAll();
      ledger.endGroup();
      db.exec('COMMIT');
      if (group < 2) ledger.evict();
      for (const one of [ledger, new LedgerCache(db, BOUNDS)]) {
        const counts = keys.map((key) => one.entryAt(77, 2, key).gauges?.get('n'));
        assert.deepEqual(counts, [group + 1, 2 * (group + 1)], `${keys}`);
      }
    }
  }
  db.close();
});

it('keeps the journal short however few entries are busy', () => {
  const db = openWriter(directory);
  db.exec('PRAGMA synchronous = OFF');
  migrate(db, directory, 0);
  const ledger = emptied(db);
  let longest = 0;
  for (let i = 0; i < 2000; i += 1) {
    db.exec('BEGIN');
    const entry = ledger.entry(2, KEYS[i % 3]!);
    ledger.addGauge(entry, 'credits', 1);
    ledger.endGroup();
    db.exec('COMMIT');
    longest = Math.max(longest, Number(db.prepare('SELECT count(*) AS n FROM journal').get()?.['n']));
  }
  assert.ok(longest < 200, `${longest} rows of journal for three entries`);
  db.close();
});

it('keeps memory bounded although each group brings more entries than a slice rewrites', () => {
  const db = openWriter(directory);
  db.exec('PRAGMA synchronous = OFF');
  migrate(db, directory, 0);
  emptied(db);
  const ledger = new LedgerCache(db, { entries: 500, packed: 500, cycleDirty: 100, slice: 16 });
  let most = 0;
  for (let i = 0; i < 300; i += 1) {
    db.exec('BEGIN');
    for (let j = 0; j < 60; j += 1) ledger.addGauge(ledger.entry(2, `person ${i * 60 + j}`), 'credits', 1);
    ledger.endGroup();
    db.exec('COMMIT');
    ledger.evict();
    most = Math.max(most, ledger.size);
  }
  assert.ok(most < 2000, `${most} entries in memory, 500 wanted`);
  db.close();
});
