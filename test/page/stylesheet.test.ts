import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PAGE_STYLESHEET } from '../../src/admin/page/stylesheet.ts';
import { contrast } from '../harness/contrast.ts';

const PAIRS: [text: string, grounds: string[]][] = [
  ['ink', ['paper', 'card', 'sunk']],
  ['soft', ['paper', 'card', 'sunk']],
  ['link', ['paper', 'card']],
  ['stop', ['paper', 'card', 'stop-paper']],
  ['wait', ['paper', 'card', 'wait-paper']],
  ['pass', ['paper', 'card', 'pass-paper']],
  ['act-ink', ['act']],
];

test('every text of the page has a contrast of 4.5 to 1 on what it stands on, in light and in dark', () => {
  const schemes = PAGE_STYLESHEET.split('prefers-color-scheme: dark');
  for (const scheme of [schemes[0]!, schemes[1]!.split('* {')[0]!]) {
    const colours = Object.fromEntries(
      [...scheme.matchAll(/--([a-z-]+): (#[0-9a-f]{6})/g)].map((match) => [match[1]!, match[2]!]),
    );
    for (const [text, grounds] of PAIRS) {
      for (const ground of grounds) {
        const ratio = contrast(colours[text]!, colours[ground]!);
        assert.ok(ratio >= 4.5, `${text} on ${ground}: ${ratio.toFixed(2)}`);
      }
    }
  }
});

test('the stylesheet loads nothing', () => {
  assert.doesNotMatch(PAGE_STYLESHEET, /url\(|@import|https?:/);
});
