/** Whom an address stands for where clients are counted by where they come from. */
import ipaddr from 'ipaddr.js';

/** Nobody has an address longer than this; what is longer was made up by a proxy. */
const LONGEST = 45;

/** Whether it is this machine, in any spelling that a socket gives. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.');
}

/** What clients at an address are counted as; null for this machine itself, where an address tells nobody apart. */
export function countedNetwork(address: string): string | null {
  return isLoopback(address) ? null : networkOf(address);
}

/**
 * The one network that is counted as one client: an IPv4 address, or of IPv6 the /64 that a single host has to itself
 * (RFC 4291 §2.5.1), as `2001:db8:0:1::/64`. IPv4 in IPv6 is IPv4. What is no address stands for itself.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address.slice(0, LONGEST);
  if (!ipaddr.isValid(address)) return address.slice(0, LONGEST);
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return `${new ipaddr.IPv6([...parsed.parts.slice(0, 4), 0, 0, 0, 0]).toString()}/64`;
}
