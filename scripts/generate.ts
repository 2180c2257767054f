/**
 * `npm run generate` writes every generated file; `npm run generate -- --check` compares them byte for byte, names each
 * one that differs and ends with 1.
 */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GENERATED_FILES, type GeneratedFile } from './generated-files.ts';

/** The paths of the files that are absent or differ from what would be written. */
export async function staleFiles(root: string, files: readonly GeneratedFile[]): Promise<string[]> {
  const stale: string[] = [];
  for (const file of files) {
    const wanted = Buffer.from(await file.render(), 'utf8');
    const present = await readFile(join(root, file.path)).catch(whenAbsent);
    if (present === null || !present.equals(wanted)) stale.push(file.path);
  }
  return stale;
}

/** Writes every file anew. */
export async function writeFiles(root: string, files: readonly GeneratedFile[]): Promise<void> {
  for (const file of files) {
    const path = join(root, file.path);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await file.render(), 'utf8');
  }
}

function whenAbsent(fault: NodeJS.ErrnoException): null {
  if (fault.code === 'ENOENT') return null;
  throw fault;
}

async function main(args: readonly string[]): Promise<number> {
  const root = dirname(import.meta.dirname);
  const unknown = args.find((arg) => arg !== '--check');
  if (unknown !== undefined) {
    console.error(`Unknown argument ${unknown}; usage: npm run generate [-- --check]`);
    return 2;
  }
  if (!args.includes('--check')) {
    await writeFiles(root, GENERATED_FILES);
    return 0;
  }
  const stale = await staleFiles(root, GENERATED_FILES);
  for (const path of stale) console.error(`${path} is not what the code says.`);
  if (stale.length === 0) return 0;
  console.error('Run `npm run generate` and commit the result.');
  return 1;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
