import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ColdStates } from '../../src/policy/cold-states.ts';
import { applyChange, type ContactState, emptyContact } from '../../src/policy/ledger.ts';

function stateWith(seconds: readonly number[], lastReplyAt: number | null, isMarked: boolean): ContactState {
  const state = emptyContact();
  for (const second of seconds) {
    applyChange({ kind: 'units', state, unit: 'recipient', second, units: 1, horizonSeconds: 1e9 }, second);
  }
  state.lastReplyAt = lastReplyAt;
  if (isMarked) {
    state.suppressions = [{ id: 'sup_1', reason: 'complaint', domain: false, since: 5, expiresAt: null }];
    state.doNotContact = { since: 7, note: 'no “more”' };
  }
  return state;
}

test('a state comes out as it was put in, once, however many others lie between', () => {
  const seconds = fc.array(fc.integer({ min: 1_700_000_000, max: 1_900_000_000 }), { maxLength: 20 });
  const states = fc.uniqueArray(
    fc.record({
      key: fc.string({ minLength: 1, maxLength: 40 }),
      seconds,
      reply: fc.option(fc.nat(2_000_000_000_000)),
      isMarked: fc.boolean(),
    }),
    { selector: ({ key }) => key, maxLength: 40 },
  );
  fc.assert(
    fc.property(states, (all) => {
      const cold = new ColdStates();
      // Twice, so that places of what was taken out are used again.
      for (let round = 0; round < 2; round += 1) {
        for (const one of all) {
          const key = one.key.toWellFormed();
          assert.equal(cold.put(key, stateWith(one.seconds, one.reply, one.isMarked)), true);
        }
        for (const one of all) {
          const key = one.key.toWellFormed();
          assert.deepEqual(cold.take(key), stateWith(one.seconds, one.reply, one.isMarked));
          assert.equal(cold.take(key), null);
        }
        assert.equal(cold.size, 0);
      }
    }),
    { numRuns: 60 },
  );
});

test('what it cannot write down it does not take', () => {
  const cold = new ColdStates();
  const rated = emptyContact();
  rated.tats = new Map([['pace', 5]]);
  assert.equal(cold.put('a', rated), false);
  const long = stateWith(
    Array.from({ length: 200 }, (_, n) => 1_700_000_000 + n * 100),
    null,
    false,
  );
  assert.equal(cold.put('b', long), false);
  assert.equal(cold.put('c', emptyContact()), true);
  assert.equal(cold.put('c', emptyContact()), false, 'a key is there already');
});
