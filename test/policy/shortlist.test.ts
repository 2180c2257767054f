/** What of a large pool is looked at: the best by what needs no counter, some of each provider, others in turn. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortlist } from '../../src/policy/shortlist.ts';
import { emptySpread } from '../../src/policy/spread.ts';
import type { Way } from '../../src/policy/ways.ts';
import { mailbox, provider } from './pools.ts';

const [a, b] = [provider(1), provider(2)];
const way = (no: number, changes: object = {}, of = a): Way => ({
  provider: of,
  mailbox: mailbox(no, { provider: of.no, ...changes }),
});
const many = (count: number, from = 1, of = a): Way[] => Array.from({ length: count }, (_, i) => way(from + i, {}, of));
const numbers = (ways: readonly Way[]): number[] => ways.map(({ mailbox }) => mailbox!.no);

test('a small pool is looked at whole, those that are out too', () => {
  const ways = [...many(20), way(90, { state: 'paused' })];
  assert.equal(shortlist(ways, emptySpread(), null), ways);
});

test('of a large one each gets its turn', () => {
  const ways = many(1000);
  const seen = new Set<number>();
  for (let turn = 0; turn < 1000; turn += 1) {
    const list = numbers(shortlist(ways, { ...emptySpread(), turn }, null));
    assert.ok(list.length <= 40 && new Set(list).size === list.length);
    seen.add(list[0]!);
  }
  assert.equal(seen.size, 1000);
});

test('each provider is among them, however few mailboxes it has', () => {
  const ways = [...many(900), ...many(2, 2000, b)];
  for (const turn of [0, 500, 899]) {
    const list = shortlist(ways, { ...emptySpread(), turn }, null);
    assert.deepEqual(new Set(list.map(({ provider }) => provider.no)), new Set([1, 2]));
  }
});

test('those that cannot be used are left out, worse ones wait for the better, and the mailbox of the conversation is there', () => {
  const ways = [
    ...many(100).map((one) => way(one.mailbox!.no, { health: 55 })),
    ...many(3, 200),
    way(300, { state: 'paused' }),
    way(301, { excludedSince: 1 }),
  ];
  assert.deepEqual(numbers(shortlist(ways, emptySpread(), null)).sort(), [200, 201, 202]);
  assert.ok(numbers(shortlist(ways, emptySpread(), 7)).includes(7));
  const closed = shortlist(ways, emptySpread(), null, ({ mailbox }) => mailbox!.no < 200);
  assert.ok(numbers(closed).every((no) => no <= 100) && closed.length > 10);
});
