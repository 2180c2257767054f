/**
 * One request over HTTP to an address that somebody else named.
 *
 * What holds: the name is resolved here, only addresses that the guard lets through are connected to, and the socket's own address is
 * looked at again; no redirect is followed, no proxy of the environment used, no more than `maxBytes` of an answer read, and all of
 * it ends within `timeoutMs`. Whatever the other end does is a value.
 */
import { Agent, buildConnector, request } from 'undici';
import { type AddressGuard, guardedAddresses } from './address-guard.ts';
import type { Dns } from './dns.ts';

export type Fetched =
  | { outcome: 'answered'; status: number; body: Buffer }
  /** Not to be fetched, ever: the address is not one that may be reached. */
  | { outcome: 'refused'; why: string }
  /** Perhaps another time. */
  | { outcome: 'failed'; why: string };

/** `form`: is posted as a form; without it the page is fetched. */
export type FetchBounds = { maxBytes?: number; timeoutMs?: number; form?: Record<string, string> };

export type GuardedFetch = (url: URL, bounds?: FetchBounds) => Promise<Fetched>;

const MAX_BYTES = 64 * 1024;
const TIMEOUT_MS = 10_000;

/** `tls`: for tests, whom to trust. */
export function openGuardedFetch(
  dns: Pick<Dns, 'addresses'>,
  guard: AddressGuard,
  tls: { ca?: string | Buffer } = {},
): GuardedFetch {
  return async (url, { maxBytes = MAX_BYTES, timeoutMs = TIMEOUT_MS, form } = {}) => {
    const found = await guardedAddresses(url.hostname, dns, guard);
    if (found.outcome !== 'ok') return { outcome: found.outcome === 'refused' ? 'refused' : 'failed', why: found.why };
    const agent = new Agent({
      connect: connectorTo(found.addresses[0]!.address, guard, tls),
      pipelining: 0,
      maxResponseSize: maxBytes,
    });
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const { statusCode, body } = await request(url, { dispatcher: agent, signal, ...posted(form) });
      return { outcome: 'answered', status: statusCode, body: Buffer.from(await body.arrayBuffer()) };
    } catch (fault) {
      return { outcome: 'failed', why: fault instanceof Error ? fault.message : String(fault) };
    } finally {
      await agent.destroy();
    }
  };
}

function posted(form: Record<string, string> | undefined) {
  if (form === undefined) return {};
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
  return { method: 'POST', headers, body: new URLSearchParams(form).toString() } as const;
}

/** Connects to this address alone, whatever name the certificate is checked for. */
function connectorTo(address: string, guard: AddressGuard, tls: { ca?: string | Buffer }): buildConnector.connector {
  const connect = buildConnector({ ...tls, timeout: TIMEOUT_MS, allowH2: false });
  return (options, callback) => {
    const servername = options.servername || options.hostname;
    connect({ ...options, hostname: address, host: address, servername }, (fault, socket) => {
      if (fault !== null) return callback(fault, null);
      const why = guard.refusal(socket.remoteAddress ?? '');
      if (why === null) return callback(null, socket);
      socket.destroy();
      callback(new Error(why), null);
    });
  };
}
