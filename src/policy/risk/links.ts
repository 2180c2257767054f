/** Where the links of a message lead, found without opening any. Linear in the text; only the first links are looked at. */
import { UNSUBSCRIBE_HOST } from '../../core/unsubscribe.ts';
import { hostHash } from './hash.ts';

const MOST_LINKS = 40;
const MOST_HOST_UNITS = 253;

export type Links = { count: number; hosts: number[]; deceptive: number };

export function readLinks(text: string | null, html: string | null, mostUnits: number, mostHosts: number): Links {
  const links: Links = { count: 0, hosts: [], deceptive: 0 };
  if (html !== null) readFrom(html, mostUnits, mostHosts, true, links);
  if (text !== null && links.count === 0) readFrom(text, mostUnits, mostHosts, false, links);
  return links;
}

function readFrom(body: string, mostUnits: number, mostHosts: number, isHtml: boolean, links: Links): void {
  let at = body.indexOf('://');
  for (; at >= 0 && at < mostUnits && links.count < MOST_LINKS; at = body.indexOf('://', at + 3)) {
    if (!isWebScheme(body, at)) continue;
    const host = hostAt(body, at + 3);
    // The way out that the gateway itself puts there says nothing of the sender.
    if (host === null || host.name === UNSUBSCRIBE_HOST) continue;
    if (isHtml && !isTarget(body, at)) continue;
    links.count += 1;
    const name = host.name;
    if (host.hidesUser || isBareAddress(name) || name.includes('xn--')) links.deceptive += 1;
    else if (isHtml && showsOther(body, at, name)) links.deceptive += 1;
    const hash = hostHash(name);
    if (links.hosts.length < mostHosts && !links.hosts.includes(hash)) links.hosts.push(hash);
  }
}

function isWebScheme(body: string, at: number): boolean {
  const end = body.slice(Math.max(0, at - 5), at).toLowerCase();
  return end.endsWith('http') || end === 'https';
}

/** The host that begins at `from`, or null where none does. */
function hostAt(body: string, from: number): { name: string; hidesUser: boolean } | null {
  let begin = from;
  let hidesUser = false;
  let at = from;
  const most = Math.min(body.length, from + MOST_HOST_UNITS);
  for (; at < most; at += 1) {
    const unit = body.charCodeAt(at);
    if (unit === 64) {
      hidesUser = true;
      begin = at + 1;
    } else if (!isHostUnit(unit)) break;
  }
  let end = at;
  while (end > begin && (body.charCodeAt(end - 1) === 46 || body.charCodeAt(end - 1) === 58)) end -= 1;
  const whole = body.slice(begin, end);
  const colon = whole.indexOf(':');
  const name = (colon < 0 ? whole : whole.slice(0, colon)).toLowerCase();
  return name === '' ? null : { name, hidesUser };
}

function isHostUnit(unit: number): boolean {
  return (
    unit > 127 ||
    (unit >= 48 && unit <= 58) ||
    (unit >= 65 && unit <= 90) ||
    (unit >= 97 && unit <= 122) ||
    unit === 45 ||
    unit === 46 ||
    unit === 95
  );
}

/** Digits and dots alone. */
function isBareAddress(name: string): boolean {
  for (let i = 0; i < name.length; i += 1) {
    const unit = name.charCodeAt(i);
    if (unit !== 46 && (unit < 48 || unit > 57)) return false;
  }
  return true;
}

/** Whether the link stands in an `href`, not in the text between tags nor in a picture's address. */
function isTarget(html: string, at: number): boolean {
  return html
    .slice(Math.max(0, at - 16), at)
    .toLowerCase()
    .includes('href');
}

const MOST_TEXT_UNITS = 300;

/** Whether the text of an anchor names another host than the one it leads to. */
function showsOther(html: string, at: number, name: string): boolean {
  const tail = html.slice(at, at + 3 * MOST_TEXT_UNITS);
  const open = tail.indexOf('>');
  if (open < 0) return false;
  const shown = tail.slice(open + 1, open + 1 + MOST_TEXT_UNITS);
  const close = shown.indexOf('<');
  const inside = (close < 0 ? shown : shown.slice(0, close)).trim();
  const scheme = inside.indexOf('://');
  const isLink = scheme > 0 && scheme <= 5;
  if (!isLink && !inside.startsWith('www.')) return false;
  const host = hostAt(inside, isLink ? scheme + 3 : 0);
  return host !== null && hostHash(host.name) !== hostHash(name);
}
