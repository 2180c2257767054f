/**
 * The lock on a data folder: one gateway at a time. A socket in the folder is both the lock (a second listener finds it
 * taken) and the door for commands that run beside the gateway. A socket that nobody answers is left over and removed.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

export type DataLock = { release: () => Promise<void> };
export type LockResult = { ok: true; lock: DataLock } | { ok: false; message: string };

export function socketPath(directory: string): string {
  return join(directory, 'postern.sock');
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function listen(server: Server, path: string): Promise<Error | null> {
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen(path, () => resolve(null));
  });
}

/** `talk` gets every connection of a command. */
export async function lockData(directory: string, talk: (socket: Socket) => void): Promise<LockResult> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = socketPath(directory);
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    talk(socket);
  });
  let failed = await listen(server, path);
  if (failed !== null) {
    if (await answers(path)) {
      return {
        ok: false,
        message: `The data folder ${directory} is in use by another gateway: stop it, or set POSTERN_DATA_DIR to another folder.`,
      };
    }
    rmSync(path, { force: true });
    failed = await listen(server, path);
  }
  if (failed !== null)
    return { ok: false, message: `The data folder ${directory} cannot be locked: ${failed.message}.` };
  return {
    ok: true,
    lock: {
      release: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          for (const socket of open) socket.destroy();
        }),
    },
  };
}
