import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addDuration, parseDuration } from '../../src/core/duration.ts';

const at = (time: string): number => Date.parse(time);

test('durations of ISO 8601 are read in every unit', () => {
  const examples: [string, number, number][] = [
    ['PT23H', 0, 82_800_000],
    ['P1D', 0, 86_400_000],
    ['P2W', 0, 14 * 86_400_000],
    ['P1DT2H3M4.5S', 0, 86_400_000 + 7_384_500],
    ['PT0,25S', 0, 250],
    ['PT0.0019S', 0, 1],
    ['P1Y2M', 14, 0],
    ['PT0S', 0, 0],
    ['P1M', 1, 0],
    ['PT1M', 0, 60_000],
  ];
  for (const [text, months, ms] of examples) assert.deepEqual(parseDuration(text), { months, ms }, text);
});

test('what is no duration reads as null', () => {
  const wrong = ['', 'P', 'PT', 'P1', '1D', 'P1DT', '-PT1H', 'P-1D', 'PT1.5H', 'pt1h', 'PT1S ', 'P1H', 'PT1D', 'PT.5S'];
  for (const text of [...wrong, `PT${'1'.repeat(100)}S`]) assert.equal(parseDuration(text), null, text);
});

test('months are calendar months, and end on the last day of a shorter one', () => {
  const add = (from: string, text: string) => new Date(addDuration(at(from), parseDuration(text)!)).toISOString();
  assert.equal(add('2027-01-31T10:00:00.123Z', 'P1M'), '2027-02-28T10:00:00.123Z');
  assert.equal(add('2027-12-15T00:00:00Z', 'P1M'), '2028-01-15T00:00:00.000Z');
  assert.equal(add('2028-02-29T12:00:00Z', 'P1Y'), '2029-02-28T12:00:00.000Z');
  assert.equal(add('2027-01-31T10:00:00Z', 'P1M1D'), '2027-03-01T10:00:00.000Z');
});

test('any written duration of days, hours, minutes and seconds adds up', () => {
  const part = fc.integer({ min: 0, max: 9999 });
  fc.assert(
    fc.property(part, part, part, part, (days, hours, minutes, seconds) => {
      const ms = ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000;
      assert.deepEqual(parseDuration(`P${days}DT${hours}H${minutes}M${seconds}S`), { months: 0, ms });
    }),
  );
});
