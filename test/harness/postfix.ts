/**
 * A Postfix for tests that takes mail for `postfix.test`, with TLS on every port and AUTH by Dovecot's protocol where a test answers
 * for it; what it delivers is appended to one file.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { freePort, smtpPort, startOwnPostfix } from './own-postfix.ts';

export type TestPostfix = {
  /** `submit` takes mail for everybody. */
  ports: { plain: number; tls: number; implicit: number; auth: number; submit: number };
  /** Everything that was delivered, one message after another. */
  delivered: () => string;
  log: () => string;
  stop: () => Promise<void>;
};

const CERTIFICATES = new URL('../fixtures/tls/', import.meta.url).pathname;

const MAIN = (directory: string, authPort: number) => `myhostname = mx.postfix.test
mynetworks = 192.0.2.1/32
virtual_mailbox_domains = postfix.test
virtual_mailbox_base = ${directory}/mail
virtual_mailbox_maps = inline:{ { bob@postfix.test = bob }, { käthe@postfix.test = bob } }
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
smtpd_tls_cert_file = ${CERTIFICATES}mail-cert.pem
smtpd_tls_key_file = ${CERTIFICATES}mail-key.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:${authPort}
smtpd_recipient_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
message_size_limit = 200000
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
  const answering = await answerAuth(users);
  const [plain, tls, implicit, auth] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const submit = await freePort();
  try {
    const { directory, stop } = startOwnPostfix({
      name: 'postfix',
      main: (folder) => MAIN(folder, answering.port) + (relay === undefined ? '' : RELAY(relay)),
      master:
        smtpPort(plain, 'smtpd_tls_security_level=none') +
        smtpPort(tls, 'smtpd_tls_security_level=may') +
        smtpPort(implicit, 'smtpd_tls_wrappermode=yes') +
        smtpPort(auth, 'smtpd_tls_security_level=encrypt', 'smtpd_tls_auth_only=yes', 'smtpd_sasl_auth_enable=yes') +
        smtpPort(
          submit,
          'mynetworks=127.0.0.0/8',
          'smtpd_relay_restrictions=permit_mynetworks,reject',
          'smtpd_recipient_restrictions=permit_mynetworks,reject',
        ) +
        'virtual unix - n n - - virtual\npostlog unix-dgram n - n - 1 postlogd\n',
      prepare(folder) {
        mkdirSync(join(folder, 'mail'));
        execFileSync('chown', ['65534:65534', join(folder, 'mail')]);
      },
    });
    const textOf = (file: string, encoding: 'latin1' | 'utf8'): string =>
      existsSync(join(directory, file)) ? readFileSync(join(directory, file), encoding) : '';
    return {
      ports: { plain, tls, implicit, auth, submit },
      delivered: () => textOf('mail/bob', 'latin1'),
      log: () => textOf('log', 'utf8'),
      async stop() {
        stop();
        await answering.close();
      },
    };
  } catch (fault) {
    await answering.close();
    throw fault;
  }
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
