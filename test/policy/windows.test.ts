import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addUnits, DAY_SECONDS, emptySeries } from '../../src/policy/series.ts';
import {
  type CountedWindow,
  earliestPlace,
  emissionMicros,
  nextTat,
  parseWindow,
  periodStart,
  rateFreeAt,
  rateResetsAt,
  rateUsed,
  releasedAt,
  resetsAt,
  usedAt,
  windowSpan,
} from '../../src/policy/windows.ts';
import { type Departure, departuresUpTo, holds, leaves, seriesFrom, used } from './departures.ts';

const at = (text: string): number => Date.parse(text) / 1000;
const rolling = (seconds: number): CountedWindow => ({ kind: 'rolling', seconds });
const calendar = (period: 'hour' | 'day' | 'month'): CountedWindow => ({ kind: 'calendar', period });

test('names of windows are read, and anything else is none', () => {
  assert.deepEqual(parseWindow('rolling_24h'), { kind: 'rolling', seconds: 86_400 });
  assert.deepEqual(parseWindow('rolling_90s'), { kind: 'rolling', seconds: 90 });
  assert.deepEqual(parseWindow('rolling_15m'), { kind: 'rolling', seconds: 900 });
  assert.deepEqual(parseWindow('rolling_366d'), { kind: 'rolling', seconds: 366 * 86_400 });
  assert.deepEqual(parseWindow('calendar_hour'), calendar('hour'));
  assert.deepEqual(parseWindow('calendar_day'), calendar('day'));
  assert.deepEqual(parseWindow('calendar_month'), calendar('month'));
  assert.deepEqual(parseWindow('rate'), { kind: 'rate', perSeconds: 1 });
  assert.deepEqual(parseWindow('rate', 'minute'), { kind: 'rate', perSeconds: 60 });
  for (const name of ['', 'rolling_0s', 'rolling_24', 'rolling_1w', 'rolling_-1h', 'rolling_367d', 'calendar_year']) {
    assert.equal(parseWindow(name), null, name);
  }
});

test('calendar periods begin and end at UTC borders, through month ends, leap days and the turn of a year', () => {
  const cases: [CountedWindow, string, string][] = [
    [calendar('hour'), '2026-03-01T10:59:59Z', '2026-03-01T11:00:00Z'],
    [calendar('hour'), '2026-03-01T11:00:00Z', '2026-03-01T12:00:00Z'],
    [calendar('day'), '2026-04-27T23:59:59Z', '2026-04-28T00:00:00Z'],
    [calendar('day'), '2026-04-28T00:00:00Z', '2026-04-29T00:00:00Z'],
    [calendar('day'), '2028-02-28T23:00:00Z', '2028-02-29T00:00:00Z'],
    [calendar('day'), '2026-12-31T23:59:59Z', '2027-01-01T00:00:00Z'],
    [calendar('month'), '2026-01-31T23:59:59Z', '2026-02-01T00:00:00Z'],
    [calendar('month'), '2026-02-28T12:00:00Z', '2026-03-01T00:00:00Z'],
    [calendar('month'), '2028-02-29T12:00:00Z', '2028-03-01T00:00:00Z'],
    [calendar('month'), '2026-04-30T23:59:59Z', '2026-05-01T00:00:00Z'],
    [calendar('month'), '2026-12-31T23:59:59Z', '2027-01-01T00:00:00Z'],
  ];
  for (const [window, departed, released] of cases) {
    assert.equal(releasedAt(window, at(departed)), at(released), departed);
    const series = seriesFrom([{ second: at(departed), units: 1 }]);
    assert.equal(usedAt(series, window, at(released) - 1), 1, `counts until ${released}`);
    assert.equal(usedAt(series, window, at(released)), 0, `no longer at ${released}`);
  }
});

test('a rolling window up to a day is exact to the second, and half-open', () => {
  for (const seconds of [1, 60, 3600, 86_400]) {
    const series = seriesFrom([{ second: 1_000_007, units: 1 }]);
    assert.equal(usedAt(series, rolling(seconds), 1_000_006), 0);
    assert.equal(usedAt(series, rolling(seconds), 1_000_007), 1);
    assert.equal(usedAt(series, rolling(seconds), 1_000_007 + seconds - 1), 1);
    assert.equal(usedAt(series, rolling(seconds), 1_000_007 + seconds), 0);
    assert.equal(resetsAt(series, rolling(seconds), 1_000_007), 1_000_007 + seconds);
  }
});

test('beyond a day a unit leaves at the next full minute, never early', () => {
  const window = rolling(2 * DAY_SECONDS);
  const noon = at('2026-04-27T12:00:00Z');
  for (const [departed, released] of [
    [noon, noon + 2 * DAY_SECONDS],
    [noon + 1, noon + 60 + 2 * DAY_SECONDS],
    [noon + 59, noon + 60 + 2 * DAY_SECONDS],
    [noon + 60, noon + 60 + 2 * DAY_SECONDS],
  ] as const) {
    const series = seriesFrom([{ second: departed, units: 1 }]);
    assert.equal(releasedAt(window, departed), released);
    assert.equal(usedAt(series, window, released - 1), 1);
    assert.equal(usedAt(series, window, released), 0);
    assert.equal(resetsAt(series, window, departed), released);
  }
});

test('the span of a window is never shorter than a unit stays in it', () => {
  for (const window of [calendar('hour'), calendar('day'), calendar('month'), rolling(90)]) {
    for (let second = at('2027-12-30T00:00:00Z'); second < at('2028-04-02T00:00:00Z'); second += 7201) {
      assert.ok(releasedAt(window, second) - second <= windowSpan(window));
    }
  }
});

const anyWindow: fc.Arbitrary<CountedWindow> = fc.oneof(
  fc.integer({ min: 1, max: 30 }).map(rolling),
  fc.constantFrom(rolling(DAY_SECONDS + 60), rolling(DAY_SECONDS + 61), rolling(2 * DAY_SECONDS)),
  fc.constantFrom(calendar('hour'), calendar('day')),
);

test('what is used is what a list counted one by one gives, also after a reply', () => {
  fc.assert(
    fc.property(
      departuresUpTo(8000),
      anyWindow,
      fc.integer({ min: 0, max: 4 * DAY_SECONDS }),
      fc.integer({ min: 0, max: 9000 }),
      (departures, window, second, since) => {
        const series = seriesFrom(departures);
        assert.equal(usedAt(series, window, second), used(departures, window, second));
        assert.equal(usedAt(series, window, second, since), used(departures, window, second, since));
      },
    ),
    { numRuns: 300 },
  );
});

test('remaining next grows at the reset, and not before', () => {
  fc.assert(
    fc.property(
      departuresUpTo(40),
      fc.integer({ min: 1, max: 12 }).map(rolling),
      fc.integer({ min: 40, max: 60 }),
      (departures, window, second) => {
        const series = seriesFrom(departures);
        const before = used(departures, window, second);
        const reset = resetsAt(series, window, second);
        if (before === 0) {
          assert.equal(reset, null);
          return;
        }
        let next = second + 1;
        while (used(departures, window, next) >= before) next += 1;
        assert.equal(reset, next);
      },
    ),
  );
});

test('an unused calendar window has nothing to reset', () => {
  const day = calendar('day');
  assert.equal(resetsAt(emptySeries(), day, 100), null);
  assert.equal(resetsAt(seriesFrom([{ second: 100, units: 1 }]), day, 200), DAY_SECONDS);
});

/** The earliest place found by trying every second. */
function firstFit(departures: Departure[], window: CountedWindow, max: number, units: number, from: number): number {
  for (let second = from; ; second += 1) {
    if (holds([...departures, { second, units }], window, max)) return second;
  }
}

/** Departures that keep the limit: each was given the earliest place after the second it asked for. */
function keeping(asked: readonly Departure[], window: CountedWindow, max: number): Departure[] {
  const placed: Departure[] = [];
  for (const { second, units } of asked) {
    if (units <= max) placed.push({ second: firstFit(placed, window, max, units, second), units });
  }
  return placed;
}

test('the earliest place is valid for every window, past and future, and none is earlier', () => {
  fc.assert(
    fc.property(
      departuresUpTo(40, 14),
      fc.integer({ min: 1, max: 9 }).map(rolling),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 60 }),
      (asked, window, max, units, from) => {
        const departures = keeping(asked, window, max);
        const series = seriesFrom(departures);
        const place = earliestPlace(series, window, max, units, from);
        if (units > max) assert.equal(place, null);
        else assert.equal(place, firstFit(departures, window, max, units, from));
      },
    ),
    { numRuns: 400 },
  );
});

test('a limit that was lowered counts as full until what it took has left, and then the place is again the earliest', () => {
  fc.assert(
    fc.property(
      departuresUpTo(40, 14),
      fc.integer({ min: 1, max: 9 }).map(rolling),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 60 }),
      (departures, window, max, from) => {
        const series = seriesFrom(departures);
        const place = earliestPlace(series, window, max, 1, from)!;
        const free = (second: number): boolean => {
          const all = [...departures, { second, units: 1 }];
          return all.every(
            (one) =>
              leaves(window, second) <= one.second || one.second < second || used(all, window, one.second) <= max,
          );
        };
        assert.ok(free(place));
        for (let second = from; second < place; second += 1) assert.ok(!free(second), `${second} was free`);
      },
    ),
    { numRuns: 400 },
  );
});

test('beyond a day and in calendar windows the earliest place is valid and minimal too', () => {
  const hour = calendar('hour');
  fc.assert(
    fc.property(departuresUpTo(4 * 3600, 12), fc.integer({ min: 1, max: 4 }), (asked, max) => {
      const departures: Departure[] = [];
      for (const { second } of asked) {
        const place = earliestPlace(seriesFrom(departures), hour, max, 1, second)!;
        departures.push({ second: place, units: 1 });
        assert.ok(holds(departures, hour, max));
        if (place !== second) {
          assert.equal(place % 3600, 0);
          for (let hourBefore = place - 3600; hourBefore > second - 3600; hourBefore -= 3600) {
            assert.equal(used(departures, hour, hourBefore), max);
          }
        }
      }
    }),
  );
  const long = rolling(DAY_SECONDS + 60);
  fc.assert(
    fc.property(departuresUpTo(300, 10), fc.integer({ min: 1, max: 3 }), (asked, max) => {
      const departures: Departure[] = [];
      for (const { second } of asked) {
        const place = earliestPlace(seriesFrom(departures), long, max, 1, second)!;
        const earlier = { second: place - 1, units: 1 };
        if (place > second) assert.ok(!holds([...departures, earlier], long, max));
        departures.push({ second: place, units: 1 });
        assert.ok(holds(departures, long, max));
      }
    }),
  );
});

test('places asked for one after another from a long search are the same as from a fresh one', () => {
  const step = fc.record({
    from: fc.integer({ min: 1, max: 50 }),
    max: fc.integer({ min: 1, max: 3 }),
    gives: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 9 }), (steps, seconds) => {
      const window = rolling(seconds);
      const series = emptySeries();
      const departures: Departure[] = [];
      for (const { from, max, gives } of steps) {
        const place = earliestPlace(series, window, max, 1, from)!;
        assert.equal(place, earliestPlace(seriesFrom(departures), window, max, 1, from));
        const given = gives ? departures.pop() : undefined;
        if (given !== undefined) addUnits(series, given.second, -1);
        addUnits(series, place, 1);
        departures.push({ second: place, units: 1 });
      }
    }),
  );
});

test('finding places behind a hundred thousand reserved ones takes no time that grows with them', () => {
  const series = emptySeries();
  const window = rolling(DAY_SECONDS);
  const now = 2_000_000_000;
  for (let i = 0; i < 100; i += 1) addUnits(series, now - 50_000 + i * 500, 1);
  for (let day = 1; day <= 1000; day += 1) {
    for (let i = 0; i < 100; i += 1) addUnits(series, now - 50_000 + day * DAY_SECONDS + i * 500, 1);
  }
  const started = process.hrtime.bigint();
  for (let i = 0; i < 1000; i += 1) {
    const place = earliestPlace(series, window, 100, 1, now + i)!;
    assert.ok(place > now + 999 * DAY_SECONDS);
    addUnits(series, place, 1);
  }
  // One that fits at once beside as many reservations: no entry is looked at.
  for (let i = 0; i < 10_000; i += 1) assert.equal(earliestPlace(series, window, 100_000, 1, now + i), now + i);
  const ms = Number(process.hrtime.bigint() - started) / 1e6;
  assert.ok(ms < 1500, `took ${ms} ms`);
});

/** GCRA by its definition: a queue that drains one unit an interval and holds `burst`. */
function simulate(intervalMicros: number, burst: number, sends: readonly number[]): boolean[] {
  let backlogMicros = 0;
  let last = 0;
  return sends.map((ms) => {
    backlogMicros = Math.max(0, backlogMicros - (ms - last) * 1000);
    last = ms;
    if (backlogMicros > (burst - 1) * intervalMicros) return false;
    backlogMicros += intervalMicros;
    return true;
  });
}

test('a rate lets through what a draining queue lets through, and says when the next is free', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: 6 }),
      fc.constantFrom(1, 60),
      fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 40 }),
      (max, burst, perSeconds, gaps) => {
        const interval = emissionMicros(perSeconds, max);
        let now = 1_777_000_000_000;
        const sends = gaps.map((gap) => (now += gap));
        const allowed = simulate(interval, burst, sends);
        let tat = 0;
        sends.forEach((ms, i) => {
          const usedNow = rateUsed(tat, interval, burst, ms);
          const free = rateFreeAt(tat, interval, burst, 1, ms)!;
          assert.equal(free === ms, allowed[i]);
          assert.equal(usedNow < burst, allowed[i]);
          const reset = rateResetsAt(tat, interval, burst, ms);
          assert.equal(reset === null, usedNow === 0);
          if (reset !== null) {
            assert.equal(rateUsed(tat, interval, burst, reset - 1) >= usedNow, true);
            assert.ok(rateUsed(tat, interval, burst, reset) < usedNow);
          }
          if (free === ms) tat = nextTat(tat, interval, 1, ms);
          else {
            assert.equal(rateFreeAt(tat, interval, burst, 1, free), free);
            assert.ok(rateFreeAt(tat, interval, burst, 1, free - 1)! > free - 1);
          }
        });
      },
    ),
  );
});

test('a burst that was lowered shows as used up until it has drained below the new one', () => {
  const interval = emissionMicros(1, 10);
  const now = 1_777_000_000_000;
  const tat = nextTat(0, interval, 20, now);
  assert.equal(rateUsed(tat, interval, 5, now), 5);
  assert.equal(rateResetsAt(tat, interval, 5, now), now + 1600);
  assert.equal(rateFreeAt(tat, interval, 5, 1, now), now + 1600);
});

test('more than a burst or than the maximum never fits', () => {
  assert.equal(rateFreeAt(0, 1000, 3, 4, 0), null);
  assert.equal(earliestPlace(emptySeries(), rolling(60), 3, 4, 0), null);
  assert.equal(earliestPlace(emptySeries(), calendar('day'), 0, 1, 0), null);
});

test('periods may be counted from any second and by any number of steps', () => {
  assert.equal(periodStart('month', at('2026-01-31T10:00:00Z'), 1), at('2026-02-01T00:00:00Z'));
  assert.equal(periodStart('month', at('2026-12-31T10:00:00Z'), 2), at('2027-02-01T00:00:00Z'));
  assert.equal(periodStart('day', at('2026-03-01T10:00:00Z'), -1), at('2026-02-28T00:00:00Z'));
});
