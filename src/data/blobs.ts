/**
 * The blob store: attachments and large bodies by the SHA-256 of their bytes, as files in folders of two letters. A file is
 * written beside its place, flushed, renamed, and its folder flushed, so that a name never stands for half a blob.
 *
 * Invariant: a blob that a row names is not removed. Whoever stores a message holds its blobs until the row is there; whoever
 * removes one first makes its name wait, then asks whether a row names it, and only then unlinks.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StoreFault } from './store.ts';

export interface Blobs {
  /** Returns once the bytes are on disk. Storing what is there already costs a look. */
  put(sha256: string, bytes: Uint8Array): Promise<void>;
  /** Null when there is no such blob. */
  get(sha256: string): Promise<Uint8Array | null>;
  /** Keeps blobs from being removed until the function it returns is called: while their message is on its way into the store. */
  hold(names: readonly string[]): () => void;
  /** Removes those that nobody holds and that `unused` still answers with when asked; the others stay. */
  removeUnused(names: readonly string[], unused: (names: string[]) => Promise<string[]>): Promise<void>;
  /**
   * The names in one of `PARTS` parts that have lain there for an hour or more, for a sweep that looks for those no row names.
   * Halves that a crash left there are removed.
   */
  settled(part: number): Promise<string[]>;
}

export const PARTS = 256;

const NAME = /^[0-9a-f]{64}$/;
const HALF = /^[0-9a-f]{64}\.[0-9a-f-]{36}$/;
const SETTLED_MS = 60 * 60_000;

export function fileBlobs(directory: string): Blobs {
  const putting = new Map<string, Promise<void>>();
  const held = new Map<string, number>();
  const removing = new Map<string, Promise<void>>();
  const release = (sha256: string): void => {
    const holds = (held.get(sha256) ?? 1) - 1;
    if (holds > 0) held.set(sha256, holds);
    else held.delete(sha256);
  };
  const pathOf = (sha256: string): { folder: string; path: string } => {
    if (!NAME.test(sha256)) throw new RangeError('a blob is named by its SHA-256 in lower-case hex');
    const folder = join(directory, sha256.slice(0, 2));
    return { folder, path: join(folder, sha256) };
  };
  return {
    async put(sha256, bytes) {
      const { folder, path } = pathOf(sha256);
      await removing.get(sha256);
      // The same blob on its way already: its name may stand before its folder is flushed.
      const first = putting.get(sha256);
      if (first !== undefined) return first;
      const mine = store(folder, path, bytes).finally(() => putting.delete(sha256));
      putting.set(sha256, mine);
      return mine;
    },
    async get(sha256) {
      let bytes: Uint8Array;
      try {
        bytes = await readFile(pathOf(sha256).path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
      // A flipped bit makes it another blob: what was stored is gone.
      return createHash('sha256').update(bytes).digest('hex') === sha256 ? bytes : null;
    },
    hold(names) {
      for (const name of names) held.set(name, (held.get(name) ?? 0) + 1);
      return () => {
        for (const name of names) release(name);
      };
    },
    async removeUnused(wanted, unused) {
      const free = wanted.filter((name) => !held.has(name) && !removing.has(name));
      if (free.length === 0) return;
      // Asked only once the names wait: who puts one from now on stores it anew.
      const done = Promise.resolve(free)
        .then(unused)
        .then(async (names) => {
          for (const name of names) await unlinkIfThere(pathOf(name).path);
        });
      const waited = done.catch(() => undefined);
      for (const name of free) removing.set(name, waited);
      await done.finally(() => {
        for (const name of free) removing.delete(name);
      });
    },
    async settled(part) {
      const folder = join(directory, part.toString(16).padStart(2, '0'));
      const names: string[] = [];
      for (const name of await readdir(folder).catch(() => [])) {
        const path = join(folder, name);
        const known = await stat(path).catch(() => null);
        if (known === null || Date.now() - known.mtimeMs < SETTLED_MS) continue;
        if (NAME.test(name)) names.push(name);
        else if (HALF.test(name)) await unlinkIfThere(path);
      }
      return names;
    },
  };
}

async function store(folder: string, path: string, bytes: Uint8Array): Promise<void> {
  const known = await stat(path).catch(() => null);
  if (known?.size === bytes.length) return;
  // Named at random: a process of the same number may have left its halves here.
  const half = `${path}.${randomUUID()}`;
  try {
    const made = await mkdir(folder, { recursive: true });
    await writeFlushed(half, bytes);
    await rename(half, path);
    await flushFolder(folder);
    // New folders must be found after a crash as well.
    if (made !== undefined) for (const parent of [dirname(folder), dirname(dirname(folder))]) await flushFolder(parent);
  } catch (error) {
    await unlink(half).catch(() => undefined);
    throw isFull(error) ? new StoreFault('full', 'the disk that holds the blobs is full') : error;
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

function isFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
