/**
 * Connects to a host that somebody else named: its name is resolved here, every address looked at by the guard, and the
 * address of the connected socket once more.
 *
 * Addresses are tried in the order given; the next one as soon as the one before it failed, or kept silent for
 * `FALLBACK_MS`, so that a dead IPv6 route costs a second and not a delivery. The first that connects is taken.
 */
import { connect, type Socket } from 'node:net';
import { type AddressGuard, guardedAddresses } from '../../base/address-guard.ts';
import type { Dns } from '../../base/dns.ts';
import type { Dial } from './settings.ts';

const FALLBACK_MS = 1000;
const MOST_ADDRESSES = 8;

/** A dialler behind the guard. What it throws says in words why there is no connection. */
export function guardedDial(dns: Pick<Dns, 'addresses'>, guard: AddressGuard): Dial {
  return async (host, port, signal) => {
    const found = await guardedAddresses(host, dns, guard);
    if (found.outcome !== 'ok') throw new Error(found.why);
    const addresses = found.addresses.slice(0, MOST_ADDRESSES).map(({ address }) => address);
    return connectFirst(addresses, port, guard, signal);
  };
}

/** The first connection that is made. Rejects with the first failure when none is, and when `signal` aborts. */
export function connectFirst(
  addresses: readonly string[],
  port: number,
  guard: AddressGuard,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const open = new Set<Socket>();
    let next = 0;
    let firstFailure: Error | null = null;
    let timer: NodeJS.Timeout | undefined;

    const end = (taken: Socket | null, failure: Error): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      next = addresses.length;
      for (const socket of open) if (socket !== taken) socket.destroy();
      open.clear();
      if (taken === null) reject(failure);
      else resolve(taken);
    };
    const onAbort = (): void => end(null, new Error('given up'));
    const onFailure = (socket: Socket | null, failure: Error): void => {
      if (socket !== null && !open.delete(socket)) return;
      firstFailure ??= failure;
      if (next < addresses.length) tryNext();
      else if (open.size === 0) end(null, firstFailure);
    };
    const tryNext = (): void => {
      clearTimeout(timer);
      const address = addresses[next]!;
      next += 1;
      const why = guard.refusal(address);
      if (why !== null) {
        onFailure(null, new Error(why));
        return;
      }
      const socket = connect({ host: address, port });
      open.add(socket);
      // Stays: whoever gets the socket listens a turn later.
      socket.on('error', (error) => onFailure(socket, error));
      socket.once('connect', () => {
        const strange = guard.refusal(socket.remoteAddress ?? '');
        if (strange === null) return end(socket, new Error());
        socket.destroy();
        onFailure(socket, new Error(strange));
      });
      if (next < addresses.length) timer = setTimeout(tryNext, FALLBACK_MS);
    };

    if (signal.aborted || addresses.length === 0) {
      reject(new Error(signal.aborted ? 'given up' : 'there is no address to connect to'));
      return;
    }
    signal.addEventListener('abort', onAbort);
    tryNext();
  });
}
