/** A disk of a few megabytes: a folder that lives in memory. Needs the right to mount. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type SmallDisk = {
  directory: string;
  freeBytes(): number;
  /** Takes room away, down to what is said; answers with what gives it back. */
  fill(leaveBytes: number): () => void;
  remove(): void;
};

/** Null, with the reason, where it cannot be mounted. */
export function mountSmallDisk(megabytes: number): { disk: SmallDisk } | { reason: string } {
  const directory = mkdtempSync(join(tmpdir(), 'postern-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory]);
  if (mounted.status !== 0) {
    rmSync(directory, { recursive: true, force: true });
    return { reason: `a small disk cannot be mounted here: ${mounted.error ?? mounted.stderr}` };
  }
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  };
  return {
    disk: {
      directory,
      freeBytes,
      fill(leaveBytes) {
        const path = join(directory, 'filler');
        writeFileSync(path, new Uint8Array(Math.max(0, freeBytes() - leaveBytes)));
        return () => rmSync(path, { force: true });
      },
      remove() {
        spawnSync('umount', ['-l', directory]);
        rmSync(directory, { recursive: true, force: true });
      },
    },
  };
}
