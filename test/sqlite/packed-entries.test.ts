/** Packed entries against a plain map: put, taken, written, dropped and let go in any order. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { PackReader } from '../../src/core/pack.ts';
import { type Entry, emptyEntry, unpackState } from '../../src/data/sqlite/ledger-entry.ts';
import { PackedEntries } from '../../src/data/sqlite/packed-entries.ts';
import { seriesOf } from '../../src/policy/series.ts';

// Many hashes share their home, some at the end of the table, and grow past its first size.
const hash = fc
  .tuple(fc.constantFrom(0, 7, 1022, 1023), fc.nat(400))
  .map(([home, high]) => home + high * 4_294_967_296);

const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('put' as const), hash, seconds: fc.nat(20), isDirty: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const), hash }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flush' as const), hash }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), hash, lsn: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('evict' as const), most: fc.nat(300) }) },
);

function made(at: number, seconds: number, isDirty: boolean): Entry {
  const entry = emptyEntry(at, 1 + (at % 3), seconds % 2 === 0 ? `p${at}@example.com` : `p${at}@bücher.example`);
  entry.recipient =
    seconds === 0 ? null : seriesOf(Array.from({ length: seconds }, (_, i) => [1_700_000_000 + i * i, i + 1]));
  entry.firstAt = seconds === 0 ? null : 1_700_000_000;
  entry.lastReplyAt = seconds % 5 === 4 ? 1_700_000_000_000 : null;
  entry.gauges = seconds % 7 === 6 ? new Map([['pin', -seconds]]) : null;
  entry.lsn = at % 5;
  entry.dirty = isDirty;
  entry.stored = !isDirty;
  return entry;
}

it('gives back each entry as it was put, whatever came and went beside it', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 1500, minLength: 200 }), (actions) => {
      const packed = new PackedEntries();
      const plain = new Map<number, Entry>();
      for (const step of actions) {
        if (step.kind === 'evict') {
          packed.evict(step.most, 100_000);
          for (const entry of [...plain.values()]) {
            const kept = packed.take(entry.hash, entry.space, entry.key);
            if (kept === null) assert.equal(entry.dirty, false, 'what is not written never leaves');
            if (kept === null) plain.delete(entry.hash);
            else packed.put(kept);
          }
          const lagging = [...plain.values()].filter((entry) => entry.dirty).length;
          assert.ok(packed.size <= Math.max(step.most, lagging));
          continue;
        }
        const known = plain.get(step.hash);
        if (step.kind === 'put' && known === undefined) {
          const entry = made(step.hash, step.seconds, step.isDirty);
          assert.ok(packed.put(entry));
          plain.set(step.hash, entry);
        } else if (step.kind === 'take') {
          assert.deepEqual(packed.take(step.hash, known?.space ?? 0, known?.key ?? ''), known ?? null);
          plain.delete(step.hash);
        } else if (step.kind === 'flush') {
          let written: Entry | null = null;
          const isWritten = packed.flush(step.hash, 9, {
            add(hash, space, key, lsn, state) {
              written = { ...emptyEntry(hash, space, key), lsn };
              unpackState(written, new PackReader(state));
            },
          });
          assert.equal(isWritten, known?.dirty === true);
          if (known === undefined || !isWritten) continue;
          assert.deepEqual(written, { ...known, lsn: 9, dirty: false, stored: false });
          Object.assign(known, { lsn: 9, dirty: false, stored: true });
        } else if (step.kind === 'drop') {
          const isDropped = known !== undefined && known.lsn < step.lsn;
          assert.equal(packed.drop(step.hash, step.lsn), isDropped ? known.dirty : null);
          if (isDropped) plain.delete(step.hash);
        }
        assert.equal(packed.size, plain.size);
      }
      for (const space of [1, 2, 3]) {
        const wanted = [...plain.values()].filter((entry) => entry.space === space).map((entry) => entry.hash);
        assert.deepEqual(packed.hashesOf(space).sort(), wanted.sort());
      }
      for (const entry of plain.values()) assert.deepEqual(packed.take(entry.hash, entry.space, entry.key), entry);
      assert.equal(packed.size, 0);
    }),
    { numRuns: 60 },
  );
});

it('lets go of what was not asked for since the hand last came by, and of nothing that is not written', () => {
  const packed = new PackedEntries();
  for (let i = 0; i < 1000; i += 1) packed.put(made(i, 2, i % 2 === 0));
  packed.evict(100, 100_000);
  assert.equal(packed.size, 500);
  for (let i = 0; i < 1000; i += 1) assert.equal(packed.take(i, 0, '') !== null, i % 2 === 0);
});

it('leaves an entry that is too large to whoever has it', () => {
  const packed = new PackedEntries();
  assert.equal(packed.put(made(1, 400, true)), false);
  assert.equal(packed.size, 0);
  assert.equal(packed.take(1, 2, 'p1@example.com'), null);
});
