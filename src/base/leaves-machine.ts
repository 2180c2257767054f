import { isIP } from 'node:net';

/**
 * Whether mail given to this provider can leave the machine: not into the sink, nor to a host on loopback. What cannot be told
 * counts as leaving. `url` as POSTERN_OUTBOUND and providers have it.
 */
export function leavesMachine(url: string): boolean {
  if (url.startsWith('sink:')) return false;
  if (!URL.canParse(url)) return true;
  const { protocol, hostname, searchParams } = new URL(url);
  if (protocol === 'ses:') {
    const endpoint = searchParams.get('endpoint');
    return endpoint === null || !URL.canParse(endpoint) || !isLoopback(new URL(endpoint).hostname);
  }
  return protocol === 'direct:' || !isLoopback(hostname);
}

/** Addresses as the URL parser writes them, and the names of RFC 6761 §6.3. */
function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1' || host.startsWith('::ffff:7f');
}
