/**
 * The guard in front of hosts that others name: which addresses a connection may go to.
 *
 * What holds: an address is judged by its octets, never by its spelling; of IPv6 only global unicast (2000::/3) passes, so
 * that a range nobody thought of is refused; an IPv6 form that carries an IPv4 address is judged as that address. A name is
 * resolved once, every address looked at, and whoever connects checks the address that the socket really has
 * (`refusal(socket.remoteAddress)`), so that a second answer of the DNS gains nothing.
 *
 * Sources: the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890), RFC 4291 §2.5, RFC 6052, RFC 3056, RFC 4380; and
 * addresses of clouds' metadata services that lie in public ranges.
 */
import { isIP } from 'node:net';
import type { Dns, HostAddress } from './dns.ts';

export type AddressGuard = {
  /** Why a connection to this address is refused, in words; null where it is not. */
  refusal(address: string): string | null;
  allows(address: string): boolean;
};

type Range = { octets: readonly number[]; bits: number };
type Refused = { range: Range; why: string };

const REFUSED_4: readonly Refused[] = [
  refused('0.0.0.0/8', 'this network'),
  refused('10.0.0.0/8', 'a private network'),
  refused('100.64.0.0/10', 'shared by a carrier'),
  refused('127.0.0.0/8', 'this machine itself'),
  refused('168.63.129.16/32', "a cloud's metadata service"),
  refused('169.254.0.0/16', 'link-local'),
  refused('172.16.0.0/12', 'a private network'),
  refused('192.0.0.0/24', 'reserved for protocols'),
  refused('192.0.2.0/24', 'reserved for documentation'),
  refused('192.88.99.0/24', 'reserved for 6to4 relays'),
  refused('192.168.0.0/16', 'a private network'),
  refused('198.18.0.0/15', 'reserved for benchmarks'),
  refused('198.51.100.0/24', 'reserved for documentation'),
  refused('203.0.113.0/24', 'reserved for documentation'),
  refused('224.0.0.0/4', 'multicast'),
  refused('255.255.255.255/32', 'broadcast'),
  refused('240.0.0.0/4', 'reserved'),
];

/** Within and outside of 2000::/3; what is outside of it and not named here is refused all the same. */
const REFUSED_6: readonly Refused[] = [
  refused('::/128', 'the unspecified address'),
  refused('::1/128', 'this machine itself'),
  refused('64:ff9b:1::/48', 'a translation of a local network'),
  refused('100::/64', 'discard-only'),
  refused('2001::/32', 'Teredo'),
  refused('2001:2::/48', 'reserved for benchmarks'),
  refused('2001::/23', 'reserved for protocols'),
  refused('2001:db8::/32', 'reserved for documentation'),
  refused('3fff::/20', 'reserved for documentation'),
  refused('fc00::/7', 'a private network'),
  refused('fe80::/10', 'link-local'),
  refused('fec0::/10', 'site-local'),
  refused('ff00::/8', 'multicast'),
];

const GLOBAL_UNICAST = range('2000::/3')!;

/** Forms of IPv6 that carry an IPv4 address, and the octet at which it begins. */
const CARRIERS: readonly { range: Range; at: number }[] = [
  { range: range('::ffff:0:0/96')!, at: 12 }, // mapped
  { range: range('::ffff:0:0:0/96')!, at: 12 }, // translated
  { range: range('64:ff9b::/96')!, at: 12 }, // NAT64
  { range: range('2002::/16')!, at: 2 }, // 6to4
];

/** `allow`: CIDRs, or single addresses, that pass whatever else is said of them. Throws on what is neither. */
export function openAddressGuard(allow: readonly string[]): AddressGuard {
  const opened = rangesOf(allow);
  const refusal = (address: string): string | null => {
    const octets = octetsOf(address);
    if (octets === null) return 'it is not an address';
    const judged = carried(octets);
    if (isWithin(opened, octets, judged)) return null;
    const why = whyNot(judged);
    return why === null ? null : `the address ${address} is ${why}`;
  };
  return { refusal, allows: (address) => refusal(address) === null };
}

/** Lets nothing through but these ranges. `but` says for what alone they are opened. */
export function openOnly(allow: readonly string[], but: string): AddressGuard {
  const opened = rangesOf(allow);
  const allows = (address: string): boolean => {
    const octets = octetsOf(address);
    return octets !== null && isWithin(opened, octets, carried(octets));
  };
  return { allows, refusal: (address) => (allows(address) ? null : `the address ${address} is not opened for ${but}`) };
}

function rangesOf(allow: readonly string[]): Range[] {
  return allow.map((text) => {
    const read = range(text);
    if (read === null) throw new RangeError(`"${text}" is not an address range`);
    return read;
  });
}

function isWithin(ranges: readonly Range[], octets: readonly number[], judged: readonly number[]): boolean {
  return ranges.some((one) => holds(one, octets) || holds(one, judged));
}

export type GuardedAddresses =
  | { outcome: 'ok'; addresses: HostAddress[] }
  /** It has addresses, and none that may be connected to. */
  | { outcome: 'refused'; why: string }
  /** There is no such name, or it has no address. */
  | { outcome: 'unresolved'; why: string }
  /** Nobody could say: to be asked again. */
  | { outcome: 'failed'; why: string };

/** The addresses of a host (a name, or an address with brackets or without) that the guard lets through. */
export async function guardedAddresses(
  host: string,
  dns: Pick<Dns, 'addresses'>,
  guard: AddressGuard,
): Promise<GuardedAddresses> {
  const literal = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  const found = await dns.addresses(literal);
  if (found.outcome === 'failed') return { outcome: 'failed', why: found.message };
  if (found.outcome === 'nxdomain') return { outcome: 'unresolved', why: `there is no host ${host}` };
  if (found.outcome === 'none') return { outcome: 'unresolved', why: `the host ${host} has no address` };
  const addresses = found.records.filter(({ address }) => guard.allows(address));
  if (addresses.length > 0) return { outcome: 'ok', addresses };
  return { outcome: 'refused', why: guard.refusal(found.records[0]!.address) ?? 'it has no public address' };
}

function refused(cidr: string, why: string): Refused {
  return { range: range(cidr)!, why };
}

function range(text: string): Range | null {
  const [address = '', bits, more] = text.split('/');
  const octets = octetsOf(address);
  const most = (octets?.length ?? 0) * 8;
  if (octets === null || more !== undefined || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return null;
  const wanted = bits === undefined ? most : Number(bits);
  return wanted <= most ? { octets, bits: wanted } : null;
}

/** Only the forms of RFC 4291 §2.2 and four decimal parts: an address with a zone, or in octal, is none here. */
function octetsOf(address: string): readonly number[] | null {
  const family = address.includes('%') ? 0 : isIP(address);
  if (family === 0) return null;
  return family === 4 ? address.split('.').map(Number) : octetsOf6(address);
}

/** Of a text that `isIP` calls IPv6. */
function octetsOf6(address: string): readonly number[] {
  const [front, back] = address.split('::');
  const before = octetsOfGroups(front!);
  const after = octetsOfGroups(back ?? '');
  return [...before, ...new Array<number>(16 - before.length - after.length).fill(0), ...after];
}

function octetsOfGroups(groups: string): number[] {
  if (groups === '') return [];
  return groups.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const number = Number.parseInt(group, 16);
    return [number >> 8, number & 255];
  });
}

function carried(octets: readonly number[]): readonly number[] {
  const carrier = CARRIERS.find((one) => holds(one.range, octets));
  return carrier === undefined ? octets : octets.slice(carrier.at, carrier.at + 4);
}

function whyNot(octets: readonly number[]): string | null {
  const named = (octets.length === 4 ? REFUSED_4 : REFUSED_6).find((one) => holds(one.range, octets));
  if (named !== undefined) return named.why;
  return octets.length === 4 || holds(GLOBAL_UNICAST, octets) ? null : 'in no public range';
}

function holds({ octets, bits }: Range, address: readonly number[]): boolean {
  if (octets.length !== address.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (octets[i] !== address[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (octets[whole]! ^ address[whole]!) >> (8 - rest) === 0;
}
