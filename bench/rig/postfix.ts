/**
 * A Postfix of one's own, where it is installed and this is root: on loopback, with its configuration and queue in a
 * temporary folder, relaying everything to one next hop or dropping what it has taken. Nothing of the machine's own Postfix is touched.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Postfix = { port: number; stop: () => void };

const PROGRAM = '/usr/sbin/postfix';

const MASTER = (port: number) => `127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
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
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
`;

const MAIN = (directory: string, sinkPort: number | null, connections: number) => `compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = bench.example
mydestination =
mynetworks = 127.0.0.0/8
${sinkPort === null ? 'default_transport = discard:' : `relayhost = [127.0.0.1]:${sinkPort}`}
alias_maps =
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtpd_client_connection_count_limit = 0
default_destination_concurrency_limit = ${connections}
initial_destination_concurrency = ${connections}
smtp_connection_cache_on_demand = yes
in_flow_delay = 0
maillog_file =
`;

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/**
 * Null, and nothing started, where there is no Postfix or no right to run one. Without a sink's port it accepts durably, and drops
 * what it has queued.
 */
export async function startPostfix(sinkPort: number | null, connections: number): Promise<Postfix | null> {
  if (!existsSync(PROGRAM) || process.getuid?.() !== 0) return null;
  const directory = mkdtempSync(join(tmpdir(), 'postern-bench-postfix-'));
  execFileSync('chmod', ['755', directory]);
  for (const folder of ['queue', 'data', 'etc']) mkdirSync(join(directory, folder));
  execFileSync('chown', ['postfix', join(directory, 'data')]);
  const port = await freePort();
  const etc = join(directory, 'etc');
  writeFileSync(join(etc, 'main.cf'), MAIN(directory, sinkPort, connections));
  writeFileSync(join(etc, 'master.cf'), MASTER(port));
  const run = (command: string): void => {
    execFileSync(PROGRAM, ['-c', etc, command], { stdio: 'ignore', env: { PATH: process.env['PATH'] } });
  };
  try {
    run('start');
  } catch {
    rmSync(directory, { recursive: true, force: true });
    return null;
  }
  return {
    port,
    stop() {
      run('stop');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
