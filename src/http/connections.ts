/**
 * How many connections strangers may hold open: whoever has not yet sent a request with a right key over one. And how many requests
 * may stand unanswered on one.
 *
 * What holds: each address has a cap, of IPv6 each /64, and the whole has one; where there is no more room, the stranger who has let
 * us wait longest makes some, and where nobody has for long, up to a hard cap, one more is let in: many honest clients may come at
 * once. Connections over which a right key came count nowhere, and neither do those of trusted proxies, which carry everybody's.
 *
 * While the server stops, the last answer of a connection says so (RFC 9112 §9.6), and what comes over it behind that is not looked
 * at: nothing is done that nobody would be told of.
 */
import type { Server } from 'node:http';
import type { BlockList, Socket } from 'node:net';
import { isWithin, networkOf, rangesOf } from '../base/network.ts';

export type ConnectionLimits = { perNetwork: number; inAll: number; idleMs: number };

const LIMITS: ConnectionLimits = { perNetwork: 250, inAll: 4000, idleMs: 2000 };
/** Beyond so many times a cap nobody is let in. */
const HARD = 4;
/** Node reads on however many requests are sent ahead (RFC 9112 §9.3.2); no client that means well sends this many. */
const MOST_AHEAD = 200;
/** A connection that was ended stays so long for its other end to read what was answered. */
const ENDED_WITHIN_MS = 2000;

type Stranger = { socket: Socket; network: string; since: number };

export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #proxies: BlockList;
  /** The idlest first. */
  readonly #all = new Set<Stranger>();
  readonly #byNetwork = new Map<string, Set<Stranger>>();
  /** By what requests come over: the socket itself, or what TLS makes of it. */
  readonly #strangers = new WeakMap<Socket, Stranger>();
  /** By the other end, until TLS has told which is which. */
  readonly #handshaking = new Map<string, Stranger>();
  readonly #unanswered = new WeakMap<Socket, number>();
  #isStopping = false;
  /** While the server stops: those that have had their last request. */
  readonly #over = new WeakSet<Socket>();

  constructor(trustedProxies: readonly string[], limits: Partial<ConnectionLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
    this.#proxies = rangesOf(trustedProxies);
  }

  get strangers(): number {
    return this.#all.size;
  }

  watch(server: Server, isTls: boolean): void {
    server.on('connection', (socket: Socket) => this.#admit(socket, isTls));
    server.on('secureConnection', (socket: Socket) => {
      const stranger = this.#handshaking.get(endOf(socket));
      if (stranger === undefined) return;
      this.#strangers.set(socket, stranger);
      socket.once('close', () => this.#drop(stranger));
    });
  }

  /** A right key came over it. */
  know(socket: Socket): void {
    const stranger = this.#strangers.get(socket);
    if (stranger === undefined) return;
    this.#strangers.delete(socket);
    this.#drop(stranger);
  }

  /** A request comes over it; false: there are too many before it, and it should end. */
  begin(socket: Socket): boolean {
    const before = this.#unanswered.get(socket) ?? 0;
    this.#unanswered.set(socket, before + 1);
    return before < MOST_AHEAD;
  }

  /** The server stops: each connection has at most one more request, whose answer says that it is the last. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Whether a request that comes while the server stops is looked at. */
  takes(socket: Socket): boolean {
    if (this.#over.has(socket)) return false;
    this.#over.add(socket);
    return true;
  }

  /** Whether the answer that is about to be written is the last one of its connection, and has to say so. */
  isLastAnswer(socket: Socket): boolean {
    if (!this.#isStopping || this.#unanswered.get(socket) !== 1) return false;
    this.#over.add(socket);
    return true;
  }

  /** A request was answered. */
  end(socket: Socket): void {
    const left = (this.#unanswered.get(socket) ?? 1) - 1;
    this.#unanswered.set(socket, left);
    // Kept alive it would hold the stop up for as long as it may idle.
    if (this.#isStopping && left === 0) this.#finish(socket);
    const stranger = this.#strangers.get(socket);
    if (stranger === undefined || !this.#all.has(stranger)) return;
    this.#drop(stranger);
    stranger.since = performance.now();
    this.#add(stranger);
  }

  #finish(socket: Socket): void {
    this.#over.add(socket);
    socket.end();
    setTimeout(() => socket.destroy(), ENDED_WITHIN_MS).unref();
  }

  #admit(socket: Socket, isTls: boolean): void {
    const address = socket.remoteAddress ?? '';
    if (isWithin(address, this.#proxies)) return;
    const network = networkOf(address);
    const { perNetwork, inAll } = this.#limits;
    if (!this.#hasRoom(this.#byNetwork.get(network), perNetwork) || !this.#hasRoom(this.#all, inAll)) {
      socket.destroy();
      return;
    }
    const stranger = { socket, network, since: performance.now() };
    this.#add(stranger);
    this.#strangers.set(socket, stranger);
    const end = isTls ? endOf(socket) : null;
    if (end !== null) this.#handshaking.set(end, stranger);
    socket.once('close', () => {
      this.#drop(stranger);
      if (end !== null) this.#handshaking.delete(end);
    });
  }

  #hasRoom(strangers: Set<Stranger> | undefined, most: number): boolean {
    if (strangers === undefined || strangers.size < most) return true;
    const [idlest] = strangers;
    if (performance.now() - idlest!.since < this.#limits.idleMs) return strangers.size < most * HARD;
    this.#drop(idlest!);
    idlest!.socket.destroy();
    return true;
  }

  #add(stranger: Stranger): void {
    this.#all.add(stranger);
    const ofNetwork = this.#byNetwork.get(stranger.network);
    if (ofNetwork === undefined) this.#byNetwork.set(stranger.network, new Set([stranger]));
    else ofNetwork.add(stranger);
  }

  #drop(stranger: Stranger): void {
    this.#all.delete(stranger);
    const ofNetwork = this.#byNetwork.get(stranger.network);
    ofNetwork?.delete(stranger);
    if (ofNetwork?.size === 0) this.#byNetwork.delete(stranger.network);
  }
}

function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
