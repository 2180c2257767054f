/** The log of events without an index by space: whatever is asked for is what a plain list of the same events has. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { eventNumber } from '../../src/core/events.ts';
import {
  eventsBefore,
  eventsFrom,
  firstLate,
  logEnds,
  newestAt,
  oldestAt,
  withoutLowestBit,
} from '../../src/data/sqlite/event-log.ts';
import { openQueue, type Queue, START } from '../harness/queue.ts';

const TYPES = ['limit.approaching', 'limit.reached'] as const;

type Plain = { seq: number; at: number; type: number };

function openLog(t: TestContext): { queue: Queue; spaces: number[]; plain: Map<number, Plain[]>; add: Add } {
  const queue = openQueue(t);
  const spaces = ['a', 'b', 'c'].map((name) => queue.tenant(name).tenantNo * 2);
  const plain = new Map(spaces.map((space) => [space, [] as Plain[]]));
  let at = START;
  const add: Add = (which) => {
    queue.at(START, (state) => {
      for (const [space, type] of which) {
        at += 1;
        state.emit(state.spaces.get(spaces[space]!), TYPES[type]!, at, null, null);
        const list = plain.get(spaces[space]!)!;
        list.push({ seq: list.length + 1, at, type: eventNumber(TYPES[type]!) });
      }
    });
  };
  return { queue, spaces, plain, add };
}

type Add = (which: readonly (readonly [space: number, type: number])[]) => void;

const short = ({ seq, at, type }: Plain): Plain => ({ seq, at, type });

/** Lets go of a space's events up to a number, as the sweep of old events does. */
function forget(queue: Queue, space: number, floor: number): void {
  queue.state.db.prepare('DELETE FROM event WHERE space = ? AND seq <= ?').run(space, floor);
  queue.state.db.prepare('UPDATE event_head SET floor = max(floor, ?) WHERE space = ?').run(floor, space);
}

test('ranges, walks and ends are those of a plain list, however spaces take turns and wherever their logs begin', (t) => {
  const { queue, spaces, plain, add } = openLog(t);
  const { db } = queue.state;
  const floors = new Map(spaces.map((space) => [space, 0]));
  const events = fc.array(fc.tuple(fc.nat(2), fc.nat(1)), { maxLength: 40 });
  const asked = fc.record({ first: fc.nat(60), span: fc.nat(60), limit: fc.integer({ min: 1, max: 20 }) });
  fc.assert(
    fc.property(events, fc.nat(2), fc.nat(5), asked, fc.boolean(), (batch, which, gone, ask, restarted) => {
      add(batch);
      const space = spaces[which]!;
      const list = plain.get(space)!;
      const floor = Math.min(list.length, floors.get(space)! + gone);
      floors.set(space, floor);
      forget(queue, space, floor);
      if (restarted) queue.state.recover();
      const kept = list.slice(floor);
      const first = Math.max(1, list.length - ask.first);
      const last = first + ask.span;
      const inRange = kept.filter(({ seq }) => seq >= first && seq <= last);
      assert.deepEqual(eventsFrom(db, space, { first, last }).map(short), inRange);
      const types = [eventNumber(TYPES[0])];
      const filtered = inRange.filter(({ type }) => types.includes(type)).slice(0, ask.limit);
      assert.deepEqual(eventsFrom(db, space, { first, last, types, limit: ask.limit }).map(short), filtered);
      assert.deepEqual(
        eventsFrom(db, space, { first, last, limit: ask.limit }).map(short),
        inRange.slice(0, ask.limit),
      );
      const before = kept.filter(({ seq }) => seq < last).reverse();
      assert.deepEqual([...eventsBefore(db, space, last)].map(short), before);
      const since = START + ask.first;
      const late = kept.find(({ at }) => at >= since)?.seq ?? list.length + 1;
      assert.equal(
        firstLate(db, space, ({ at }) => at >= since),
        late,
      );
      const ends = logEnds(db, space);
      assert.deepEqual([ends.newest, ends.oldest], [list.length, floor + 1]);
      assert.equal(newestAt(db, ends), kept.at(-1)?.at ?? null);
      assert.equal(oldestAt(db, ends), kept[0]?.at ?? null);
    }),
    { numRuns: 150 },
  );
});

test('any event of a long log is found in few steps', (t) => {
  const { queue, spaces, add } = openLog(t);
  add(Array.from({ length: 5000 }, (_, i) => [i % 7 === 0 ? 1 : 0, 0]));
  const { db } = queue.state;
  const row = (id: number) =>
    db.prepare('SELECT seq, back, leap FROM event WHERE id = ?').get(id) as {
      seq: number;
      back: number;
      leap: number | null;
    };
  const { head, newest } = logEnds(db, spaces[0]!);
  for (let sought = 1; sought <= newest; sought += 97) {
    let steps = 0;
    for (let at = head!; row(at).seq !== sought; steps += 1) {
      const { seq, back, leap } = row(at);
      at -= withoutLowestBit(seq) >= sought ? (leap ?? back) : back;
    }
    // Thirteen bits: from each of them to the lower ones.
    assert.ok(steps <= (13 * 14) / 2, `${steps} steps to ${sought} of ${newest}`);
  }
});

test('numbers beyond 32 bits lose their lowest bit alone', () => {
  assert.equal(withoutLowestBit(1), 0);
  assert.equal(withoutLowestBit(12), 8);
  assert.equal(withoutLowestBit(2 ** 35 + 2 ** 33), 2 ** 35);
  assert.equal(withoutLowestBit(2 ** 35 + 1), 2 ** 35);
});
