import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { forbiddenImports, IMPORT_RULE, importCycles, partOf } from '../../scripts/import-rule.ts';
import { importsOf, readSource } from '../../scripts/source-code.ts';
import { filesBelow, ROOT, textOf } from './files.ts';

const SOURCES = filesBelow('src', '.ts').map((path) => ({ path, text: textOf(`src/${path}`) }));

test('no file of src imports what the import rule forbids', () => {
  assert.ok(SOURCES.length > 100);
  assert.deepEqual(forbiddenImports(SOURCES), []);
});

test('no files of src import each other in a ring, not even for a type', () => {
  assert.deepEqual(importCycles(SOURCES), []);
});

test('every import of a file names one that is there', () => {
  const missing = SOURCES.flatMap(({ path, text }) =>
    importsOf(text)
      .filter((from) => from.startsWith('.') && !existsSync(join(ROOT, 'src', path, '..', from)))
      .map((from) => `${path}: ${from}`),
  );
  assert.deepEqual(missing, []);
});

test('stages never import each other, and only main picks implementations', () => {
  const stages = ['intake', 'relay', 'returns', 'webhooks', 'admin'];
  for (const stage of stages) {
    const file = { path: `${stage}/x.ts`, text: '' };
    for (const other of stages.filter((one) => one !== stage)) {
      const text = `import { y } from '../${other}/y.ts';`;
      assert.equal(forbiddenImports([{ ...file, text }]).length, 1, `${stage} → ${other}`);
    }
    for (const store of ['sqlite', 'postgres']) {
      const text = `import { y } from '../data/${store}/store.ts';`;
      assert.equal(forbiddenImports([{ ...file, text }]).length, 1, `${stage} → ${store}`);
    }
  }
  for (const text of ["import { y } from '../../data/postgres/y.ts';", "import { y } from '../postgres/y.ts';"]) {
    assert.equal(forbiddenImports([{ path: 'data/sqlite/x.ts', text }]).length, 1);
  }
});

test('core and policy import neither Node nor packages, not even a type', () => {
  for (const from of ['node:fs', 'fastify', '../base/ids.ts', '../data/store.ts']) {
    for (const path of ['core/x.ts', 'policy/x.ts']) {
      assert.equal(
        forbiddenImports([{ path, text: `import type { y } from '${from}';` }]).length,
        1,
        `${path} ${from}`,
      );
    }
  }
});

test('the rule finds a file in the most particular row, and a ring of files', () => {
  assert.equal(partOf('data/store.ts'), 'data/store.ts');
  assert.equal(partOf('data/sqlite/store.ts'), 'data/sqlite');
  assert.equal(partOf('nowhere/x.ts'), null);
  const ring = [
    { path: 'core/a.ts', text: "import { b } from './b.ts';" },
    { path: 'core/b.ts', text: "import type { c } from './c.ts';" },
    { path: 'core/c.ts', text: "export { a } from './a.ts';" },
  ];
  assert.deepEqual(importCycles(ring), [['core/a.ts', 'core/b.ts', 'core/c.ts', 'core/a.ts']]);
  assert.deepEqual(importCycles(ring.slice(0, 2)), []);
});

test('every folder of src has a row, and a row names what is there or is planned', () => {
  const folders = new Set(filesBelow('src').map((path) => path.split('/')[0]!));
  for (const folder of folders) {
    assert.ok(
      Object.keys(IMPORT_RULE).some((part) => part.split('/')[0] === folder),
      folder,
    );
  }
});

test('imports are read past comments, strings, patterns and templates', () => {
  const text = `
    // import { a } from 'comment';
    /* import 'block'; */
    import one, { type Two } from "./two.ts";
    import type { Three } from './three.ts';
    import { type Four, type Five } from './four.ts';
    import './six.ts';
    export * from './seven.ts';
    export type { Eight } from './eight.ts';
    const pattern = /['"\`/\\\\]/.test(\`import x from 'no'\`);
    const quote = a / 2; const lazy = await import('./nine.ts');
    const text = 'import { x } from "./never.ts"';
    import { 
      many,
    } from './ten.ts';
  `;
  assert.deepEqual(
    importsOf(text),
    ['two', 'three', 'four', 'six', 'seven', 'eight', 'nine', 'ten'].map((name) => `./${name}.ts`),
  );
  assert.equal(readSource(text).code.split('\n').length, text.split('\n').length);
});
