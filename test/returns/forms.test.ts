import assert from 'node:assert/strict';
import { test } from 'node:test';
import { forms, holds, parseForms, plainWords } from '../../src/returns/forms.ts';

const table = forms();

for (const [index, rule] of table.rules.entries()) {
  for (const example of rule.examples) {
    test(`rule ${index + 1} (${rule.kind}, ${rule.in}) takes "${example}" and no earlier rule does`, () => {
      const words = plainWords(example);
      const first = table.rules.findIndex((each) => each.in === rule.in && holds(each, words));
      assert.equal(first, index);
    });
  }
}

const RULE = '[original]\nlines=["a"]\n[sender]\nlocal=["a"]\nname=["a"]\n[noise]\nlines=["a"]\n[[rule]]\n';

for (const [mistake, toml] of [
  ['an unknown table', '[other]\na=1\n'],
  ['no rule', '[original]\nlines=["a"]\n'],
  ['an unknown kind', `${RULE}kind="x"\nin="text"\nany=["a"]\nexamples=["a"]`],
  ['an unknown place', `${RULE}kind="bounce"\nin="x"\nany=["a"]\nexamples=["a"]`],
  ['an unknown key', `${RULE}kind="bounce"\nin="text"\nany=["a"]\nexamples=["a"]\nx=1`],
  ['no phrase', `${RULE}kind="bounce"\nin="text"\nany=[]\nexamples=["a"]`],
  ['no example', `${RULE}kind="bounce"\nin="text"\nany=["a"]`],
] as const) {
  test(`a table with ${mistake} is refused`, () => assert.throws(() => parseForms(toml), TypeError));
}
