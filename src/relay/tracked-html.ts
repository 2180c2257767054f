/**
 * HTML with a picture that shows that it was opened, and links that lead through the gateway. Pure.
 *
 * What holds: nothing but the values of `href` of links to the web is changed, and each new one leads on to exactly what the old one
 * said; links by which people unsubscribe, links marked `data-postern-track="off"`, and what cannot be read for sure stay as they are. Linear in
 * the source.
 */
import { type Attribute, type Tag, tagsOf } from '../templates/html-tags.ts';

export type Tracked = {
  /** Where the picture lies, or null for none. */
  picture: string | null;
  /** The link in the place of one, or null to leave it. */
  link: ((url: string) => string) | null;
};

const MOST_LINKS = 1000;
/** A token holds the URL, and paths are not endless. */
const MOST_URL = 1000;
const LINKS: ReadonlySet<string> = new Set(['a', 'area']);

export function trackHtml(html: string, { picture, link }: Tracked): string {
  const tags = tagsOf(html);
  let tracked = '';
  let from = 0;
  let count = 0;
  for (const tag of link === null ? [] : tags) {
    const href = LINKS.has(tag.name) && count < MOST_LINKS ? trackable(tag) : null;
    const place = href === null ? null : placeOf(html, href.attribute);
    if (href === null || place === null) continue;
    tracked += `${html.slice(from, place.begin)}"${link!(href.url)}"`;
    from = place.end;
    count += 1;
  }
  if (picture === null) return tracked + html.slice(from);
  const end = tags.findLast(({ name }) => name === '/body')?.at ?? html.length;
  const image = `<img src="${picture}" width="1" height="1" alt="" style="display:none">`;
  return `${tracked}${html.slice(from, end)}${image}${html.slice(end)}`;
}

function trackable({ attributes }: Tag): { attribute: Attribute; url: string } | null {
  const hrefs = attributes.filter(({ name }) => name === 'href');
  const isOff = attributes.some(
    ({ name, value }) => name === 'data-postern-track' && value.trim().toLowerCase() === 'off',
  );
  const attribute = hrefs[0];
  if (attribute === undefined || hrefs.length > 1 || isOff) return null;
  const url = plainOf(attribute.value.trim());
  if (url === null || url.length > MOST_URL || !/^https?:\/\/[^/\s]/i.test(url) || !URL.canParse(url)) return null;
  return /unsubscribe|postern\.invalid/i.test(url) ? null : { attribute, url };
}

const REFERENCES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&#38;': '&',
  '&#x26;': '&',
  '&quot;': '"',
  '&#34;': '"',
  '&#39;': "'",
  '&apos;': "'",
};

/** Character references decoded; null where there are others, whose meaning would be a guess, or what no URL holds. */
function plainOf(value: string): string | null {
  if (/[\u0000-\u0020\u007f<>]/.test(value)) return null;
  let isSure = true;
  const plain = value.replace(/&(?:#?[a-z0-9]{1,32};|[a-z0-9]{1,32}(?![a-z0-9=]))/gi, (reference) => {
    const known = REFERENCES[reference.toLowerCase()];
    if (known === undefined) isSure = false;
    return known ?? reference;
  });
  return isSure ? plain : null;
}

/** Where the value stands in the source, quotes included. */
function placeOf(html: string, { at, value, isQuoted }: Attribute): { begin: number; end: number } | null {
  const found = html.indexOf('=', at);
  if (found === -1) return null;
  let begin = found + 1;
  while (/\s/.test(html.charAt(begin))) begin += 1;
  const quotes = isQuoted ? 1 : 0;
  if (!html.startsWith(value, begin + quotes)) return null;
  return { begin, end: begin + value.length + 2 * quotes };
}
