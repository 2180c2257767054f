/** What a link says about itself: its scheme, its host, and what in it is meant to deceive. */
import { labelsOf, lookalike } from './lookalikes.ts';
import { percentDecoded } from './percent.ts';

/** Services that hide where a link goes. */
const SHORTENERS: ReadonlySet<string> = new Set(
  'bit.ly tinyurl.com t.co goo.gl is.gd ow.ly buff.ly cutt.ly rb.gy rebrand.ly shorturl.at tiny.cc bl.ink t.ly s.id v.gd qr.ae adf.ly shorte.st'.split(
    ' ',
  ),
);
/** More hosts than this in one message are not looked at one by one. */
const MOST_HOSTS = 1000;
const PROGRAMS: ReadonlySet<string> = new Set('exe scr vbs hta bat cmd msi iso lnk ps1 pif'.split(' '));

const UNSEEN = /[\u0000-\u0020\u007f-\u009f\u00ad\u200b-\u200f\u2060\ufeff]/;
const ALL_UNSEEN = new RegExp(UNSEEN, 'g');

/** A link as a program that follows it reads it: without white space and controls, in which "java&#10;script:" hides. */
export function plainUrl(url: string): string {
  return UNSEEN.test(url) ? url.replaceAll(ALL_UNSEEN, '') : url;
}

/** The scheme of a link in lower case, or empty where it has none. */
export function schemeOf(url: string): string {
  const colon = url.indexOf(':');
  if (colon <= 0 || colon > 20) return '';
  const scheme = url.slice(0, colon).toLowerCase();
  return /^[a-z][a-z0-9+.-]*$/.test(scheme) ? scheme : '';
}

/** `end`: where the path begins. */
export type Authority = { host: string; hasUser: boolean; end: number };

/** The host of an http link, in lower case; null where it has none. */
export function authorityOf(url: string): Authority | null {
  const scheme = schemeOf(url);
  const isHttp = scheme === 'http' || scheme === 'https';
  const start = isHttp ? scheme.length + 1 : url.startsWith('//') ? 0 : -1;
  if (start < 0) return null;
  let from = start;
  // Browsers take any number of slashes either way.
  while (url[from] === '/' || url[from] === '\\') from += 1;
  let end = from;
  while (end < url.length && !endsAuthority(url.charCodeAt(end))) end += 1;
  const authority = url.slice(from, end);
  const user = authority.lastIndexOf('@');
  const port = authority.indexOf(':', user + 1);
  const host = authority.slice(user + 1, port < 0 ? undefined : port).toLowerCase();
  return host === '' ? null : { host: percentDecoded(host).toLowerCase(), hasUser: user >= 0, end };
}

function endsAuthority(unit: number): boolean {
  return unit === 0x2f || unit === 0x5c || unit === 0x3f || unit === 0x23;
}

const NOTHING: readonly string[] = [];

/** What is found in one http link. `seen`: hosts that were looked at in the same message. */
export function linkFindings(url: string, ownSite: string | null, seen: Set<string>): readonly string[] {
  const authority = authorityOf(url);
  if (authority === null) return NOTHING;
  const { host, hasUser, end } = authority;
  const found: string[] = [];
  if (hasUser) found.push('credentials_in_link');
  if (isProgram(url, end)) found.push('program_link');
  if (seen.has(host) || seen.size >= MOST_HOSTS) return found;
  seen.add(host);
  const number = numericHost(host);
  if (number !== null) found.push(number);
  const site = labelsOf(host).slice(-2).join('.');
  if (SHORTENERS.has(site)) found.push('link_shortener');
  const pretence = ownSite !== null && (host === ownSite || host.endsWith(`.${ownSite}`)) ? null : lookalike(host);
  if (pretence !== null) found.push(pretence);
  return found;
}

const NUMBER = /^(?:[0-9]{1,12}|0x[0-9a-f]{1,12})$/;

/** An address in place of a name: plain and public, or written so that nobody recognises it. */
function numericHost(host: string): 'ip_link' | 'obfuscated_host' | null {
  if (NUMBER.test(host)) return 'obfuscated_host';
  const octets = host.split('.');
  if (octets.length !== 4 || !octets.every((octet) => NUMBER.test(octet))) return null;
  if (octets.some((octet) => /^0[0-9x]/.test(octet))) return 'obfuscated_host';
  const [first, second] = octets.map(Number) as [number, number];
  // Monitoring links to machines of one's own.
  const isPrivate =
    first === 0 ||
    first === 10 ||
    first === 127 ||
    (first === 192 && second === 168) ||
    (first === 172 && second >= 16 && second < 32);
  return isPrivate ? null : 'ip_link';
}

/** Whether the path of a link, which begins at `pathAt`, ends as the name of a program does. */
function isProgram(url: string, pathAt: number): boolean {
  let end = pathAt;
  while (end < url.length && url[end] !== '?' && url[end] !== '#') end += 1;
  const dot = url.lastIndexOf('.', end - 1);
  return dot > pathAt && end - dot <= 4 && PROGRAMS.has(url.slice(dot + 1, end).toLowerCase());
}
