/** Addresses as clients have them: whom one stands for where they are counted, and whether it is in a range. */
import { BlockList, isIP } from 'node:net';
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

/** Whether an address is in one of the ranges (`10.0.0.0/8`, `::1`). */
export function isWithin(address: string, ranges: BlockList): boolean {
  const version = isIP(address);
  return version !== 0 && ranges.check(address, version === 6 ? 'ipv6' : 'ipv4');
}

export function rangesOf(texts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of texts) {
    const [network, bits] = text.split('/');
    const family = isIP(network!) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(network!, family);
    else list.addSubnet(network!, Number(bits), family);
  }
  return list;
}
