import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ClosedRoutes } from '../../src/policy/closed-routes.ts';
import { faded, NEVER_STOOD, type RampSample, rampAt, rampPlace, shouldStand } from '../../src/policy/ramp.ts';
import { type RouteInput, route } from '../../src/policy/route.ts';
import { DAY_SECONDS, seriesOf } from '../../src/policy/series.ts';
import { emptySpread, paidAfter, spend } from '../../src/policy/spread.ts';
import { type WayLook, waysOf } from '../../src/policy/ways.ts';
import { mailbox, poolOf, provider } from './pools.ts';

const SECOND = 1_800_000_000;

function look(
  no: number,
  changes: Partial<WayLook> & { on?: Parameters<typeof provider>[1]; box?: object } = {},
): WayLook {
  const { on = {}, box = {}, ...rest } = changes;
  const own = provider((on as { no?: number }).no ?? 1, on);
  return {
    way: { provider: own, mailbox: mailbox(no, { provider: own.no, ...box }) },
    ...{ out: null, closed: null, capFreeAt: SECOND, rampFreeAt: SECOND, ramp: null },
    ...{ fullness: 0, isNear: false, rampFullness: 0, today: 0 },
    ...rest,
  };
}

function chosen(looks: WayLook[], changes: Partial<RouteInput> = {}) {
  const answer = route({ looks, spread: emptySpread(), second: SECOND, pinned: null, ...changes });
  return answer.outcome === 'chosen' ? [answer.look.way.mailbox?.no ?? null, answer.why] : answer;
}

test('the mailbox of the conversation comes first, whatever its health and its priority', () => {
  const looks = [look(1), look(2, { on: { no: 2, priority: 9 }, box: { health: 55 } })];
  assert.deepEqual(chosen(looks, { pinned: 2 }), [2, ['affinity']]);
  assert.deepEqual(chosen(looks, { pinned: 3 }), [1, ['priority']]);
});

test('then the priority of the provider, the band of health, room under the caps and in the warm-up', () => {
  assert.deepEqual(chosen([look(1, { on: { no: 1, priority: 2 } }), look(2, { on: { no: 2, priority: 1 } })]), [
    2,
    ['priority'],
  ]);
  assert.deepEqual(chosen([look(1, { box: { health: 60 } }), look(2, { box: { health: 85 } })]), [2, ['health']]);
  assert.deepEqual(chosen([look(1, { fullness: 950 }), look(2, { fullness: 100 })]), [2, ['remaining']]);
  assert.deepEqual(chosen([look(1, { rampFullness: 950 }), look(2)]), [2, ['warmup']]);
});

test('single points of health decide nothing: bands do', () => {
  const looks = [look(1, { box: { health: 81 }, today: 9 }), look(2, { box: { health: 99 }, today: 1 })];
  assert.deepEqual(chosen(looks), [2, ['weight']]);
  assert.deepEqual(chosen([look(1, { box: { health: 81 } }), look(2, { box: { health: 99 }, today: 1 })]), [
    1,
    ['weight'],
  ]);
});

test('what is out, full, avoided or closed is passed over, and the choice says so', () => {
  assert.deepEqual(chosen([look(1, { out: 'paused' }), look(2)]), [2, ['health']]);
  assert.deepEqual(chosen([look(1, { capFreeAt: SECOND + 9 }), look(2)]), [2, ['remaining']]);
  assert.deepEqual(chosen([look(1, { rampFreeAt: SECOND + 9 }), look(2)]), [2, ['warmup']]);
  assert.deepEqual(chosen([look(1), look(2)], { avoided: [{ provider: 1, mailbox: 1 }] }), [2, ['failover']]);
  const closed = { until: (SECOND + 60) * 1000, cause: 'it answers 421' };
  assert.deepEqual(chosen([look(1, { closed }), look(2)]), [2, ['failover']]);
  assert.deepEqual(chosen([look(1, { closed })]), [1, ['only']]);
});

test('of a failed way the other providers go before the other mailboxes of the same one', () => {
  const looks = [look(1), look(2), look(3, { on: { no: 2, priority: 5 } })];
  assert.deepEqual(chosen(looks, { avoided: [{ provider: 1, mailbox: 1 }] }), [3, ['failover']]);
});

test('where none is left each says what it waits for, and the first time of them is named', () => {
  const looks = [
    look(1, { capFreeAt: SECOND + 50 }),
    look(2, { rampFreeAt: SECOND + 40 }),
    look(3, { out: 'unhealthy' }),
    look(4, { closed: { until: (SECOND + 60) * 1000, cause: 'x' } }),
  ];
  const answer = route({ looks, spread: emptySpread(), second: SECOND, pinned: null, needsOpen: true });
  assert.ok(answer.outcome === 'waiting');
  assert.equal(answer.until, SECOND + 40);
  assert.deepEqual(
    answer.candidates.map(({ obstacle, until }) => [obstacle, until]),
    [
      ['cap', SECOND + 50],
      ['warmup', SECOND + 40],
      ['unhealthy', null],
      ['closed', SECOND + 60],
    ],
  );
});

test('an identity has its mailboxes; one without them the gateway first, and then what else the tenant has', () => {
  const pool = poolOf([provider(0), provider(1, { priority: -5 })], [mailbox(7, { identity: 3 })]);
  assert.deepEqual(
    waysOf(pool, 3).map((way) => way.mailbox?.no),
    [7],
  );
  const implied = waysOf(pool, 4);
  assert.deepEqual(
    implied.map(({ provider: { no }, mailbox: box }) => [no, box]),
    [
      [0, null],
      [1, null],
    ],
  );
});

test('weights are kept smoothly, and who was away takes its share and does not catch up', () => {
  const ways = [
    { no: 1, weight: 3 },
    { no: 2, weight: 1 },
  ];
  const state = emptySpread();
  const next = (among = ways): number => {
    const first = among.reduce((a, b) => (paidAfter(state, b) < paidAfter(state, a) ? b : a));
    spend(state, first);
    return first.no;
  };
  assert.equal(Array.from({ length: 12 }, () => next()).join(''), '111211121112');
  for (let n = 0; n < 100; n += 1) next([ways[0]!]);
  const back = Array.from({ length: 40 }, () => next());
  assert.ok(back.filter((no) => no === 2).length <= 11, back.join(''));
});

test('whatever the weights, each gets its share to within one of every round', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 }), (weights) => {
      const ways = weights.map((weight, i) => ({ no: i + 1, weight }));
      const total = weights.reduce((a, b) => a + b, 0);
      const state = emptySpread();
      const taken = weights.map(() => 0);
      for (let n = 0; n < total * 5; n += 1) {
        const first = ways.reduce((a, b) => (paidAfter(state, b) < paidAfter(state, a) ? b : a));
        spend(state, first);
        taken[first.no - 1]! += 1;
      }
      return weights.every((weight, i) => Math.abs(taken[i]! - weight * 5) <= 1);
    }),
  );
});

test('a warm-up counts its days from the first send, and stands still on those on which it must not grow', () => {
  const places = [2, 4, 8];
  const first = Math.floor(SECOND / DAY_SECONDS) * DAY_SECONDS + 500;
  const on = (days: number) => first + days * DAY_SECONDS;
  assert.deepEqual(rampAt(places, null, NEVER_STOOD, first), { day: 1, places: 2 });
  assert.deepEqual(rampAt(places, first, NEVER_STOOD, on(2)), { day: 3, places: 8 });
  assert.equal(rampAt(places, first, NEVER_STOOD, on(3)), null);
  assert.deepEqual(rampAt(places, first, { days: 1, since: null }, on(3)), { day: 3, places: 8 });
  const since = Math.floor(on(1) / DAY_SECONDS);
  assert.deepEqual(rampAt(places, first, { days: 0, since }, on(30)), { day: 2, places: 4 });
});

test('a place in a warm-up is one that its day has, and none beyond the horizon', () => {
  const start = Math.floor(SECOND / DAY_SECONDS) * DAY_SECONDS;
  const series = seriesOf([[start, 2]]);
  assert.equal(rampPlace([2, 4], start, NEVER_STOOD, series, start, start), start + DAY_SECONDS);
  assert.equal(rampPlace([2, 4], start, NEVER_STOOD, seriesOf([]), start + 5, start), start + 5);
  const since = Math.floor(start / DAY_SECONDS);
  assert.equal(rampPlace([0, 4], start, { days: 0, since }, series, start, start), null);
});

test('a warm-up stands still over deferrals and complaints of a sample that says something, and grows when they have faded', () => {
  const sample = (changes: Partial<RampSample>): RampSample => ({
    day: 5,
    tried: 100,
    deferred: 0,
    complained: 0,
    ...changes,
  });
  assert.equal(shouldStand(sample({}), false), false);
  assert.equal(shouldStand(sample({ deferred: 21 }), false), true);
  assert.equal(shouldStand(sample({ deferred: 15 }), false), false);
  assert.equal(shouldStand(sample({ deferred: 15 }), true), true);
  assert.equal(shouldStand(sample({ complained: 1 }), false), true);
  assert.equal(shouldStand(sample({ tried: 19, deferred: 19 }), false), false);
  assert.deepEqual(faded(sample({ deferred: 40 }), 7), { day: 7, tried: 25, deferred: 10, complained: 0 });
});

test('a way is closed for as long as was said: the provider, the mailbox, or either for one destination', () => {
  const closed = new ClosedRoutes();
  closed.close({ provider: 1, mailbox: null, destination: null }, { until: 100, cause: 'a' });
  closed.close({ provider: null, mailbox: 7, destination: 'x.example' }, { until: 200, cause: 'b' });
  assert.equal(closed.find(1, null, 'y.example', 50)?.cause, 'a');
  assert.equal(closed.find(1, 7, 'x.example', 50)?.cause, 'b');
  assert.equal(closed.find(2, 7, 'y.example', 50), null);
  assert.equal(closed.find(1, 7, 'y.example', 100), null);
  assert.equal(closed.find(2, 7, 'x.example', 199)?.cause, 'b');
  assert.ok(closed.open({ provider: null, mailbox: 7, destination: 'x.example' }));
  assert.ok(closed.find(2, 7, 'x.example', 199) === null && closed.isEmpty);
});
