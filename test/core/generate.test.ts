import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { staleFiles, writeFiles } from '../../scripts/generate.ts';
import { GENERATED_FILES } from '../../scripts/generated-files.ts';
import { REASON_CODES, REASONS, WARNING_CODES } from '../../src/core/reasons.ts';
import { SIMULATOR_ADDRESSES } from '../../src/core/simulator.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const TEMP = mkdtempSync(join(tmpdir(), 'postern-generate-'));
after(() => rmSync(TEMP, { recursive: true, force: true }));

/** A copy of all that generating needs, with the generated files as they are committed. */
function copyOfProject(name: string): string {
  const copy = join(TEMP, name);
  for (const path of ['src', 'scripts', 'package.json', ...GENERATED_FILES.map((file) => file.path)]) {
    cpSync(join(ROOT, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

function generate(root: string, ...args: string[]) {
  const run = spawnSync(process.execPath, ['scripts/generate.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status: run.status, stderr: run.stderr };
}

test('every generated file is what the code says', async () => {
  assert.deepEqual(await staleFiles(ROOT, GENERATED_FILES), []);
});

test('the check passes on a fresh copy, names what was changed or is absent, and writing mends it', () => {
  const copy = copyOfProject('copy');
  assert.deepEqual(generate(copy, '--check'), { status: 0, stderr: '' });
  appendFileSync(join(copy, 'docs/reference/reasons.md'), '\n');
  rmSync(join(copy, 'reasons.json'));
  const stale = generate(copy, '--check');
  assert.equal(stale.status, 1);
  assert.match(stale.stderr, /docs\/reference\/reasons\.md/);
  assert.match(stale.stderr, /reasons\.json/);
  assert.match(stale.stderr, /npm run generate/);
  assert.equal(generate(copy).status, 0);
  assert.deepEqual(generate(copy, '--check'), { status: 0, stderr: '' });
});

test('a changed entry makes both files stale', () => {
  const copy = copyOfProject('changed');
  const path = join(copy, 'src/core/reasons/recipient.ts');
  writeFileSync(path, readFileSync(path, 'utf8').replace("title: 'Cooldown'", "title: 'Pause'"));
  const { status, stderr } = generate(copy, '--check');
  assert.equal(status, 1);
  assert.match(stderr, /reasons\.md.*\nreasons\.json/);
});

test('an unknown argument is refused, so that a slip does not overwrite files', () => {
  const { status, stderr } = generate(ROOT, '--chek');
  assert.equal(status, 2);
  assert.match(stderr, /--chek/);
});

test('a renderer may take its time, and folders are made as needed', async () => {
  const files = [{ path: 'deep/er/file.txt', render: async () => 'ü\n' }];
  assert.deepEqual(await staleFiles(TEMP, files), ['deep/er/file.txt']);
  await writeFiles(TEMP, files);
  assert.deepEqual(await staleFiles(TEMP, files), []);
});

test('the reference has one anchor for every reason and warning', () => {
  const markdown = readFileSync(join(ROOT, 'docs/reference/reasons.md'), 'utf8');
  const anchors = [...markdown.matchAll(/<a id="([^"]+)"><\/a>/g)].map((match) => match[1]);
  assert.deepEqual(anchors, [...REASON_CODES, ...WARNING_CODES]);
  const links = [...markdown.matchAll(/\]\(#([^)]+)\)/g)].map((match) => match[1]);
  assert.deepEqual(links, [...REASON_CODES]);
});

test('reasons.json tells programs what the catalogue says, in order of precedence', () => {
  const json = JSON.parse(readFileSync(join(ROOT, 'reasons.json'), 'utf8'));
  assert.equal(json.reasons.length, REASON_CODES.length);
  for (const [index, code] of REASON_CODES.entries()) {
    const row = json.reasons[index];
    const entry = REASONS[code];
    assert.deepEqual(
      [row.code, row.precedence, row.category, row.http, row.smtp, row.retryable, row.clears.by, row.fault, row.fix],
      [code, index, entry.category, entry.http, entry.smtp, entry.retryable, entry.clearsBy, entry.fault, entry.fix],
    );
    assert.deepEqual(row.evidence, entry.evidence);
  }
  assert.deepEqual(json.simulator_addresses, SIMULATOR_ADDRESSES);
});
