/**
 * Host names that pretend to be others: characters that look like ASCII letters, and the names of well-known senders of mail that
 * fraud imitates. A small list, meant to catch what is plain to see; deliberately absent: everything that needs a look-up.
 */
import { decodePunycode } from './punycode.ts';

/** Letters of other scripts that cannot be told from these ASCII letters in common typefaces (a choice from UTS 39). */
const TWINS: Readonly<Record<string, string>> = {
  a: 'аɑα',
  b: 'ЬƄь',
  c: 'сϲᴄ',
  d: 'ԁɗ',
  e: 'еёєҽ',
  g: 'ɡց',
  h: 'һհ',
  i: 'іıίɩι',
  j: 'јϳ',
  k: 'κк',
  l: 'ӏⅼ',
  m: 'ⅿ',
  n: 'ոп',
  o: 'оοօᴏ',
  p: 'рρ',
  q: 'ԛ',
  r: 'гᴦ',
  s: 'ѕꜱ',
  t: 'τт',
  u: 'υսᴜ',
  v: 'νѵᴠ',
  w: 'ԝѡᴡ',
  x: 'хχ',
  y: 'уүγ',
  z: 'ᴢ',
};

const ASCII_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(TWINS).flatMap(([ascii, twins]) => [...twins].map((twin) => [twin, ascii] as const)),
);

/** Whether a character outside ASCII passes for an ASCII letter. */
function isTwin(character: string): boolean {
  return ASCII_OF.has(character) || ASCII_OF.has(character.toLowerCase());
}

/** What a name reads as at a glance: twins as their letters, digits as letters, "rn" as "m", "vv" as "w", i as l. */
function skeleton(label: string): string {
  let read = '';
  for (const character of label.normalize('NFKD')) {
    if (character >= '\u0300' && character <= '\u036f') continue;
    const ascii = ASCII_OF.get(character) ?? character;
    read += DIGITS[ascii] ?? ascii;
  }
  return read.replaceAll('rn', 'm').replaceAll('vv', 'w').replaceAll('i', 'l');
}

const DIGITS: Readonly<Record<string, string>> = { '0': 'o', '1': 'l', '3': 'e', '5': 's' };

/** Names that fraud hides behind most: of banks and payments, and of accounts that open others. */
const GUARDED = (
  'paypal microsoft office365 outlook apple icloud amazon netflix docusign fedex wellsfargo bankofamerica citibank ' +
  'barclays santander binance coinbase metamask americanexpress mastercard visa ebay revolut commerzbank sparkasse ' +
  'postbank mercadolibre alibaba intuit quickbooks venmo zelle'
).split(' ');
/** Names that are imitated too, and whose addresses honest mail shows and links to through a counter of its own. */
const BRANDS = [
  ...GUARDED,
  ...(
    'google gmail facebook instagram whatsapp linkedin dropbox walmart adobe spotify telegram steamcommunity github ' +
    'shopify stripe blockchain'
  ).split(' '),
];

const BRAND_OF_SKELETON: ReadonlyMap<string, string> = new Map(BRANDS.map((brand) => [skeleton(brand), brand]));

/** The labels of a host, A-labels decoded; in lower case. */
export function labelsOf(host: string): string[] {
  return host
    .toLowerCase()
    .split('.')
    .map((label) => (label.startsWith('xn--') ? (decodePunycode(label.slice(4)) ?? label) : label));
}

/** Second-level labels under which names are registered, as in "example.co.uk". */
const SECOND_LEVEL: ReadonlySet<string> = new Set('co com org net gov edu ac ne or gob gouv'.split(' '));

/** Where the label that somebody registered stands: the last but one, or before "co.uk" and the like. */
function registeredAt(labels: readonly string[]): number {
  const last = labels.length - 1;
  const isSecondLevel = last >= 2 && labels[last]!.length === 2 && SECOND_LEVEL.has(labels[last - 1]!);
  return isSecondLevel ? last - 2 : last - 1;
}

/** The part of a host that somebody registered, as far as it shows without the public suffix list. */
export function siteOf(host: string): string {
  const labels = labelsOf(host);
  return labels.slice(Math.max(0, registeredAt(labels))).join('.');
}

/** Whether a host is the site of a name that fraud hides behind most. */
export function isGuarded(host: string): boolean {
  const labels = labelsOf(host);
  return GUARDED.includes(labels[registeredAt(labels)] ?? '');
}

export type Lookalike =
  | 'homoglyph_host'
  | 'lookalike_host'
  | 'brand_in_subdomain'
  | 'brand_in_host'
  | 'mixed_script_host';

/** In which way a host pretends to be another, or null. */
export function lookalike(host: string): Lookalike | null {
  const labels = labelsOf(host);
  const at = registeredAt(labels);
  const own = labels[at];
  if (own === undefined) return null;
  const brand = BRAND_OF_SKELETON.get(skeleton(own));
  if (brand !== undefined && brand !== own) return isAscii(own) ? 'lookalike_host' : 'homoglyph_host';
  if (labels.some(mixesTwins)) return 'mixed_script_host';
  // "paypal.com.example.net": what is read first is not whose it is.
  const isSubdomain = labels.some((label, i) => i < at && BRANDS.includes(label) && isTopLevel(labels[i + 1]!));
  if (isSubdomain && brand === undefined) return 'brand_in_subdomain';
  const parts = own.split('-');
  return parts.length > 1 && parts.some((part) => part.length > 4 && BRANDS.includes(part)) ? 'brand_in_host' : null;
}

function isTopLevel(label: string): boolean {
  return label === 'com' || label === 'net' || label === 'org';
}

function isAscii(text: string): boolean {
  return !/[^\u0000-\u007f]/.test(text);
}

/** ASCII letters beside letters of another script that pass for them, and no others. Turkish and others have twins in Latin. */
export function mixesTwins(word: string): boolean {
  let hasAscii = false;
  let hasTwin = false;
  for (const character of word) {
    if (character < '\u0080') hasAscii ||= /[a-z]/i.test(character);
    else if (character < '\u0370' || !isTwin(character)) return false;
    else hasTwin = true;
  }
  return hasAscii && hasTwin;
}
