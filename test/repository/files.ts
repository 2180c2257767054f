/** The repository as tests of it see it: the files that git would keep, with their text. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const ROOT = dirname(dirname(import.meta.dirname));

const ASIDE = new Set(['node_modules', '.git', 'data', 'coverage', '.tmp', 'fixtures']);

/** Paths below a folder, from that folder, with slashes; without what is fetched, made or copied from elsewhere. */
export function filesBelow(folder: string, ending = ''): string[] {
  const found: string[] = [];
  const walk = (relative: string): void => {
    for (const entry of readdirSync(join(ROOT, folder, relative), { withFileTypes: true })) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
      const isAside = ASIDE.has(entry.name) && path !== 'data' && `${folder}/${path}` !== 'src/data';
      if (entry.isDirectory()) {
        if (!isAside || folder === 'src') walk(path);
      } else if (entry.isFile() && path.endsWith(ending)) found.push(path);
    }
  };
  walk('');
  return found.sort();
}

export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
