/**
 * The blob store: attachments and large bodies by the SHA-256 of their bytes, as files in folders of two letters. A file is
 * written beside its place, flushed, renamed, and its folder flushed, so that a name never stands for half a blob.
 */
import { mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreFault } from './store.ts';

export interface Blobs {
  /** Returns once the bytes are on disk. Storing what is there already costs a look. */
  put(sha256: string, bytes: Uint8Array): Promise<void>;
  /** Null when there is no such blob. */
  get(sha256: string): Promise<Uint8Array | null>;
  /** Keeps blobs from being removed until the function it returns is called: while their message is on its way into the store. */
  hold(names: readonly string[]): () => void;
  /** Removes a blob that no row names. Answers whether it is gone: one that is held stays. */
  remove(sha256: string): Promise<boolean>;
}

const NAME = /^[0-9a-f]{64}$/;

export function fileBlobs(directory: string): Blobs {
  let writing = 0;
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
      const known = await stat(path).catch(() => null);
      if (known?.size === bytes.length) return;
      writing += 1;
      const half = `${path}.${process.pid}.${writing}`;
      try {
        await mkdir(folder, { recursive: true });
        await writeFlushed(half, bytes);
        await rename(half, path);
        await flushFolder(folder);
      } catch (error) {
        await unlink(half).catch(() => undefined);
        throw isFull(error) ? new StoreFault('full', 'the disk that holds the blobs is full') : error;
      }
    },
    async get(sha256) {
      try {
        return await readFile(pathOf(sha256).path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      }
    },
    hold(names) {
      for (const name of names) held.set(name, (held.get(name) ?? 0) + 1);
      return () => {
        for (const name of names) release(name);
      };
    },
    async remove(sha256) {
      if (held.has(sha256)) return false;
      const gone = unlink(pathOf(sha256).path).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      removing.set(
        sha256,
        gone.catch(() => undefined),
      );
      await gone.finally(() => removing.delete(sha256));
      return true;
    },
  };
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
