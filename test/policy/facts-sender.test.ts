import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addressesIn,
  lookSender,
  type RefusedSender,
  type SenderView,
  type UnverifiedDomain,
} from '../../src/policy/facts-sender.ts';
import { NOW, policyOf, sendOf } from './deciding.ts';

const absent = (name: string): UnverifiedDomain => ({ id: '', name, state: 'absent', missing: [] });
const viewOf = (changes: Partial<SenderView> = {}): SenderView => ({
  mailLeaves: false,
  refused: () => null,
  unverified: (domain) => (domain === 'acme.example' ? null : absent(domain)),
  ...changes,
});
const asking = (word: 'auto' | 'always' | 'never') => policyOf([], { senders: { require_verified_domain: word } });
const from = (email: string, name: string | null = null) =>
  sendOf({ from: { email, domain: email.slice(email.lastIndexOf('@') + 1), name } });

test('a verified domain is asked for always, never, or as soon as mail can leave', () => {
  const send = from('a@other.example');
  for (const [word, mailLeaves, isAsked] of [
    ['always', false, true],
    ['always', true, true],
    ['never', true, false],
    ['auto', false, false],
    ['auto', true, true],
  ] as const) {
    const facts = lookSender(viewOf({ mailLeaves }), asking(word), send, NOW);
    assert.deepEqual(
      facts,
      isAsked ? { refused: null, domain: absent('other.example') } : null,
      `${word} ${mailLeaves}`,
    );
  }
  assert.equal(lookSender(viewOf(), asking('always'), from('a@acme.example'), NOW), null);
  assert.equal(lookSender(null, asking('always'), send, NOW), null, 'of replayed traffic nobody knows');
});

test('an address in the name needs a verified domain too, wherever it stands in it and whatever its sign looks like', () => {
  for (const name of [
    'ceo@bank.example',
    'CEO <ceo@bank.example> (urgent)',
    'Bank "ceo＠bank.example"',
    'x@acme.example, ceo﹫Bank.example.',
  ]) {
    const facts = lookSender(viewOf(), asking('always'), from('a@acme.example', name), NOW);
    assert.equal(facts?.refused?.cause, 'display_name', name);
    assert.match(facts?.refused?.address ?? '', /^ceo@bank\.example$/i);
    assert.equal(lookSender(viewOf(), asking('never'), from('a@acme.example', name), NOW), null);
  }
  for (const name of ['Alice', 'Alice @ Acme', 'a@acme.example', '@handle', 'meet @ 5.30', 'one@two']) {
    assert.equal(lookSender(viewOf(), asking('always'), from('a@acme.example', name), NOW), null, name);
  }
});

test('what is kept of long lists is what is decided on', () => {
  const allowed = Array.from({ length: 50 }, (_, i) => `a${i}@acme.example`);
  const refused: RefusedSender = { cause: 'identity_address', address: 'x@acme.example', allowed };
  const facts = lookSender(viewOf({ refused: () => refused }), asking('auto'), from('x@acme.example'), NOW);
  assert.deepEqual(facts?.refused?.allowed, allowed.slice(0, 3));
});

test('names are read in linear time, and no address is found where there is none', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }).filter((name) => !/[@＠﹫]/.test(name)),
      (name) => addressesIn(name).length === 0,
    ),
  );
  const began = performance.now();
  for (const part of ['@', 'a@b.c ', '<', '"', '＠.']) addressesIn(part.repeat(20_000));
  assert.ok(performance.now() - began < 1000);
});
