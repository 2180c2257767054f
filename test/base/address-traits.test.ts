import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressTraits, isOneSlipApart } from '../../src/base/address-traits.ts';

const traitsOf = (address: string) => addressTraits(address, address.slice(address.lastIndexOf('@') + 1));

test('the names of RFC 2142 are roles, with or without a detail, and names of people are not', () => {
  assert.equal(traitsOf('postmaster@example.com')?.role, 'postmaster');
  assert.equal(traitsOf('abuse+17@example.com')?.role, 'abuse');
  assert.equal(traitsOf('users-request@example.com')?.role, 'list');
  for (const local of ['bob', 'news.corp', 'infobob', 'oncall', 'team', 'billing', '']) {
    assert.equal(traitsOf(`${local}@example.com`), null, local);
  }
});

test('a disposable domain is known by itself and by what lies below it', () => {
  assert.equal(traitsOf('bob@mailinator.com')?.isDisposable, true);
  assert.equal(traitsOf('bob@x.y.mailinator.com')?.isDisposable, true);
  assert.equal(traitsOf('bob@our-mailinator.example'), null);
  assert.equal(traitsOf('bob@com'), null);
});

test('one slip away from a well-known domain suggests it, and real neighbours suggest nothing', () => {
  for (const [slip, meant] of [
    ['gmial.com', 'gmail.com'],
    ['gmal.com', 'gmail.com'],
    ['gmaill.com', 'gmail.com'],
    ['gnail.com', 'gmail.com'],
    ['gmail.con', 'gmail.com'],
    ['gmail.co', 'gmail.com'],
    ['hotmial.com', 'hotmail.com'],
    ['yaho.com', 'yahoo.com'],
    ['outlok.com', 'outlook.com'],
  ] as const) {
    assert.equal(traitsOf(`bob@${slip}`)?.suggestion, `bob@${meant}`, slip);
  }
  for (const real of ['gmail.com', 'mail.com', 'ymail.com', 'email.com', 'example.com', 'gmx.com', 'yahoo.com.au']) {
    assert.equal(traitsOf(`bob@${real}`), null, real);
  }
});

/** Every text that one slip makes of another, the slow way. */
function slipsOf(text: string, letters: string): Set<string> {
  const found = new Set<string>();
  for (let i = 0; i <= text.length; i += 1) {
    const [before, after] = [text.slice(0, i), text.slice(i)];
    if (after !== '') found.add(before + after.slice(1));
    if (after.length > 1) found.add(before + after[1] + after[0] + after.slice(2));
    for (const letter of letters) {
      found.add(before + letter + after);
      if (after !== '') found.add(before + letter + after.slice(1));
    }
  }
  found.delete(text);
  return found;
}

test('what is one slip apart is what one slip makes', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      assert.equal(isOneSlipApart(a, b), slipsOf(a, 'abc').has(b), `${a} ${b}`);
    }),
  );
});

test('any domain is answered in linear time', () => {
  const long = `${'a.'.repeat(50_000)}example`;
  const started = performance.now();
  assert.equal(traitsOf(`bob@${long}`), null);
  assert.ok(performance.now() - started < 1000);
});
