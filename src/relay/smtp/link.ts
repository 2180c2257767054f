/**
 * One SMTP connection as a conversation: commands out, replies in, in order.
 *
 * Invariants: the number of replies that the peer still owes is known, so a reply that nobody asked for is known as such and
 * never taken for the answer to a later command; replies read before the link broke are still given out; every wait
 * ends, by an answer, the end of the link, or its time limit; nothing said in plain text survives the change to TLS.
 *
 * Deliberately absent: any knowledge of what a command means (session.ts, send.ts), and of pooling (transports/smtp.ts).
 */
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls';
import { type Reply, ReplyParser } from './reply-parser.ts';
import { type TlsSeen, tlsFault, tlsSeen } from './tls-words.ts';

/** Why there is no reply, in words for a person. */
export type Broken = { code: null; why: string };
export type Answer = Reply | Broken;

/** Dead peers show within about 70 s (then 10 probes, a second apart), also during the long wait after the dot. */
const KEEP_ALIVE_MS = 60_000;

const describe = (error: Error & { code?: string }): string => error.message || error.code || error.name;

export class Link {
  /** True from the write of the final dot until its answer. */
  isDotOut = false;
  /** Called when the link can no longer be used: it broke, or the peer spoke unasked. */
  onTrouble: () => void = () => {};
  /** Called once, when the socket is gone. */
  onClosed: () => void = () => {};
  /** What the change to TLS came to; null: none was made. */
  tls: TlsSeen | null = null;

  #socket: Socket;
  #owed = 1; // the greeting
  #parser = new ReplyParser();
  #replies: Reply[] = [];
  #unasked: Reply | null = null;
  #broken: Broken | null = null;
  #isQuitting = false;
  #isLastAsked = false;
  #waiter: ((answer: Answer) => void) | null = null;
  #flushWaiter: ((isTaken: boolean) => void) | null = null;
  #timer: NodeJS.Timeout | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #detach: () => void;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#detach = this.#attach(socket);
  }

  get isBroken(): boolean {
    return this.#broken !== null;
  }

  /** What stands in the way of going on: a reply nobody asked for, or the end of the link; null if nothing does. */
  get trouble(): Answer | null {
    return this.#unasked ?? this.#broken;
  }

  /** Replies still to be read, or still to come. */
  get pending(): number {
    return this.#owed + this.#replies.length;
  }

  /** Waits until TCP is established; null means it is. */
  connected(timeoutMs: number): Promise<Broken | null> {
    if (this.#socket.destroyed) this.fail('the connection was closed');
    if (!this.#socket.connecting) return Promise.resolve(this.#broken);
    return this.#until(this.#socket, 'connect', timeoutMs, 'no connection in time');
  }

  /** Sends command lines that `replies` replies will answer. */
  send(lines: string, replies: number): void {
    if (this.#broken !== null) return;
    this.#owed += replies;
    this.#isLastAsked = false;
    this.#socket.write(lines, 'utf8');
  }

  /** The next reply in order. */
  answer(timeoutMs: number): Promise<Answer> {
    const ready = this.#replies.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.#unasked !== null && this.#unasked.code !== 421) this.fail('the peer answered out of step');
    const trouble = this.trouble;
    if (trouble !== null) return Promise.resolve(trouble);
    return new Promise((resolve) => {
      this.#waiter = resolve;
      this.#timer = setTimeout(() => this.fail('no answer in time'), timeoutMs);
    });
  }

  ask(line: string, timeoutMs: number): Promise<Answer> {
    this.send(line, 1);
    return this.answer(timeoutMs);
  }

  /** As `ask`, but what follows the answer is dropped until the next command: nothing may follow it in good faith. */
  askLast(line: string, timeoutMs: number): Promise<Answer> {
    this.send(line, 1);
    this.#isLastAsked = true;
    return this.answer(timeoutMs);
  }

  /** Writes octets and waits until the system has taken them; false if the link broke or the peer spoke unasked. */
  flush(bytes: Uint8Array, timeoutMs: number): Promise<boolean> {
    if (this.trouble !== null) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#flushWaiter = resolve;
      this.#flushTimer = setTimeout(() => this.fail('the peer stopped reading'), timeoutMs);
      this.#socket.write(bytes, (error) => {
        if (!error) this.#settleFlush(true);
      });
    });
  }

  /** Changes to TLS. All that was received in plain text, and not yet used, is dropped (RFC 3207 §6). */
  async secure(options: ConnectionOptions, timeoutMs: number): Promise<Broken | null> {
    const plain = this.#socket;
    this.#detach();
    plain.on('error', () => {}); // the TLS socket reports it
    this.#parser = new ReplyParser();
    if (this.#broken !== null) return this.#broken;
    const socket = tlsConnect({ ...options, socket: plain });
    const host = options.host ?? 'the next hop';
    this.#socket = socket;
    this.#detach = this.#attach(socket, (error) => tlsFault(error, host));
    const broken = await this.#until(socket, 'secureConnect', timeoutMs, 'no TLS handshake in time');
    if (broken === null) this.tls = tlsSeen(socket, host);
    return broken;
  }

  /** Ends the link without a word; a waiting caller hears `why`. */
  fail(why: string): void {
    this.#break(why);
    this.#socket.destroy();
  }

  /** Says QUIT and lets the peer close, for at most `timeoutMs`. */
  quit(timeoutMs: number): void {
    if (this.#broken !== null) return;
    this.#isQuitting = true;
    this.#break('closed by us');
    const timer = setTimeout(() => this.#socket.destroy(), timeoutMs).unref();
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.end('QUIT\r\n');
  }

  /** An idle link keeps no process alive. */
  rest(isResting: boolean): void {
    if (isResting) this.#socket.unref();
    else this.#socket.ref();
  }

  /** Listens to a socket; the function given back stops it. */
  #attach(socket: Socket, words: (error: Error) => string = describe): () => void {
    const emit = (reply: Reply): void => this.#onReply(reply);
    const onData = (chunk: Buffer): void => {
      if (this.#broken === null) this.#parser.push(chunk, emit);
    };
    const onError = (error: Error): void => this.#break(words(error));
    const onEnd = (): void => this.#break('the peer closed the connection');
    const onClose = (): void => {
      this.#break('the connection was closed');
      this.onClosed();
    };
    socket.on('data', onData).on('error', onError).on('end', onEnd).on('close', onClose);
    return () => {
      socket.off('data', onData).off('error', onError).off('end', onEnd).off('close', onClose);
    };
  }

  #onReply(reply: Reply): void {
    if (this.#owed === 0) {
      if (this.#isLastAsked) return;
      // One is remembered as the reason; a second means a peer that will not stop.
      if (this.#unasked !== null) this.fail('the peer answered out of step');
      this.#unasked ??= reply;
      this.#settleFlush(false);
      this.onTrouble();
      return;
    }
    this.#owed--;
    const waiter = this.#waiter;
    if (waiter === null) {
      this.#replies.push(reply);
      return;
    }
    this.#waiter = null;
    clearTimeout(this.#timer);
    waiter(reply);
  }

  #settleFlush(isTaken: boolean): void {
    const waiter = this.#flushWaiter;
    this.#flushWaiter = null;
    clearTimeout(this.#flushTimer);
    waiter?.(isTaken);
  }

  #break(why: string): void {
    if (this.#broken !== null) return;
    this.#broken = { code: null, why };
    clearTimeout(this.#timer);
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.(this.#broken);
    this.#settleFlush(false);
    if (!this.#isQuitting) this.#socket.destroy();
    this.onTrouble();
  }

  #until(socket: Socket, event: 'connect' | 'secureConnect', timeoutMs: number, late: string): Promise<Broken | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.fail(late), timeoutMs);
      const done = (): void => {
        clearTimeout(timer);
        socket.removeListener(event, done);
        socket.removeListener('error', done);
        socket.removeListener('close', done);
        resolve(this.#broken);
      };
      socket.once(event, done);
      socket.once('error', done);
      socket.once('close', done);
    });
  }
}
