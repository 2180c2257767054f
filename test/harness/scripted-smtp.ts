/**
 * A peer that speaks SMTP exactly as badly as a script says.
 *
 * Each connection follows the next script of the list (the last one again when the list is used up): steps that wait for
 * a line or for a whole body, say octets, change to TLS, close, reset, or stay silent. What the client sent is kept for
 * the test to look at. A script that ends leaves the connection open and silent.
 */
import { createServer, type Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';

export type Step =
  | { kind: 'line'; pattern: RegExp }
  | { kind: 'body' }
  | { kind: 'octets'; pattern: string }
  | { kind: 'say'; bytes: Buffer }
  | { kind: 'tls'; context: SecureContext }
  | { kind: 'run'; act: () => void | Promise<void> }
  | { kind: 'deafen' }
  | { kind: 'close' }
  | { kind: 'reset' };

/** Waits for the next line, which must match. */
export const hear = (pattern: RegExp): Step => ({ kind: 'line', pattern });
/** Waits for a body with its final dot. */
export const hearBody: Step = { kind: 'body' };
/** Waits until the octets not yet heard contain the text, and leaves them unheard. */
export const hearUntil = (pattern: string): Step => ({ kind: 'octets', pattern });
/** Says octets, one write. */
export const say = (text: string | Buffer): Step => ({ kind: 'say', bytes: Buffer.from(text as string, 'latin1') });
export const upgrade = (cert: string | Buffer, key: string | Buffer): Step => ({
  kind: 'tls',
  context: createSecureContext({ cert, key }),
});
/** Does something in the middle of the script. */
export const run = (act: () => void | Promise<void>): Step => ({ kind: 'run', act });
/** Reads nothing any more, so that the client's window fills. */
export const deafen: Step = { kind: 'deafen' };
export const close: Step = { kind: 'close' };
export const reset: Step = { kind: 'reset' };

/** Greeting and EHLO with the usual offers. */
export const hello = (offers: string[] = ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'SIZE 1000000']): Step[] => [
  say('220 peer ESMTP\r\n'),
  hear(/^EHLO /),
  say(`250-peer\r\n${offers.map((offer) => `250-${offer}\r\n`).join('')}250 ENHANCEDSTATUSCODES\r\n`),
];

/** From MAIL to the 354, pipelined. */
export const transaction: Step[] = [
  hear(/^MAIL FROM:/),
  hear(/^RCPT TO:/),
  hear(/^DATA$/),
  say('250 2.1.0 ok\r\n250 2.1.5 ok\r\n354 go\r\n'),
];

export type Heard = {
  /** Every octet of the connection, TLS taken off. */
  octets: () => string;
  /** The first mismatch between the script and the client, or null. */
  mismatch: string | null;
  /** Resolves when the connection is gone. */
  gone: Promise<void>;
};

export type ScriptedPeer = { port: number; connections: Heard[]; close: () => Promise<void> };

export async function scriptedSmtp(...scripts: Step[][]): Promise<ScriptedPeer> {
  const connections: Heard[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const script = scripts[Math.min(connections.length, scripts.length - 1)] ?? [];
    const conversation = new Conversation(socket);
    connections.push(conversation);
    conversation.follow(script).catch((error: Error) => {
      conversation.mismatch ??= error.message;
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const closeAll = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  return { port: address.port, connections, close: closeAll };
}

class Conversation implements Heard {
  mismatch: string | null = null;
  gone: Promise<void>;
  #socket: Socket;
  #heard = '';
  #used = 0;
  #isGone = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    this.gone = new Promise((resolve) =>
      socket.on('close', () => {
        this.#isGone = true;
        this.#wake();
        resolve();
      }),
    );
    this.#listen(socket);
  }

  octets(): string {
    return this.#heard;
  }

  async follow(script: Step[]): Promise<void> {
    for (const step of script) {
      if (this.#isGone) return;
      await this.#do(step);
    }
  }

  #listen(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      this.#heard += chunk.toString('latin1');
      this.#wake();
    });
  }

  async #do(step: Step): Promise<void> {
    switch (step.kind) {
      case 'line': {
        const line = await this.#take('\r\n');
        if (line !== null && !step.pattern.test(line)) throw new Error(`heard ${line}, wanted ${step.pattern}`);
        return;
      }
      case 'body':
        await this.#take('\r\n.\r\n');
        return;
      case 'octets':
        await this.#until(() => this.#heard.includes(step.pattern, this.#used));
        return;
      case 'say':
        return new Promise((resolve) => void this.#socket.write(step.bytes, () => resolve()));
      case 'tls':
        return this.#secure(step.context);
      case 'run':
        return step.act();
      case 'deafen':
        this.#socket.pause();
        return;
      case 'close':
        this.#socket.end();
        return;
      case 'reset':
        this.#socket.resetAndDestroy();
        return;
    }
  }

  /** The text up to a mark, which is used up with it; null if the client went away first. */
  async #take(mark: string): Promise<string | null> {
    await this.#until(() => this.#heard.includes(mark, this.#used));
    const end = this.#heard.indexOf(mark, this.#used);
    if (end === -1) return null;
    const text = this.#heard.slice(this.#used, end);
    this.#used = end + mark.length;
    return text;
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.#isGone) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #secure(secureContext: SecureContext): Promise<void> {
    this.#socket.removeAllListeners('data');
    const secured = new TLSSocket(this.#socket, { isServer: true, secureContext });
    this.#socket = secured;
    this.#listen(secured);
    return new Promise((resolve) => {
      secured.once('secure', () => resolve());
      secured.once('close', () => resolve());
      if (this.#isGone) resolve();
    });
  }
}
