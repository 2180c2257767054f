import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addUnits,
  countAt,
  countBetween,
  DAY_SECONDS,
  emptySeries,
  indexAfter,
  latestUpTo,
  nthAfter,
  prune,
  seriesOf,
} from '../../src/policy/series.ts';
import { usedAt } from '../../src/policy/windows.ts';
import { entriesOf } from '../harness/series.ts';
import { departuresUpTo, seriesFrom } from './departures.ts';

const second = fc.integer({ min: 0, max: 70 });

test('counts, the nth unit and the latest departure are those of a plain list', () => {
  fc.assert(
    fc.property(departuresUpTo(60), second, second, fc.integer({ min: 1, max: 8 }), (departures, a, b, nth) => {
      const series = seriesFrom(departures);
      const units = departures
        .flatMap((one) => Array<number>(one.units).fill(one.second))
        .sort((left, right) => left - right);
      assert.equal(countBetween(series, a, b), units.filter((at) => at > a && at <= b).length);
      assert.equal(countAt(series, a), units.filter((at) => at === a).length);
      assert.equal(nthAfter(series, a, nth), units.filter((at) => at > a)[nth - 1] ?? null);
      assert.equal(latestUpTo(series, a), units.filter((at) => at <= a).at(-1) ?? null);
      assert.equal(indexAfter(series, a), new Set(units.filter((at) => at <= a)).size);
    }),
  );
});

test('seconds stay strictly ascending and cumulative counts strictly growing, whatever is added or given back', () => {
  const change = fc.record({ second: fc.integer({ min: 1, max: 12 }), units: fc.integer({ min: -3, max: 3 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const series = emptySeries();
      const model = new Map<number, number>();
      for (const { second: at, units } of changes) {
        if (units === 0) continue;
        addUnits(series, at, units);
        const left = Math.max(0, (model.get(at) ?? 0) + units);
        if (left === 0) model.delete(at);
        else model.set(at, left);
      }
      assert.deepEqual(
        entriesOf(series),
        [...model].sort((a, b) => a[0] - b[0]),
      );
    }),
  );
});

test('a series read back from its entries is the same', () => {
  fc.assert(
    fc.property(departuresUpTo(1000), (departures) => {
      const series = seriesFrom(departures);
      const copy = seriesOf(entriesOf(series));
      assert.deepEqual([copy.at, copy.cumulative], [series.at, series.cumulative]);
    }),
  );
});

const NOW = Date.UTC(2026, 2, 3, 12, 34, 17) / 1000;
const MONTH = { kind: 'calendar', period: 'month' } as const;

/** Departures every seven seconds from four days ago on: enough of them for folding, few enough to look at each. */
function fourBusyDays() {
  const series = emptySeries();
  for (let at = NOW - 4 * DAY_SECONDS; at <= NOW; at += 7) addUnits(series, at, 1);
  return series;
}

test('folding keeps order and number, and every window counts as before', () => {
  const series = fourBusyDays();
  const exact = seriesOf(entriesOf(series));
  prune(series, NOW, 31 * DAY_SECONDS);
  assert.ok(series.at.length < exact.at.length / 2, 'it has folded');
  for (let i = 1; i < series.at.length; i += 1) assert.ok(series.at[i]! > series.at[i - 1]!);
  assert.equal(series.cumulative.at(-1), exact.cumulative.at(-1));
  const rolling = [60, 3600, DAY_SECONDS, DAY_SECONDS + 1, 2 * DAY_SECONDS, 3 * DAY_SECONDS + 1800];
  for (const window of [
    ...rolling.map((seconds) => ({ kind: 'rolling', seconds }) as const),
    { kind: 'calendar', period: 'hour' } as const,
    { kind: 'calendar', period: 'day' } as const,
    MONTH,
  ]) {
    for (let at = NOW; at < NOW + 3 * DAY_SECONDS; at += 997) {
      assert.equal(usedAt(series, window, at), usedAt(exact, window, at), `${JSON.stringify(window)} at ${at}`);
    }
  }
});

test('a unit of the last minute of a month stays in its month when it is folded', () => {
  const start = Date.UTC(2026, 2, 1) / 1000;
  const series = emptySeries();
  for (let at = start - 5000; at < start; at += 1) addUnits(series, at, 1);
  const now = start + 3 * DAY_SECONDS;
  prune(series, now, 31 * DAY_SECONDS);
  assert.ok(series.at.length < 200, 'it has folded');
  assert.equal(usedAt(series, MONTH, now), 0);
  assert.equal(usedAt(series, MONTH, start - 1), 5000);
});

test('a place given back after its second was folded comes off its minute', () => {
  const series = fourBusyDays();
  const total = series.cumulative.at(-1)!;
  prune(series, NOW, 31 * DAY_SECONDS);
  const window = { kind: 'rolling', seconds: 4 * DAY_SECONDS } as const;
  const before = usedAt(series, window, NOW);
  addUnits(series, NOW - 4 * DAY_SECONDS + 7 * 5000, -1);
  assert.equal(series.cumulative.at(-1), total - 1);
  assert.equal(usedAt(series, window, NOW), before - 1);
});

test('what is still in a window is never forgotten, nor is the newest departure', () => {
  fc.assert(
    fc.property(
      departuresUpTo(5000, 60),
      fc.integer({ min: 1, max: 3000 }),
      fc.integer({ min: 0, max: 9000 }),
      (departures, horizon, now) => {
        const series = seriesFrom(departures);
        const exact = seriesFrom(departures);
        prune(series, now, horizon);
        for (const after of [now - horizon, now - 1, now]) {
          assert.equal(countBetween(series, after, 1e9), countBetween(exact, after, 1e9));
        }
        assert.equal(latestUpTo(series, 1e9), latestUpTo(exact, 1e9));
      },
    ),
  );
});

test('a busy month costs no rebuilding at every departure', () => {
  const series = emptySeries();
  let rebuilt = 0;
  let arrays = series.at;
  for (let at = NOW - 12 * DAY_SECONDS; at <= NOW; at += 20) {
    addUnits(series, at, 1);
    prune(series, at, 31 * DAY_SECONDS);
    if (series.at !== arrays) rebuilt += 1;
    arrays = series.at;
  }
  assert.ok(rebuilt > 0 && rebuilt < 20, `rebuilt ${rebuilt} times`);
});
