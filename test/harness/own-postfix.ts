/**
 * A Postfix of one's own, where it is installed and this is root: on loopback, with its configuration and queue in a temporary
 * folder. Nothing of the machine's own Postfix is touched.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = '/usr/sbin/postfix';

/** Why none can be started here; null: one may be. */
export function postfixLacks(): string | null {
  if (!existsSync(PROGRAM)) return `${PROGRAM} is not installed`;
  return process.getuid?.() === 0 ? null : 'Postfix can only be started by root';
}

const SERVICES = `pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
`;

const MAIN = (directory: string) => `compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
smtpd_client_connection_count_limit = 0
`;

export type OwnPostfix = {
  /** Begins the name of its folder. */
  name: string;
  /** Lines of main.cf beside those that every one has. */
  main: (directory: string) => string;
  /** Lines of master.cf: the ports it listens on, and how it delivers. */
  master: string;
  /** What must stand in its folder before it starts. */
  prepare?: (directory: string) => void;
};

/** Throws, and leaves nothing behind, where it does not start. */
export function startOwnPostfix({ name, main, master, prepare }: OwnPostfix): { directory: string; stop: () => void } {
  const directory = mkdtempSync(join(tmpdir(), `postern-${name}-`));
  const etc = join(directory, 'etc');
  const run = (command: string): void => {
    const env = { PATH: process.env['PATH'] };
    execFileSync(PROGRAM, ['-c', etc, command], { stdio: 'ignore', env, timeout: 60_000 });
  };
  const clean = (): void => rmSync(directory, { recursive: true, force: true });
  try {
    chmodSync(directory, 0o755);
    for (const folder of ['queue', 'data', 'etc']) mkdirSync(join(directory, folder));
    execFileSync('chown', ['postfix', join(directory, 'data')]);
    prepare?.(directory);
    writeFileSync(join(etc, 'main.cf'), MAIN(directory) + main(directory));
    writeFileSync(join(etc, 'master.cf'), master + SERVICES);
    run('start');
  } catch (fault) {
    clean();
    throw fault;
  }
  return {
    directory,
    stop() {
      run('stop');
      clean();
    },
  };
}

/** A line of master.cf that takes mail on a port of this machine. */
export function smtpPort(port: number, ...options: string[]): string {
  return `127.0.0.1:${port} inet n - n - - smtpd\n${options.map((option) => `  -o ${option}\n`).join('')}`;
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
