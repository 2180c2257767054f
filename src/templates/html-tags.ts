/**
 * The tags of an HTML source with Liquid in it, found in one pass (HTML Living Standard §13.2.5, as far as checks need it): names,
 * attributes, places. Nothing is corrected and no tree is built. `{{ … }}` and `{% … %}` count as part of the text they stand in.
 */

export type Attribute = { name: string; value: string; isQuoted: boolean; at: number };

export type Tag = {
  /** In lower case; a closing tag begins with "/", and a comment is called "!--". */
  name: string;
  attributes: Attribute[];
  /** Where it begins and ends in the source. */
  at: number;
  end: number;
};

const NAME_START = /[a-z/]/i;
const MOST_ATTRIBUTES = 100;

/** Elements whose content is no text. */
const RAW: Readonly<Record<string, string>> = { script: '</script', style: '</style' };

export function tagsOf(source: string): Tag[] {
  const tags: Tag[] = [];
  const finder = new Finder(source);
  for (let at = source.indexOf('<'); at >= 0; at = source.indexOf('<', at)) {
    if (source.startsWith('<!--', at)) {
      const end = finder.behind('-->', at + 4);
      tags.push({ name: '!--', attributes: [], at, end });
      at = end;
      continue;
    }
    if (!NAME_START.test(source.charAt(at + 1))) {
      at += 1;
      continue;
    }
    const tag = readTag(source, at, finder);
    tags.push(tag);
    at = tag.end;
    const closer = RAW[tag.name];
    if (closer !== undefined) at = finder.upTo(closer, at);
  }
  return tags;
}

/** Looks ahead for closers; one that is nowhere ahead is looked for once. */
class Finder {
  private readonly source: string;
  private readonly absent = new Set<string>();

  constructor(source: string) {
    this.source = source;
  }

  /** Where `closer` begins; the end of the source where it does not. */
  upTo(closer: string, from: number): number {
    if (this.absent.has(closer)) return this.source.length;
    const found = this.source.indexOf(closer, from);
    if (found >= 0) return found;
    this.absent.add(closer);
    return this.source.length;
  }

  behind(closer: string, from: number): number {
    return Math.min(this.source.length, this.upTo(closer, from) + closer.length);
  }

  /** Behind the Liquid that begins here; the same place where none does. */
  pastLiquid(at: number): number {
    if (this.source.charCodeAt(at) !== 0x7b) return at;
    if (this.source.charCodeAt(at + 1) === 0x7b) return this.behind('}}', at + 2);
    return this.source.charCodeAt(at + 1) === 0x25 ? this.behind('%}', at + 2) : at;
  }
}

const isBlank = (code: number): boolean => code === 0x20 || (code >= 0x09 && code <= 0x0d);
const GREATER = 0x3e;

function readTag(source: string, at: number, finder: Finder): Tag {
  let p = at + 1;
  while (p < source.length && !isBlank(source.charCodeAt(p)) && source.charCodeAt(p) !== GREATER) p += 1;
  const name = source
    .slice(at + 1, Math.min(p, at + 41))
    .toLowerCase()
    .replace(/\/$/, '');
  const attributes: Attribute[] = [];
  while (p < source.length && source.charCodeAt(p) !== GREATER) {
    const past = finder.pastLiquid(p);
    if (past > p) p = past;
    else if (isBlank(source.charCodeAt(p)) || source.charAt(p) === '/') p += 1;
    else p = readAttribute(source, p, finder, attributes);
  }
  return { name, attributes, at, end: Math.min(source.length, p + 1) };
}

function readAttribute(source: string, at: number, finder: Finder, attributes: Attribute[]): number {
  let p = at + 1;
  while (p < source.length && !isBlank(source.charCodeAt(p)) && !'=>/'.includes(source.charAt(p))) p += 1;
  const name = source.slice(at, Math.min(p, at + 60)).toLowerCase();
  let q = p;
  while (isBlank(source.charCodeAt(q))) q += 1;
  if (source.charAt(q) !== '=') {
    if (attributes.length < MOST_ATTRIBUTES) attributes.push({ name, value: '', isQuoted: false, at });
    return p;
  }
  q += 1;
  while (isBlank(source.charCodeAt(q))) q += 1;
  const quote = source.charAt(q);
  const isQuoted = quote === '"' || quote === "'";
  const begin = isQuoted ? q + 1 : q;
  let end = begin;
  while (end < source.length) {
    const past = finder.pastLiquid(end);
    if (past > end) end = past;
    else if (isQuoted ? source.charAt(end) === quote : isBlank(source.charCodeAt(end)) || source.charAt(end) === '>')
      break;
    else end += 1;
  }
  if (attributes.length < MOST_ATTRIBUTES) attributes.push({ name, value: source.slice(begin, end), isQuoted, at });
  return isQuoted ? end + 1 : end;
}

/** The source with everything that is no text blanked out: places and line breaks stay. */
export function textOnly(source: string, tags: readonly Tag[]): string {
  let text = '';
  let from = 0;
  tags.forEach((tag, i) => {
    text += source.slice(from, tag.at);
    const next = RAW[tag.name] === undefined ? tag.end : (tags[i + 1]?.at ?? source.length);
    text += blanked(source.slice(tag.at, next));
    from = next;
  });
  return withoutLiquid(text + source.slice(from));
}

/** Liquid blanked out in the same way. */
export function withoutLiquid(source: string): string {
  const finder = new Finder(source);
  let text = '';
  let from = 0;
  for (let at = source.indexOf('{'); at >= 0; at = source.indexOf('{', at)) {
    const past = finder.pastLiquid(at);
    if (past === at) {
      at += 1;
      continue;
    }
    text += source.slice(from, at) + blanked(source.slice(at, past));
    from = past;
    at = past;
  }
  return text + source.slice(from);
}

function blanked(markup: string): string {
  return markup.replace(/[^\n]/g, ' ');
}
