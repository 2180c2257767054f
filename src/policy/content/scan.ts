/**
 * The look at content: text and structure alone, in one pass each, before anything is decided. It finds what deceives (a link that
 * shows another host than it goes to, letters of other scripts, text that nobody sees) and what no mail should do (run programs,
 * ask for passwords in a form).
 *
 * Invariants: linear in the size of the content whatever it is, and never a throw; each finding counts once, however often it
 * occurs, with its first place. Deliberately absent: opinions on wording, attachments, and looking links up.
 */
import type { ContentFacts, ContentFinding } from '../facts-content.ts';
import { decodeEntities } from './entities.ts';
import { type HtmlVisitor, walkHtml } from './html.ts';
import { isGuarded, mixesTwins, siteOf } from './lookalikes.ts';
import { authorityOf, linkFindings, plainUrl, schemeOf } from './urls.ts';

/** Ten is enough to be refused (see facts-content.ts), three to be suspicious. */
export const WEIGHTS: Readonly<Record<string, number>> = {
  script_link: 10,
  data_link: 10,
  password_field: 10,
  brand_link_mismatch: 10,
  homoglyph_host: 10,
  lookalike_host: 10,
  brand_in_subdomain: 10,
  obfuscated_host: 10,
  hidden_code_points: 10,
  broken_words: 10,
  spam_test: 10,
  credentials_in_link: 5,
  mixed_script_host: 5,
  script: 5,
  event_handler: 4,
  embedded_object: 4,
  page_refresh: 5,
  base_address: 4,
  bidi_override: 5,
  invisible_characters: 4,
  brand_in_host: 4,
  ip_link: 4,
  program_link: 4,
  form: 3,
  link_text_mismatch: 3,
  link_shortener: 3,
  many_links: 3,
  mixed_script_words: 3,
  hidden_text: 2,
};

export type ScannedContent = {
  subject: string;
  text: string | null;
  html: string | null;
  /** The host part of the sender: links to it are its own business. */
  senderDomain: string | null;
  /** All of it is known to be ASCII. */
  isAscii?: boolean;
};

/** The generic test for unsolicited bulk e-mail, with which people see whether a filter is there at all. */
const SPAM_TEST = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X';

/** More links than any letter has; those beyond are not looked at. */
const MOST_LINKS = 2000;
const MOST_LINK_TEXT = 300;
/** More text than a preview line needs. */
const HIDDEN_TEXT = 600;
const MANY_INVISIBLE = 3;
const WORDS_BROKEN = 10;
const MANY_TAGS = 3;
const MANY_MIXED_WORDS = 2;

/** What is found in a message; null where that is nothing. */
export function scanContent({ subject, text, html, senderDomain, isAscii }: ScannedContent): ContentFacts {
  const site = senderDomain === null ? null : siteOf(senderDomain);
  const links: Links = { site, seen: null, left: MOST_LINKS };
  // Most messages have nothing to be found.
  let found = null as Map<string, ContentFinding> | null;
  const find: Find = (name, where) => {
    found ??= new Map();
    if (!found.has(name)) found.set(name, { name, where, weight: WEIGHTS[name]! });
  };
  if (subject.includes(SPAM_TEST)) find('spam_test', 'subject');
  if (text?.includes(SPAM_TEST) === true) find('spam_test', 'text');
  if (html?.includes(SPAM_TEST) === true) find('spam_test', 'html');
  const isPlain = isAscii === true;
  if (!isPlain) scanLetters(subject, 'subject', find);
  if (text !== null) {
    if (!isPlain) scanLetters(text, 'text', find);
    scanLinksInText(text, 'text', links, find);
  }
  if (html !== null) scanHtml(html, isPlain, links, find);
  return found === null ? null : factsOf(found);
}

function factsOf(found: Map<string, ContentFinding>): ContentFacts {
  const findings = [...found.values()].sort((a, b) => b.weight - a.weight);
  return { score: findings.reduce((sum, { weight }) => sum + weight, 0), findings, canary: null };
}

type Find = (name: string, where: string) => void;
/** The sender's own site, and the hosts that were looked at. */
type Links = { site: string | null; seen: Set<string> | null; left: number };

/** Links written out in text. */
function scanLinksInText(text: string, where: string, links: Links, find: Find): void {
  for (let at = text.indexOf('://'); at >= 0; at = text.indexOf('://', at + 3)) {
    const start = text[at - 1] === 's' || text[at - 1] === 'S' ? at - 5 : at - 4;
    if (start < 0 || text.slice(start, start + 4).toLowerCase() !== 'http') continue;
    let end = at + 3;
    while (end < text.length && !isUrlEnd(text.charCodeAt(end))) end += 1;
    if (!scanLink(text.slice(start, end), where, links, find)) return;
    at = end - 3;
  }
}

/** False once there were too many. */
function scanLink(url: string, where: string, links: Links, find: Find): boolean {
  links.left -= 1;
  if (links.left < 0) {
    find('many_links', where);
    return false;
  }
  links.seen ??= new Set();
  for (const name of linkFindings(url, links.site, links.seen)) find(name, where);
  return true;
}

function isUrlEnd(unit: number): boolean {
  return unit <= 0x20 || unit === 0x22 || unit === 0x3c || unit === 0x3e || unit === 0x29 || unit === 0x5d;
}

/** Characters that nobody sees, that turn text around, and words put together from two scripts. */
function scanLetters(text: string, where: string, find: Find): void {
  if (isAscii(text)) return;
  let invisible = 0;
  let tags = 0;
  let isFlag = false;
  let mixed = 0;
  let wordAt = 0;
  /** The word has ASCII letters, and letters that are not Latin. */
  let hasAscii = false;
  let hasOther = false;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (isWordUnit(unit)) {
      if (unit < 0x80) hasAscii = true;
      else if (unit >= 0x370) hasOther = true;
      continue;
    }
    if (isZeroWidth(unit)) {
      if (isAsciiLetter(text.charCodeAt(i - 1)) && isAsciiLetter(text.charCodeAt(i + 1))) invisible += 1;
      continue;
    }
    if (hasOther && hasAscii && mixesTwins(text.slice(wordAt, i))) mixed += 1;
    wordAt = i + 1;
    hasAscii = false;
    hasOther = false;
    if (unit < 0x80) continue;
    if (unit === 0x202d || unit === 0x202e) find('bidi_override', where);
    // Tags (U+E0000 to U+E007F) are a copy of ASCII that is not shown; the flags of three countries are spelt with them.
    else if (unit === 0xdb40 && text.charCodeAt(i + 1) <= 0xdc7f) {
      if (!isFlag) tags += 1;
      i += 1;
      continue;
    }
    isFlag = unit === 0xd83c && text.charCodeAt(i + 1) === 0xdff4;
    if (isFlag) i += 1;
  }
  if (hasOther && hasAscii && mixesTwins(text.slice(wordAt))) mixed += 1;
  if (invisible >= WORDS_BROKEN) find('broken_words', where);
  else if (invisible >= MANY_INVISIBLE) find('invisible_characters', where);
  if (tags >= MANY_TAGS) find('hidden_code_points', where);
  if (mixed >= MANY_MIXED_WORDS || (mixed > 0 && where === 'subject')) find('mixed_script_words', where);
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** ASCII letters, and letters of the Latin, Greek, Cyrillic and Armenian blocks. */
function isWordUnit(unit: number): boolean {
  return isAsciiLetter(unit) || (unit >= 0xc0 && unit <= 0x58f && unit !== 0xd7 && unit !== 0xf7);
}

function isAsciiLetter(unit: number): boolean {
  const lower = unit | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

function isZeroWidth(unit: number): boolean {
  return (unit >= 0x200b && unit <= 0x200d) || unit === 0x2060 || unit === 0xfeff || unit === 0xad;
}

function scanHtml(html: string, isPlain: boolean, links: Links, find: Find): void {
  // What is ASCII shows other letters through character references alone.
  const scan = new HtmlScan(links, find, isPlain && !html.includes('&'));
  walkHtml(html, scan);
  scan.end();
}

const EMBEDDED: ReadonlySet<string> = new Set(['iframe', 'object', 'embed', 'applet', 'frame']);
const VOID: ReadonlySet<string> = new Set('area base br col embed hr img input link meta source track wbr'.split(' '));

class HtmlScan implements HtmlVisitor {
  private readonly links: Links;
  private readonly find: Find;
  private readonly shown: string[] = [];
  /** The link that is open: where it goes and what it shows. */
  private link: { url: string; text: string } | null = null;
  /** The element whose content nobody sees, and how many of its name are open in it. */
  private hidden: { name: string; depth: number } | null = null;
  private hiddenLength = 0;
  /** Whether all text is known to be ASCII, without character references. */
  private readonly isPlain: boolean;

  constructor(links: Links, find: Find, isPlain: boolean) {
    this.links = links;
    this.find = find;
    this.isPlain = isPlain;
  }

  open(name: string, attributes: ReadonlyMap<string, string>): void {
    this.element(name, attributes);
    if (attributes.size > 0) for (const [attribute, value] of attributes) this.attribute(name, attribute, value);
    if (name === 'a') {
      this.endLink();
      this.link = { url: plainUrl(decodeEntities(attributes.get('href') ?? '')), text: '' };
    }
    if (VOID.has(name)) return;
    if (this.hidden !== null) {
      if (this.hidden.name === name) this.hidden.depth += 1;
    } else if (isHidden(attributes)) this.hidden = { name, depth: 1 };
  }

  close(name: string): void {
    if (name === 'a') this.endLink();
    if (this.hidden === null || this.hidden.name !== name) return;
    this.hidden.depth -= 1;
    if (this.hidden.depth === 0) this.hidden = null;
  }

  text(piece: string): void {
    const text = this.isPlain ? piece : decodeEntities(piece);
    this.shown.push(text);
    if (this.hidden !== null) this.hiddenLength += visibleLength(text);
    if (this.link !== null && this.link.text.length < MOST_LINK_TEXT) {
      this.link.text += text.slice(0, MOST_LINK_TEXT);
    }
  }

  end(): void {
    this.endLink();
    if (this.hiddenLength > HIDDEN_TEXT) this.find('hidden_text', 'html');
    const text = this.shown.length === 1 ? this.shown[0]! : this.shown.join('');
    if (!this.isPlain) scanLetters(text, 'html', this.find);
    scanLinksInText(text, 'html', this.links, this.find);
  }

  private element(name: string, attributes: ReadonlyMap<string, string>): void {
    if (name === 'script') {
      if (!(attributes.get('type') ?? '').toLowerCase().includes('json')) this.find('script', 'html');
    } else if (EMBEDDED.has(name)) this.find('embedded_object', 'html');
    else if (name === 'form') this.find('form', 'html');
    else if (name === 'input') {
      if ((attributes.get('type') ?? '').trim().toLowerCase() === 'password') this.find('password_field', 'html');
    } else if (name === 'base' && attributes.has('href')) this.find('base_address', 'html');
    else if (name === 'meta' && (attributes.get('http-equiv') ?? '').trim().toLowerCase() === 'refresh') {
      this.find('page_refresh', 'html');
    }
  }

  private attribute(element: string, name: string, value: string): void {
    if (name.startsWith('on') && name.length > 3) this.find('event_handler', 'html');
    const leads = name === 'href' || name === 'action' || name === 'formaction' || name === 'xlink:href';
    const loads = name === 'src' || name === 'background';
    if (!leads && !loads) return;
    const url = plainUrl(decodeEntities(value));
    const scheme = schemeOf(url);
    if (scheme === 'javascript' || scheme === 'vbscript') this.find('script_link', 'html');
    else if (scheme === 'data' && (leads || (element !== 'img' && element !== 'source')))
      this.find('data_link', 'html');
    else if (leads) scanLink(url, 'html', this.links, this.find);
  }

  /** A link that shows the address of one site and goes to another. */
  private endLink(): void {
    const { link } = this;
    this.link = null;
    if (link === null || this.links.left < 0) return;
    const shown = shownHost(link.text);
    const to = authorityOf(link.url)?.host ?? null;
    if (shown === null || to === null || siteOf(shown) === siteOf(to)) return;
    this.find(isGuarded(shown) ? 'brand_link_mismatch' : 'link_text_mismatch', 'html');
  }
}

/** Text that does not fill the view: spaces and the padding of preview lines are none. */
function visibleLength(text: string): number {
  return text.replace(/[\s\u00ad\u200b-\u200f\u2060]|\u034f/g, '').length;
}

function isHidden(attributes: ReadonlyMap<string, string>): boolean {
  if (attributes.size === 0) return false;
  if (attributes.has('hidden')) return true;
  const style = attributes.get('style');
  if (style === undefined) return false;
  const plain = style.replaceAll(/\s/g, '').toLowerCase();
  return (
    plain.includes('display:none') ||
    plain.includes('visibility:hidden') ||
    /(?:^|;)font-size:0(?:px|pt|em|%)?(?:;|!|$)/.test(plain) ||
    /(?:^|;)opacity:0(?:;|!|$)/.test(plain)
  );
}

/** Endings of hosts that are written without "http" and "www"; those that end the names of files are left out. */
const KNOWN_ENDINGS: ReadonlySet<string> = new Set(
  'com net org edu gov info biz de uk fr es it nl be at ch se no dk fi pl cz pt gr ru ua tr br mx ar cl jp kr cn in au nz ca us eu'.split(
    ' ',
  ),
);

/** The host that a link's text shows, where the whole text is an address; null where it is words. */
function shownHost(text: string): string | null {
  const shown = text.trim();
  if (shown.length > 250 || shown === '' || /\s/.test(shown)) return null;
  const scheme = schemeOf(shown);
  const isWritten = scheme === 'http' || scheme === 'https';
  if (!isWritten && shown.includes('@')) return null;
  const host = authorityOf(isWritten ? shown : `http://${shown}`)?.host ?? '';
  const labels = host.split('.');
  if (labels.length < 2 || labels.some((label) => label === '' || !HOST_LABEL.test(label))) return null;
  const isHost = isWritten || labels[0] === 'www' || KNOWN_ENDINGS.has(labels.at(-1)!);
  return isHost ? host : null;
}

const HOST_LABEL = /^[a-z0-9\u0080-\uffff-]+$/;
