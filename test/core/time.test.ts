import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatTime, parseTime } from '../../src/core/time.ts';

const firstMs = Date.parse('0000-01-01T00:00:00.000Z');
const lastMs = Date.parse('9999-12-31T23:59:59.999Z');
const anyMs = fc.integer({ min: firstMs, max: lastMs });

describe('formatTime', () => {
  it('writes what the language writes, for any order of times', () => {
    fc.assert(
      fc.property(fc.array(anyMs, { minLength: 1 }), (times) => {
        for (const ms of times) {
          assert.equal(formatTime(ms), new Date(ms).toISOString());
          const neighbour = Math.min(lastMs, ms + 7);
          assert.equal(formatTime(neighbour), new Date(neighbour).toISOString());
        }
      }),
    );
  });

  it('cuts off parts of a millisecond and refuses what has no four-digit year', () => {
    assert.equal(formatTime(1.9), '1970-01-01T00:00:00.001Z');
    assert.equal(formatTime(-0.5), '1969-12-31T23:59:59.999Z');
    for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, lastMs + 1, firstMs - 1]) {
      assert.throws(() => formatTime(ms), RangeError);
    }
  });
});

describe('parseTime', () => {
  it('reads back what formatTime wrote', () => {
    fc.assert(fc.property(anyMs, (ms) => assert.equal(parseTime(formatTime(ms)), ms)));
  });

  it('reads any offset', () => {
    fc.assert(
      fc.property(anyMs, fc.integer({ min: -1439, max: 1439 }), (ms, minutes) => {
        const local = new Date(ms + minutes * 60_000);
        fc.pre(local.getTime() >= firstMs && local.getTime() <= lastMs);
        const absolute = Math.abs(minutes);
        const two = (value: number) => String(value).padStart(2, '0');
        const offset = `${minutes < 0 ? '-' : '+'}${two(Math.floor(absolute / 60))}:${two(absolute % 60)}`;
        assert.equal(parseTime(local.toISOString().replace('Z', offset)), ms);
      }),
    );
  });

  it('reads the examples of RFC 3339 §5.8, leap seconds among them', () => {
    assert.equal(parseTime('1985-04-12T23:20:50.52Z'), Date.UTC(1985, 3, 12, 23, 20, 50, 520));
    assert.equal(parseTime('1996-12-19T16:39:57-08:00'), Date.UTC(1996, 11, 20, 0, 39, 57));
    assert.equal(parseTime('1990-12-31T23:59:60Z'), Date.UTC(1991, 0, 1));
    assert.equal(parseTime('1990-12-31T15:59:60-08:00'), Date.UTC(1991, 0, 1));
    assert.equal(parseTime('1937-01-01T12:00:27.87+00:20'), Date.UTC(1937, 0, 1, 11, 40, 27, 870));
    assert.equal(parseTime('2026-12-01t09:00:00.1239z'), Date.UTC(2026, 11, 1, 9, 0, 0, 123));
  });

  it('refuses everything else', () => {
    const wrong = [
      '',
      'tomorrow',
      '2026-12-01',
      '2026-12-01T09:00Z',
      '2026-12-01 09:00:00Z',
      '2026-12-01T09:00:00',
      '2026-12-01T09:00:00.Z',
      '2026-12-01T09:00:00+0100',
      '2026-12-01T09:00:00+24:00',
      '2026-12-01T09:00:00+01:60',
      '2026-12-01T24:00:00Z',
      '2026-12-01T09:60:00Z',
      '2026-12-01T09:00:61Z',
      '2026-12-01T09:00:60Z',
      '2026-12-15T23:59:60Z',
      '2026-13-01T09:00:00Z',
      '2026-00-01T09:00:00Z',
      '2026-02-29T09:00:00Z',
      '2100-02-29T09:00:00Z',
      '2026-04-31T09:00:00Z',
      '2026-12-00T09:00:00Z',
      '20261-12-01T09:00:00Z',
      '+026-12-01T09:00:00Z',
      '2026-12-01T09:00:00Z ',
      ' 2026-12-01T09:00:00Z',
      '2026-12-01T09:00:00ZZ',
      '2026-12-01T09:00:00.000\u0660Z',
      '２026-12-01T09:00:00Z',
      '2026/12/01T09:00:00Z',
      '2026-12-01T09:00:00,5Z',
      '1e400',
      `2026-12-01T09:00:00.${'0'.repeat(100)}Z`,
    ];
    for (const text of wrong) assert.equal(parseTime(text), null, text);
    assert.notEqual(parseTime('2000-02-29T09:00:00Z'), null);
    assert.notEqual(parseTime('2028-02-29T09:00:00Z'), null);
  });
});
