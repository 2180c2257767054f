import assert from 'node:assert/strict';
import { test } from 'node:test';
import { impurities } from '../../scripts/purity.ts';
import { filesBelow, textOf } from './files.ts';

test('core and policy read no clock, are not random, wait for nothing, catch nothing', () => {
  const found = ['core', 'policy'].flatMap((folder) =>
    filesBelow(`src/${folder}`, '.ts').flatMap((path) =>
      impurities(textOf(`src/${folder}/${path}`)).map((what) => `${folder}/${path} ${what}`),
    ),
  );
  assert.deepEqual(found, []);
});

test('each impure thing is found where it stands, and none in words about it', () => {
  for (const line of [
    'const now = Date.now();',
    'const today = new Date();',
    'const dice = Math.random();',
    'const start = performance.now();',
    'const port = process.env.PORT;',
    'await something();',
    'const answer = fetch(url);',
    'setTimeout(later, 1);',
    'try { x(); } catch { y(); }',
    'const score = Math.exp(-x);',
  ]) {
    assert.equal(
      impurities(`const a = 1;\n${line}`).filter((what) => what.startsWith('line 2')).length >= 1,
      true,
      line,
    );
  }
  const innocent =
    "// Date.now() and await\nconst text = 'process, catch, fetch';\nconst day = new Date(ms).getUTCDay();";
  assert.deepEqual(impurities(innocent), []);
});
