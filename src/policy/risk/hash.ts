/** Hashes that stand for addresses, hosts and words where only sameness matters. */

/** FNV-1a over UTF-16 units: an unsigned 32-bit number, never 0. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0 || 1;
}

/** Spreads the bits of a signed 32-bit number, so that any of them can choose a slot. */
export function spread(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return h ^ (h >>> 16);
}

/** The domain of an address, or the text itself where it has none. */
export function domainOf(email: string): string {
  return email.slice(email.lastIndexOf('@') + 1);
}

/** Second levels under which two-letter top levels register names: `co.uk`, `com.au`. */
const SECOND_LEVELS: ReadonlySet<string> = new Set([
  'ac',
  'co',
  'com',
  'edu',
  'gov',
  'ltd',
  'me',
  'net',
  'ne',
  'or',
  'org',
]);

/** The registrable part of a host name, near enough without a list: what one owner has. */
export function registrable(host: string): string {
  const last = host.lastIndexOf('.');
  if (last <= 0) return host;
  const second = host.lastIndexOf('.', last - 1);
  if (second < 0) return host;
  const label = host.slice(second + 1, last);
  if (host.length - last !== 3 || !SECOND_LEVELS.has(label)) return host.slice(second + 1);
  return host.slice(host.lastIndexOf('.', second - 1) + 1);
}

export function hostHash(host: string): number {
  return hashOf(registrable(host.toLowerCase()));
}
