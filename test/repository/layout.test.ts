import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { staleFiles } from '../../scripts/generate.ts';
import { GENERATED_FILES } from '../../scripts/generated-files.ts';
import { readSource } from '../../scripts/source-code.ts';
import { RULES } from '../../src/policy/rules/index.ts';
import { filesBelow, ROOT, textOf } from './files.ts';

const camelCase = (name: string): string => name.replace(/[-_](.)/g, (_, letter: string) => letter.toUpperCase());

/** Files in `policy/rules` that rules are made of. */
const PARTS_OF_RULES = ['index.ts', 'rule.ts', 'limit-finding.ts', 'pool-finding.ts', 'standing-finding.ts'];

test('every rule is a file that exports it by its name, stands in the order of rules, and has a test beside it', () => {
  const files = readdirSync(join(ROOT, 'src/policy/rules')).filter((file) => !PARTS_OF_RULES.includes(file));
  assert.deepEqual(
    files.map((file) => camelCase(file.replace('.ts', ''))).sort(),
    RULES.map(([name]) => camelCase(name)).sort(),
  );
  for (const file of files) {
    const { code } = readSource(textOf(`src/policy/rules/${file}`));
    const exported = [...code.matchAll(/\bexport\s+(?:const|function|type|class)\s+(\w+)/g)].map((match) => match[1]);
    assert.deepEqual(exported, [camelCase(file.replace('.ts', ''))], file);
    assert.ok(existsSync(join(ROOT, 'test/policy/rules', file.replace('.ts', '.test.ts'))), `${file} lacks a test`);
  }
});

test('SQL stands under src/data alone', () => {
  const sql =
    /\b(?:SELECT\s[\s\S]*\bFROM|INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE)\b/;
  const found = filesBelow('src', '.ts').filter(
    (path) => !path.startsWith('data/') && readSource(textOf(`src/${path}`)).strings.some((text) => sql.test(text)),
  );
  assert.deepEqual(found, []);
});

test('tests wait for events and never sleep; only the harness may', () => {
  const found = filesBelow('test', '.ts').filter((path) => {
    if (path.startsWith('harness/')) return false;
    return /\bsetTimeout\b|\bsetInterval\b|\bsleep\b/.test(readSource(textOf(`test/${path}`)).code);
  });
  assert.deepEqual(found, []);
});

test('test names are sentences that occur once', () => {
  const names = new Map<string, string>();
  for (const path of filesBelow('test', '.test.ts')) {
    const { code, strings } = readSource(textOf(`test/${path}`));
    for (const found of code.matchAll(/^(\s*)(?:test|it)\(\s*"(\d+)"/gm)) {
      const name = strings[Number(found[2])]!;
      if (name.includes('${')) continue;
      // Inside a describe a name is read after the group's; there it must be new in its file.
      const key = found[1] === '' ? name : `${path} ${name}`;
      assert.ok(name.includes(' '), `${path}: "${name}" is no sentence`);
      assert.equal(names.get(key), undefined, `${path} has the name of a test in ${names.get(key)}: ${name}`);
      names.set(key, path);
    }
  }
  assert.ok(names.size > 300);
});

const VAGUE = ['util', 'utils', 'helper', 'helpers', 'common', 'manager', 'service', 'handler', 'misc'];

test('files are named in kebab-case after one thing, with no name that fits anything', () => {
  const found = ['src', 'test', 'bench', 'scripts'].flatMap((folder) =>
    filesBelow(folder, '.ts')
      .map((path) => `${folder}/${path}`)
      .filter((path) => {
        const name = path
          .split('/')
          .at(-1)!
          .replace(/(?:\.test)?\.ts$/, '');
        return !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) || name.split('-').some((word) => VAGUE.includes(word));
      }),
  );
  assert.deepEqual(found, []);
});

test('the map draws the folders of src, every one, and lists what each is for', () => {
  const map = textOf('ARCHITECTURE.md');
  assert.ok(map.split('\n').length <= 200, 'it is a map, not a book');
  const listing = /```\nsrc\/\n([\s\S]*?)```/.exec(map)?.[1] ?? '';
  const listed = [...listing.matchAll(/^ {2}([a-z.-]+)(\/?) /gm)].map((match) => `${match[1]}${match[2]}`);
  const present = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).map(
    (entry) => `${entry.name}${entry.isDirectory() ? '/' : ''}`,
  );
  assert.deepEqual([...listed].sort(), present.sort());
  const drawing = /```\n( caller[\s\S]*?)```/.exec(map)?.[1] ?? '';
  const drawn = ['intake', 'policy', 'relay', 'data'];
  for (const stage of drawn) assert.match(drawing, new RegExp(`\\b${stage}\\b`));
  for (const word of drawing.matchAll(/\b(intake|policy|queue|relay|returns|webhooks|data)\b/g)) {
    assert.ok(present.includes(`${word[1]}/`), `the drawing has ${word[1]}, which is not there`);
  }
});

test('links between documents lead somewhere', () => {
  const documents = ['', 'docs/'].flatMap((folder) =>
    filesBelow(folder === '' ? '.' : 'docs', '.md')
      .filter((path) => folder !== '' || !path.includes('/'))
      .map((path) => folder + path),
  );
  assert.ok(documents.includes('ARCHITECTURE.md') && documents.includes('docs/glossary.md'));
  const broken = documents.flatMap((document) => {
    const text = textOf(document).replace(/```[\s\S]*?```/g, '');
    return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap((match) => {
      const [path, anchor] = match[1]!.split('#');
      if (/^[a-z]+:/.test(match[1]!)) return [];
      const target = path === '' ? document : normalize(join(dirname(document), path!));
      if (!existsSync(join(ROOT, target))) return [`${document}: ${match[1]}`];
      return anchor === undefined || anchorsOf(target).has(anchor) ? [] : [`${document}: ${match[1]}`];
    });
  });
  assert.deepEqual(broken, []);
});

/** What can be linked to in a document: its headings, as GitHub spells them, and its own anchors. */
function anchorsOf(document: string): Set<string> {
  const text = textOf(document);
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return new Set([...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map((match) => match[1]!)]);
}

test('files that documents name are there', () => {
  const documents = [
    'ARCHITECTURE.md',
    'docs/flow.md',
    ...filesBelow('docs/decisions').map((path) => `docs/decisions/${path}`),
  ];
  const missing = documents.flatMap((document) =>
    [...textOf(document).matchAll(/`((?:src\/)?[a-z0-9-]+\/[a-z0-9/-]+\.[a-z]+)`/g)]
      .map((match) => match[1]!.replace(/^src\//, ''))
      .filter((path) => !existsSync(join(ROOT, 'src', path)) && !existsSync(join(ROOT, path)))
      .map((path) => `${document}: ${path}`),
  );
  assert.deepEqual(missing, []);
});

test('decisions are numbered without gaps and fit on a page', () => {
  const decisions = filesBelow('docs/decisions', '.md');
  decisions.forEach((file, i) => {
    assert.match(file, /^\d{4}-[a-z0-9-]+\.md$/);
    assert.equal(Number(file.slice(0, 4)), i + 1);
    assert.ok(textOf(`docs/decisions/${file}`).split('\n').length <= 60, `${file} is longer than a page`);
  });
  assert.ok(decisions.length >= 8);
});

test('generated files are what the code makes of them', async () => {
  assert.deepEqual(await staleFiles(ROOT, GENERATED_FILES), []);
});
