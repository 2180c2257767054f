/** A mail host for tests (npm smtp-server): takes what it is asked to, keeps it, and counts connections. */
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { pem } from './deliver.ts';

export type TakenMail = { from: string; to: string[]; isSecure: boolean; user: string; content: Buffer };

export type MailHost = {
  port: number;
  taken: TakenMail[];
  connections: () => number;
  close: () => Promise<void>;
};

/** Its certificate is that of `*.mail.test`, signed by the test authority, unless `options` say otherwise. */
export async function startMailHost(
  options: SMTPServerOptions & { address?: string; port?: number } = {},
): Promise<MailHost> {
  const { address = '127.0.0.1', port = 0, ...serverOptions } = options;
  const taken: TakenMail[] = [];
  let connections = 0;
  const server = new SMTPServer({
    key: pem('mail-key'),
    cert: pem('mail-cert'),
    authOptional: true,
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 1,
    onConnect(_session, callback) {
      connections += 1;
      callback();
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        taken.push({
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map((recipient) => recipient.address),
          isSecure: session.secure,
          user: String(session.user ?? ''),
          content: Buffer.concat(chunks),
        });
        callback(null);
      });
    },
    ...serverOptions,
  });
  server.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(port, address, () => resolve());
  });
  const bound = server.server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return {
    port: bound.port,
    taken,
    connections: () => connections,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
