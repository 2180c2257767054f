/**
 * Who may import whom: the table that keeps the walls between the folders of `src`. A change of it changes the architecture
 * and belongs with a decision in `docs/decisions`.
 *
 * A part is a folder of `src`, or a file in it. Within its own folder everything may import everything; the way there must
 * have no cycles. `port` stands for what the stages see of `data`: the port, its pieces, and the blob store.
 */
import { dirname, join, normalize } from 'node:path';
import { importsOf } from './source-code.ts';

export type Part = {
  /** Folders and files of `src` that it may import. */
  from: readonly string[];
  /** Whether it may import `node:` modules. */
  node: boolean;
  /** Whether it may import packages. */
  npm: boolean;
};

const PORT = ['data/store.ts', 'data/port', 'data/blobs.ts'];
const STAGE = ['core', 'base', 'policy', 'queue', 'http', 'templates', ...PORT];

/** The most particular row that fits a file is its row. */
export const IMPORT_RULE: Readonly<Record<string, Part>> = {
  core: { from: [], node: false, npm: false },
  policy: { from: ['core'], node: false, npm: false },
  base: { from: [], node: true, npm: true },
  config: { from: ['base'], node: true, npm: false },
  'data/store.ts': { from: ['core', 'policy', 'data/port'], node: false, npm: false },
  'data/port': { from: ['core', 'policy'], node: false, npm: false },
  'data/blobs.ts': { from: ['core', 'base', 'data/store.ts'], node: true, npm: false },
  'data/sqlite': { from: ['core', 'policy', 'base', ...PORT], node: true, npm: true },
  'data/postgres': { from: ['core', 'policy', 'base', ...PORT], node: true, npm: true },
  http: { from: ['core', 'policy', 'base', 'config', ...PORT], node: true, npm: true },
  templates: { from: ['core', 'policy', 'base', ...PORT], node: true, npm: true },
  queue: { from: ['core', 'policy', 'base', ...PORT], node: true, npm: true },
  intake: { from: STAGE, node: true, npm: true },
  relay: { from: STAGE, node: true, npm: true },
  returns: { from: STAGE, node: true, npm: true },
  webhooks: { from: STAGE, node: true, npm: true },
  admin: { from: [...STAGE, 'simulate'], node: true, npm: true },
  simulate: { from: ['core', 'base', 'policy', ...PORT], node: true, npm: false },
  // The shell around the stages: it puts them together, and is imported by nothing but itself.
  'main.ts': {
    from: [
      ...STAGE,
      'config',
      'data',
      'intake',
      'relay',
      'returns',
      'webhooks',
      'admin',
      'simulate',
      'control.ts',
      'keyring.ts',
      'first-start.ts',
    ],
    node: true,
    npm: true,
  },
  // Runs in a thread of its own, started by `returns`, which may not know delivery's table.
  'inbound-thread.ts': { from: ['core', 'base', 'relay', 'returns'], node: true, npm: false },
  // What an installation is made with; the words are for whoever started it.
  'first-start.ts': { from: ['base', ...PORT], node: true, npm: false },
  // The master secrets of an installation, which are kept beside the store and wrapped within it.
  'keyring.ts': { from: ['base', ...PORT], node: true, npm: false },
  'control.ts': { from: ['core', 'base', 'policy', 'intake', 'keyring.ts', ...PORT], node: true, npm: true },
  commands: {
    from: ['core', 'base', 'config', 'simulate', 'relay', 'returns', 'main.ts', 'control.ts', ...PORT],
    node: true,
    npm: true,
  },
  'cli.ts': { from: ['commands'], node: true, npm: false },
};

/** The row of a file: the longest name that is the file or a folder around it. */
export function partOf(file: string): string | null {
  const fitting = Object.keys(IMPORT_RULE).filter((part) => isIn(file, part));
  return fitting.sort((a, b) => b.length - a.length)[0] ?? null;
}

function isIn(file: string, part: string): boolean {
  return file === part || file.startsWith(`${part}/`);
}

export type SourceFile = { /** From `src`, with slashes. */ path: string; text: string };

/** The file of `src` that an import names, or null where it names a module from elsewhere. */
function targetOf(file: string, from: string): string | null {
  return from.startsWith('.') ? normalize(join(dirname(file), from)) : null;
}

/** Every import that the table forbids, as a sentence. */
export function forbiddenImports(files: readonly SourceFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const part = partOf(path);
    if (part === null) return [`${path} stands in no row of the import rule`];
    return importsOf(text)
      .filter((from) => !isAllowed(path, part, from))
      .map((from) => `${path} imports ${from}, which ${part} may not`);
  });
}

function isAllowed(path: string, part: string, from: string): boolean {
  const row = IMPORT_RULE[part]!;
  if (from.startsWith('node:')) return row.node;
  const target = targetOf(path, from);
  if (target === null) return row.npm;
  return partOf(target) === part || row.from.some((allowed) => isIn(target, allowed));
}

/** Ways on which files import each other in a ring, be it for a type alone: neither could then be understood without the other. */
export function importCycles(files: readonly SourceFile[]): string[][] {
  const targets = new Map(
    files.map(({ path, text }) => [path, importsOf(text).flatMap((from) => targetOf(path, from) ?? [])]),
  );
  const done = new Set<string>();
  const cycles: string[][] = [];
  const walk = (file: string, way: readonly string[]): void => {
    if (way.includes(file)) {
      cycles.push([...way.slice(way.indexOf(file)), file]);
      return;
    }
    if (done.has(file)) return;
    for (const target of targets.get(file) ?? []) walk(target, [...way, file]);
    done.add(file);
  };
  for (const { path } of files) walk(path, []);
  return cycles;
}
