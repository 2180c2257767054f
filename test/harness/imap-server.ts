/**
 * A small IMAP server for tests (RFC 9051, RFC 2177, RFC 4315): one account, folders in memory, what clients of mailboxes ask for.
 * It keeps what was asked, so that a test can say that nothing was changed.
 */
import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

type Mail = { uid: number; raw: Buffer; flags: string[]; at: Date };
type Folder = { uidValidity: number; uidNext: number; mails: Mail[]; use: string | null };

export type ImapServer = {
  url: string;
  port: number;
  folders: Map<string, Folder>;
  /** Commands without their tags, oldest first. */
  commands: string[];
  /** Puts a mail into a folder and tells whoever waits. */
  deliver(raw: string, folder?: string, at?: Date): number;
  /** UIDs begin anew. */
  renumber(uidValidity: number): void;
  /** Resolves once a command that fits has come. */
  seen(pattern: RegExp, count?: number): Promise<void>;
  /** Ends all connections; new ones are taken. */
  drop(): void;
  password: string;
  hasIdle: boolean;
  stop(): Promise<void>;
};

type Session = { socket: Socket; folder: string | null; told: number; idleTag: string | null };

export async function startImapServer(options: { tls?: TlsOptions; user?: string } = {}): Promise<ImapServer> {
  const sessions = new Set<Session>();
  const watchers: { pattern: RegExp; count: number; resolve: () => void }[] = [];
  const folders = new Map<string, Folder>([
    ['INBOX', { uidValidity: 7, uidNext: 1, mails: [], use: null }],
    ['Sent', { uidValidity: 8, uidNext: 1, mails: [], use: '\\Sent' }],
  ]);
  const user = options.user ?? 'alice';
  const onSocket = (socket: Socket): void => serve(socket);
  const server = options.tls === undefined ? createServer(onSocket) : createTlsServer(options.tls, onSocket);
  const imap: ImapServer = {
    ...{ url: '', port: 0, folders, commands: [], password: 'secret', hasIdle: true },
    deliver(raw, name = 'INBOX', at = new Date()) {
      const folder = folders.get(name)!;
      const uid = folder.uidNext;
      folder.uidNext += 1;
      folder.mails.push({ uid, raw: Buffer.from(raw.replaceAll(/\r?\n/g, '\r\n')), flags: [], at });
      for (const session of sessions) if (session.idleTag !== null) tellNews(session);
      return uid;
    },
    renumber(uidValidity) {
      const folder = folders.get('INBOX')!;
      folder.uidValidity = uidValidity;
      folder.mails.forEach((mail, i) => {
        mail.uid = i + 1;
      });
      folder.uidNext = folder.mails.length + 1;
    },
    seen(pattern, count = 1) {
      return new Promise((resolve) => {
        watchers.push({ pattern, count, resolve });
        notice();
      });
    },
    drop() {
      for (const { socket } of sessions) socket.destroy();
    },
    async stop() {
      for (const { socket } of sessions) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  function notice(): void {
    for (const watcher of [...watchers]) {
      if (imap.commands.filter((one) => watcher.pattern.test(one)).length < watcher.count) continue;
      watchers.splice(watchers.indexOf(watcher), 1);
      watcher.resolve();
    }
  }

  function tellNews(session: Session): void {
    const count = folders.get(session.folder ?? '')?.mails.length ?? session.told;
    if (count === session.told) return;
    session.told = count;
    session.socket.write(`* ${count} EXISTS\r\n`);
  }

  function serve(socket: Socket): void {
    const session: Session = { socket, folder: null, told: 0, idleTag: null };
    sessions.add(session);
    socket.on('close', () => sessions.delete(session));
    socket.on('error', () => undefined);
    socket.write('* OK ready\r\n');
    let buffer = Buffer.alloc(0);
    let line = '';
    let literals: Buffer[] = [];
    let missing = 0;
    socket.on('data', (octets) => {
      buffer = Buffer.concat([buffer, octets]);
      for (;;) {
        if (missing > 0) {
          if (buffer.length < missing) return;
          literals.push(buffer.subarray(0, missing));
          buffer = buffer.subarray(missing);
          missing = 0;
        }
        const end = buffer.indexOf('\r\n');
        if (end === -1) return;
        line += buffer.subarray(0, end).toString('latin1');
        buffer = buffer.subarray(end + 2);
        const literal = /\{(\d+)(\+?)\}$/.exec(line);
        if (literal !== null) {
          missing = Number(literal[1]);
          line = line.slice(0, literal.index);
          if (literal[2] === '') socket.write('+ go on\r\n');
          continue;
        }
        const whole = { text: line, literals };
        line = '';
        literals = [];
        answer(session, whole.text, whole.literals);
      }
    });
  }

  function answer(session: Session, text: string, literals: Buffer[]): void {
    const { socket } = session;
    if (session.idleTag !== null) {
      socket.write(`${session.idleTag} OK idle ended\r\n`);
      session.idleTag = null;
      imap.commands.push(text);
      notice();
      return;
    }
    const [, tag = '*', command = ''] = /^(\S+) (.*)$/.exec(text) ?? [];
    const [, name = ''] = /^((?:UID )?\S+)/i.exec(command) ?? [];
    const done = (said = 'done'): boolean => socket.write(`${tag} OK ${said}\r\n`);
    const folder = folders.get(session.folder ?? '');
    switch (name.toUpperCase()) {
      case 'CAPABILITY':
        socket.write(`* CAPABILITY IMAP4rev1 UIDPLUS SPECIAL-USE${imap.hasIdle ? ' IDLE' : ''}\r\n`);
        done();
        break;
      case 'LOGIN': {
        const [, given, password] = /LOGIN "?([^" ]+)"? "?([^" ]*)"?/i.exec(command) ?? [];
        if (given === user && password === imap.password) done();
        else socket.write(`${tag} NO [AUTHENTICATIONFAILED] wrong user or password\r\n`);
        break;
      }
      case 'LIST':
      case 'LSUB': {
        const [, wanted = ''] = /"([^"]*)"\s*$/.exec(command) ?? [];
        // An empty name asks for the delimiter (RFC 9051 §6.3.9).
        if (wanted === '') socket.write(`* LIST (\\Noselect) "/" ""\r\n`);
        for (const [path, { use }] of folders) {
          if (wanted !== '*' && wanted !== path) continue;
          socket.write(`* ${name.toUpperCase()} (\\HasNoChildren${use === null ? '' : ` ${use}`}) "/" "${path}"\r\n`);
        }
        done();
        break;
      }
      case 'SELECT':
      case 'EXAMINE': {
        const path = /"?([^" ]+)"?/.exec(command.slice(name.length + 1))?.[1] ?? '';
        const opened = folders.get(path);
        if (opened === undefined) {
          socket.write(`${tag} NO there is no ${path}\r\n`);
          break;
        }
        session.folder = path;
        session.told = opened.mails.length;
        socket.write(
          `* ${opened.mails.length} EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen)\r\n* OK [UIDVALIDITY ${opened.uidValidity}] ok\r\n* OK [UIDNEXT ${opened.uidNext}] ok\r\n`,
        );
        done(name.toUpperCase() === 'EXAMINE' ? '[READ-ONLY] done' : '[READ-WRITE] done');
        break;
      }
      case 'UID SEARCH':
        socket.write(`* SEARCH ${search(folder, command, literals).join(' ')}\r\n`);
        done();
        break;
      case 'UID FETCH': {
        const [, from = '', upTo = ''] = /FETCH (\d+)(?::(\d+|\*))?/i.exec(command) ?? [];
        const last = upTo === '' ? Number(from) : upTo === '*' ? Number.POSITIVE_INFINITY : Number(upTo);
        folder?.mails.forEach((mail, i) => {
          if (mail.uid >= Number(from) && mail.uid <= last) fetch(socket, mail, i + 1, command);
        });
        done();
        break;
      }
      case 'NOOP':
        tellNews(session);
        done();
        break;
      case 'IDLE':
        session.idleTag = tag;
        socket.write('+ idling\r\n');
        tellNews(session);
        break;
      case 'APPEND': {
        const path = /APPEND "?([^" ]+)"?/i.exec(command)?.[1] ?? '';
        const uid = imap.deliver(literals[0]?.toString('latin1') ?? '', path);
        done(`[APPENDUID ${folders.get(path)!.uidValidity} ${uid}] done`);
        break;
      }
      case 'LOGOUT':
        socket.end(`* BYE\r\n${tag} OK bye\r\n`);
        break;
      case 'ID':
      case 'CHECK':
      case 'UNSELECT':
      case 'CLOSE':
        done();
        break;
      default:
        socket.write(`${tag} BAD not known\r\n`);
    }
    imap.commands.push(/^LOGIN/i.test(command) ? 'LOGIN' : command);
    notice();
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  imap.port = port;
  imap.url = `${options.tls === undefined ? 'imap' : 'imaps'}://${user}:secret@127.0.0.1:${port}`;
  return imap;
}

function search(folder: Folder | undefined, command: string, literals: Buffer[]): number[] {
  const mails = folder?.mails ?? [];
  const range = /UID SEARCH .*?UID (\d+):\*/i.exec(command);
  if (range !== null) {
    const from = Number(range[1]);
    const last = mails.at(-1)?.uid ?? 0;
    // A range that begins beyond the last one means the last one.
    return mails.filter(({ uid }) => uid >= Math.min(from, last)).map(({ uid }) => uid);
  }
  const header = /HEADER "?message-id"? ?"?([^"]*)"?/i.exec(command);
  if (header !== null) {
    const wanted = literals[0]?.toString() ?? header[1]!.trim();
    return mails.filter(({ raw }) => raw.toString('latin1').includes(wanted)).map(({ uid }) => uid);
  }
  const since = /SINCE (\d+-\w+-\d+)/i.exec(command)?.[1];
  const from = since === undefined ? 0 : Date.parse(`${since} UTC`);
  return mails.filter(({ at }) => at.getTime() >= from).map(({ uid }) => uid);
}

function fetch(socket: Socket, mail: Mail, number: number, command: string): void {
  const partial = /BODY(?:\.PEEK)?\[\](?:<(\d+)\.(\d+)>)?/i.exec(command);
  if (/BODY\[\]/i.test(command)) mail.flags.push('\\Seen');
  const start = Number(partial?.[1] ?? 0);
  const octets = mail.raw.subarray(start, start + Number(partial?.[2] ?? mail.raw.length));
  const place = partial?.[1] === undefined ? '' : `<${start}>`;
  socket.write(
    `* ${number} FETCH (UID ${mail.uid} FLAGS (${mail.flags.join(' ')}) BODY[]${place} {${octets.length}}\r\n`,
  );
  socket.write(octets);
  socket.write(')\r\n');
}
