/** An SMTP client for tests, step by step: every reply is seen, and nothing is made nicer on the way. */
import { connect, type Socket } from 'node:net';

export type Talk = {
  /** Sends a line and waits for the reply, its lines joined. */
  say(line: string): Promise<string>;
  /** Sends octets as they are, waiting for nothing. */
  write(octets: Uint8Array | string): void;
  /** The next reply, or '' where the other side has closed. */
  reply(): Promise<string>;
  closed: Promise<void>;
  socket: Socket;
  end(): void;
};

/** Connects and reads the greeting. `from`: a local address of the loopback. */
export async function smtpTalk(port: number, from?: string): Promise<Talk & { greeting: string }> {
  const socket = connect({ port, host: '127.0.0.1', ...(from === undefined ? {} : { localAddress: from }) });
  let buffer = '';
  let wake = (): void => {};
  let isClosed = false;
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      isClosed = true;
      resolve();
      wake();
    });
  });
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    buffer += chunk.toString('latin1');
    wake();
  });
  const reply = async (): Promise<string> => {
    for (;;) {
      const found = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n/.exec(buffer);
      if (found !== null) {
        buffer = buffer.slice(found[0].length);
        return found[0].trimEnd();
      }
      if (isClosed) return '';
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const write = (octets: Uint8Array | string): void => void socket.write(octets);
  const say = (line: string): Promise<string> => {
    write(`${line}\r\n`);
    return reply();
  };
  const greeting = await reply();
  return { say, write, reply, closed, socket, greeting, end: () => socket.end() };
}

/** One mail in one session. Answers with the last reply: that to the data, or the first refusal. */
export async function deliverMail(
  port: number,
  { from, to, data }: { from: string; to: string | string[]; data: string | Uint8Array },
): Promise<string> {
  const talk = await smtpTalk(port);
  try {
    await talk.say('EHLO mx.rcpt.example');
    const lines = [`MAIL FROM:<${from}>`, ...[to].flat().map((address) => `RCPT TO:<${address}>`), 'DATA'];
    for (const line of lines) {
      const reply = await talk.say(line);
      if (!/^[23]/.test(reply)) return reply;
    }
    talk.write(typeof data === 'string' ? dotted(data) : data);
    talk.write('\r\n.\r\n');
    return await talk.reply();
  } finally {
    talk.socket.destroy();
  }
}

/** CRLF line ends, and dots doubled (RFC 5321 §4.5.2). */
function dotted(text: string): string {
  return text.replaceAll(/\r?\n/g, '\r\n').replaceAll(/^\./gm, '..');
}

/** Writes a little again and again, as a client that wants to hold a connection; answers with what ends it. */
export function trickle(talk: Talk, text: string): () => void {
  const timer = setInterval(() => talk.write(text), 20);
  return () => clearInterval(timer);
}
