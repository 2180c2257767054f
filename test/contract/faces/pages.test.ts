/** The page of a face says of every reason what the face answers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { REASON_CODES } from '../../../src/core/reasons.ts';
import { wordsOf } from '../../../src/intake/faces/index.ts';

for (const name of ['servicem8', '12m']) {
  test(`the page of ${name} has a line for every reason, with its status and word`, () => {
    const page = readFileSync(new URL(`../../../docs/compat/${name}.md`, import.meta.url), 'utf8');
    for (const code of REASON_CODES) {
      const { http, word } = wordsOf(code)[name]!;
      assert.ok(page.includes(`| \`${code}\` | ${http} | \`${word}\` |`), code);
    }
  });
}
