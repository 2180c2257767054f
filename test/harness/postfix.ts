/**
 * A Postfix of one's own for tests, where it is installed and this is root: on loopback, with its configuration, queue and users
 * in a temporary folder. It takes mail for `postfix.test`, with TLS on every port and AUTH by Dovecot's protocol where a test answers
 * for it; what it delivers is appended to one file. Nothing of the machine's own Postfix is touched.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type TestPostfix = {
  /** `submit` takes mail for everybody. */
  ports: { plain: number; tls: number; implicit: number; auth: number; submit: number };
  /** Everything that was delivered, one message after another. */
  delivered: () => string;
  log: () => string;
  stop: () => Promise<void>;
};

const PROGRAM = '/usr/sbin/postfix';
const CERTIFICATES = new URL('../fixtures/tls/', import.meta.url).pathname;

/** Why there is no Postfix for tests here; null: there may be one. */
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
virtual unix - n n - - virtual
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
myhostname = mx.postfix.test
mydestination =
mynetworks = 192.0.2.1/32
alias_maps =
virtual_mailbox_domains = postfix.test
virtual_mailbox_base = ${directory}/mail
virtual_mailbox_maps = inline:{ { bob@postfix.test = bob }, { käthe@postfix.test = bob } }
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
smtpd_tls_cert_file = ${CERTIFICATES}mail-cert.pem
smtpd_tls_key_file = ${CERTIFICATES}mail-key.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:AUTH_PORT
smtpd_recipient_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
message_size_limit = 200000
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
maillog_file = ${directory}/log
maillog_file_prefixes = ${directory}
`;

/** Where it hands on what is not its own. */
export type RelayHost = { port: number; user: string; pass: string };

const RELAY = ({ port, user, pass }: RelayHost) => `relayhost = [127.0.0.1]:${port}
smtp_tls_security_level = encrypt
smtp_sasl_auth_enable = yes
smtp_sasl_security_options = noanonymous
smtp_sasl_password_maps = inline:{ { [127.0.0.1]:${port} = ${user}:${pass} } }
`;

/** `users`: by name, for AUTH on the port `auth`. */
export async function startTestPostfix(users: Record<string, string> = {}, relay?: RelayHost): Promise<TestPostfix> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-postfix-'));
  chmodSync(directory, 0o755);
  for (const folder of ['queue', 'data', 'etc', 'mail']) mkdirSync(join(directory, folder));
  execFileSync('chown', ['postfix', join(directory, 'data')]);
  execFileSync('chown', ['65534:65534', join(directory, 'mail')]);
  const answering = await answerAuth(users);
  const [plain, tls, implicit, auth] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const submit = await freePort();
  const etc = join(directory, 'etc');
  const service = (port: number, ...options: string[]): string =>
    `127.0.0.1:${port} inet n - n - - smtpd\n${options.map((option) => `  -o ${option}\n`).join('')}`;
  const settings = MAIN(directory).replace('AUTH_PORT', String(answering.port));
  writeFileSync(join(etc, 'main.cf'), settings + (relay === undefined ? '' : RELAY(relay)));
  writeFileSync(
    join(etc, 'master.cf'),
    service(plain!, 'smtpd_tls_security_level=none') +
      service(tls!, 'smtpd_tls_security_level=may') +
      service(implicit!, 'smtpd_tls_wrappermode=yes') +
      service(auth!, 'smtpd_tls_security_level=encrypt', 'smtpd_tls_auth_only=yes', 'smtpd_sasl_auth_enable=yes') +
      service(
        submit,
        'mynetworks=127.0.0.0/8',
        'smtpd_relay_restrictions=permit_mynetworks,reject',
        'smtpd_recipient_restrictions=permit_mynetworks,reject',
      ) +
      SERVICES +
      'postlog unix-dgram n - n - 1 postlogd\n',
  );
  const run = (command: string): void => {
    execFileSync(PROGRAM, ['-c', etc, command], {
      stdio: 'ignore',
      env: { PATH: process.env['PATH'] },
      timeout: 60_000,
    });
  };
  const clean = async (): Promise<void> => {
    await answering.close();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    run('start');
  } catch (fault) {
    await clean();
    throw fault;
  }
  const box = join(directory, 'mail', 'bob');
  return {
    ports: { plain: plain!, tls: tls!, implicit: implicit!, auth: auth!, submit },
    delivered: () => (existsSync(box) ? readFileSync(box, 'latin1') : ''),
    log: () => (existsSync(join(directory, 'log')) ? readFileSync(join(directory, 'log'), 'utf8') : ''),
    async stop() {
      run('stop');
      await clean();
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** Answers Postfix's questions about passwords (Dovecot authentication protocol 1.1). */
async function answerAuth(users: Record<string, string>): Promise<{ port: number; close: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    const login = new Map<string, string[]>();
    socket.write('VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0\nDONE\n');
    let rest = '';
    socket.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) socket.write(replyTo(line.split('\t'), login, users));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function replyTo(fields: string[], login: Map<string, string[]>, users: Record<string, string>): string {
  const [command, id = '', third = ''] = fields;
  const end = (user: string | undefined, pass: string | undefined): string => {
    login.delete(id);
    return user !== undefined && users[user] === pass ? `OK\t${id}\tuser=${user}\n` : `FAIL\t${id}\tuser=${user}\n`;
  };
  const ask = (prompt: string): string => `CONT\t${id}\t${Buffer.from(prompt).toString('base64')}\n`;
  const given = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
  if (command === 'AUTH') {
    const resp = fields.find((field) => field.startsWith('resp='))?.slice(5);
    if (third === 'PLAIN' && resp !== undefined) {
      const [, user, pass] = given(resp).split('\0');
      return end(user, pass);
    }
    login.set(id, []);
    return third === 'PLAIN' ? ask('') : ask('Username:');
  }
  const said = login.get(id);
  if (command !== 'CONT' || said === undefined) return '';
  said.push(given(third));
  if (said[0]?.includes('\0')) {
    const [, user, pass] = said[0].split('\0');
    return end(user, pass);
  }
  return said.length === 1 ? ask('Password:') : end(said[0], said[1]);
}
