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
  /**
   * Removes a blob that no row holds. One that was put a short while ago stays, since its message may be on its way into
   * the store: answers whether it is gone.
   */
  remove(sha256: string): Promise<boolean>;
}

const NAME = /^[0-9a-f]{64}$/;
/** Longer than any request takes from its blobs to its rows. */
const ON_ITS_WAY_MS = 30 * 60_000;

export function fileBlobs(directory: string): Blobs {
  let writing = 0;
  const wanted = new Map<string, number>();
  const removing = new Map<string, Promise<void>>();
  const isWanted = (sha256: string): boolean => (wanted.get(sha256) ?? 0) > performance.now() - ON_ITS_WAY_MS;
  const want = (sha256: string): void => {
    // In order of the last wish, so that old ones are met first.
    wanted.delete(sha256);
    wanted.set(sha256, performance.now());
    for (const old of wanted.keys()) {
      if (isWanted(old)) break;
      wanted.delete(old);
    }
  };
  const pathOf = (sha256: string): { folder: string; path: string } => {
    if (!NAME.test(sha256)) throw new RangeError('a blob is named by its SHA-256 in lower-case hex');
    const folder = join(directory, sha256.slice(0, 2));
    return { folder, path: join(folder, sha256) };
  };
  return {
    async put(sha256, bytes) {
      const { folder, path } = pathOf(sha256);
      want(sha256);
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
    async remove(sha256) {
      if (isWanted(sha256)) return false;
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
