/** How many at once and how fast: shapes under a clock that the test moves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ShapeName, Shapes } from '../../src/relay/shapes.ts';

const SLOW: ShapeName = { kind: 'destination', key: 'slow.example', most: 200 };
const PROVIDER: ShapeName = { kind: 'provider', key: '0', most: 200 };
const NAMES = [SLOW, PROVIDER];

/** Makes it slow: so many are under way, and one is deferred. */
function slowed(underWay: number): Shapes {
  const shapes = new Shapes();
  for (let id = 0; id < underWay; id += 1) assert.equal(shapes.enter(NAMES, id, 0), 'go');
  for (let id = 0; id < underWay; id += 1) shapes.leave(NAMES, id === 0 ? { slowed: 'destination' } : 'neither', 50, 0);
  return shapes;
}

test('without a shape only the most at once bounds', () => {
  const shapes = new Shapes();
  const few = [{ ...SLOW, most: 3 }];
  for (let id = 1; id <= 3; id += 1) assert.equal(shapes.enter(few, id, 0), 'go');
  assert.notEqual(shapes.enter(few, 4, 0), 'go');
  shapes.leave(few, 'taken', 20, 10);
  assert.deepEqual(shapes.figures()[0], { kind: 'destination', shapes: 1, waiting: 1 });
});

test('a deferral slows its destination down and no other', () => {
  const shapes = slowed(8);
  const wait = shapes.enter(NAMES, 100, 1);
  assert.notEqual(wait, 'go');
  assert.equal(Reflect.get(Object(wait), 'kind'), 'destination');
  assert.equal(shapes.enter([{ ...SLOW, key: 'other.example' }, PROVIDER], 101, 1), 'go');
});

test('deferrals at the same moment are one sign', () => {
  const once = slowed(8);
  const often = slowed(8);
  for (let i = 0; i < 20; i += 1) {
    often.enter([PROVIDER], 1000 + i, 0);
    often.leave(NAMES, { slowed: 'destination' }, 50, 1);
  }
  const at = (shapes: Shapes): number => Number(Reflect.get(Object(shapes.enter(NAMES, 100, 2)), 'at'));
  assert.equal(at(often), at(once));
});

test('what waits gets one place each, in order, and goes when its time has come', () => {
  const shapes = slowed(2);
  const places = Array.from({ length: 20 }, (_, i) =>
    Number(Reflect.get(Object(shapes.enter(NAMES, 10 + i, 5)), 'at')),
  );
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(places).size, 20);
  assert.equal(shapes.enter(NAMES, 10, places[0]!), 'go');
  shapes.leave(NAMES, 'taken', 20, places[0]! + 20);
  // Whoever comes without a place stands behind all that have one.
  const late = Number(Reflect.get(Object(shapes.enter(NAMES, 99, places[0]! + 30)), 'at'));
  assert.ok(late > places.at(-1)!);
});

test('who asks again before its time keeps its place', () => {
  const shapes = slowed(2);
  shapes.enter(NAMES, 10, 5);
  const first = shapes.enter(NAMES, 11, 5);
  assert.deepEqual(shapes.enter(NAMES, 11, 20), first);
});

test('what is taken lets it grow back until it bounds nothing', () => {
  const shapes = slowed(64);
  let now = 1000;
  for (let i = 0; i < 2000 && shapes.figures()[0]!.shapes > 0; i += 1) {
    now += 1000;
    if (shapes.enter(NAMES, 500 + i, now) === 'go') shapes.leave(NAMES, 'taken', 10, now);
  }
  assert.equal(shapes.figures()[0]!.shapes, 0);
  for (let id = 0; id < 100; id += 1) assert.equal(shapes.enter(NAMES, 10_000 + id, now), 'go');
});

test('a pace of yesterday is forgotten', () => {
  const shapes = slowed(4);
  assert.equal(shapes.enter(NAMES, 1, 3_600_000), 'go');
  assert.equal(shapes.enter(NAMES, 2, 3_600_000), 'go');
});

/** A queue and a destination that takes so many a second, and defers the rest; time goes from one due recipient to the next. */
function drain(recipients: number, perSecond: number, untilMs: number) {
  const shapes = new Shapes();
  const due = Array.from({ length: recipients }, (_, id) => ({ id, at: 0 }));
  const wait = (id: number, at: number): void => {
    let low = 0;
    for (let high = due.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (due[middle]!.at <= at) low = middle + 1;
      else high = middle;
    }
    due.splice(low, 0, { id, at });
  };
  const running: { endsAt: number; isTaken: boolean }[] = [];
  let taken = 0;
  let deferred = 0;
  let looks = 0;
  let inSecond = 0;
  let second = -1;
  let now = 0;
  while (due.length > 0 && now < untilMs && looks < recipients * 100) {
    const { id, at } = due.shift()!;
    now = Math.max(now, at);
    for (const [i, one] of [...running.entries()].reverse()) {
      if (one.endsAt > now) continue;
      running.splice(i, 1);
      shapes.leave(NAMES, one.isTaken ? 'taken' : { slowed: 'destination' }, 30, one.endsAt);
    }
    looks += 1;
    const entry = shapes.enter(NAMES, id, now);
    if (entry !== 'go') {
      wait(id, entry.at);
      continue;
    }
    if (Math.floor(now / 1000) !== second) {
      second = Math.floor(now / 1000);
      inSecond = 0;
    }
    inSecond += 1;
    const isTaken = inSecond <= perSecond;
    running.push({ endsAt: now + 30, isTaken });
    if (isTaken) taken += 1;
    else {
      deferred += 1;
      wait(id, now + 60_000);
    }
  }
  return { taken, deferred, looks, seconds: now / 1000 };
}

test('many to one slow destination find its pace, and are looked at a few times each', () => {
  const { taken, deferred, looks, seconds } = drain(3000, 10, 1_200_000);
  assert.equal(taken, 3000);
  // 300 s would be its whole pace.
  assert.ok(seconds < 700, `took ${seconds} s`);
  assert.ok(deferred < 600, `${deferred} deferrals`);
  assert.ok(looks < 3000 * 6, `${looks} looks`);
});

test('never more at once than the window, whatever happens', () => {
  const step = fc.record({
    enter: fc.boolean(),
    end: fc.constantFrom('taken', 'neither', 'slowed'),
    wait: fc.nat(3000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const shapes = new Shapes();
      const name: ShapeName = { kind: 'destination', key: 'x', most: 5 };
      let underWay = 0;
      let now = 0;
      let id = 0;
      for (const { enter, end, wait } of steps) {
        now += wait;
        if (enter) {
          const entry = shapes.enter([name], ++id, now);
          if (entry === 'go') underWay += 1;
          else assert.ok(entry.at > now && entry.at - now <= 600_000);
        } else if (underWay > 0) {
          underWay -= 1;
          shapes.leave([name], end === 'slowed' ? { slowed: 'destination' } : (end as 'taken'), 20, now);
        }
        assert.ok(underWay <= 5);
      }
    }),
  );
});
