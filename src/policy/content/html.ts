/**
 * HTML as far as a look at its structure needs it: tags with their attributes, and the text between them, in one pass over any
 * input. It reads as browsers mostly do and repairs nothing: an open quote, comment or script reaches to the end.
 *
 * Invariant: linear, whatever comes in; each character is passed over a bounded number of times.
 */

export type HtmlVisitor = {
  /** A start tag: name and attribute names in lower case, values as written. The first of two attributes of one name counts. */
  open(name: string, attributes: ReadonlyMap<string, string>): void;
  close(name: string): void;
  /** Text between tags, character references as written. */
  text(text: string): void;
};

/** What stands in these is no text of the document. */
const RAW: ReadonlySet<string> = new Set(['script', 'style', 'textarea', 'title', 'xmp', 'noscript', 'template']);
const MOST_ATTRIBUTES = 100;
const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

export function walkHtml(html: string, visitor: HtmlVisitor): void {
  let at = 0;
  for (let next = html.indexOf('<'); next >= 0; ) {
    if (!isMarkup(html.charCodeAt(next + 1))) {
      next = html.indexOf('<', next + 1);
      continue;
    }
    if (next > at) visitor.text(html.slice(at, next));
    at = markup(html, next, visitor);
    next = html.indexOf('<', at);
  }
  if (at < html.length) visitor.text(html.slice(at));
}

/** What makes a "<" the beginning of a tag, an end tag, a comment or an instruction. */
function isMarkup(unit: number): boolean {
  return isLetter(unit) || unit === 0x2f || unit === 0x21 || unit === 0x3f;
}

/** Reads what begins with "<"; answers where it ends. */
function markup(html: string, start: number, visitor: HtmlVisitor): number {
  const unit = html.charCodeAt(start + 1);
  if (unit === 0x21) {
    const isComment = html.startsWith('<!--', start);
    return after(html, isComment ? '-->' : '>', start + 2);
  }
  if (unit === 0x3f) return after(html, '>', start + 2);
  if (unit === 0x2f) {
    const end = nameEnd(html, start + 2);
    visitor.close(html.slice(start + 2, end).toLowerCase());
    return after(html, '>', end);
  }
  const end = nameEnd(html, start + 1);
  const name = html.slice(start + 1, end).toLowerCase();
  if (html.charCodeAt(end) === 0x3e && !RAW.has(name)) {
    visitor.open(name, NO_ATTRIBUTES);
    return end + 1;
  }
  const attributes = new Map<string, string>();
  const behind = readAttributes(html, end, attributes);
  visitor.open(name, attributes);
  return RAW.has(name) ? rawEnd(html, name, behind) : behind;
}

function after(html: string, mark: string, from: number): number {
  const at = html.indexOf(mark, from);
  return at < 0 ? html.length : at + mark.length;
}

/** The end tag of an element whose content is no markup, or the end. */
function rawEnd(html: string, name: string, from: number): number {
  for (let at = html.indexOf('</', from); at >= 0; at = html.indexOf('</', at + 2)) {
    if (html.slice(at + 2, at + 2 + name.length).toLowerCase() === name) return at;
  }
  return html.length;
}

function isLetter(unit: number): boolean {
  const lower = unit | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}

/** White space, "/" and ">" end a name. */
function isBreak(unit: number): boolean {
  return unit <= 0x20 || unit === 0x2f || unit === 0x3e;
}

function nameEnd(html: string, from: number): number {
  let at = from;
  while (at < html.length && !isBreak(html.charCodeAt(at))) at += 1;
  return at;
}

/** Reads attributes up to the tag's end; answers where that is. */
function readAttributes(html: string, from: number, into: Map<string, string>): number {
  let at = from;
  while (at < html.length) {
    const unit = html.charCodeAt(at);
    if (unit === 0x3e) return at + 1;
    if (unit <= 0x20 || unit === 0x2f) {
      at += 1;
      continue;
    }
    let end = at + 1;
    while (end < html.length && !isBreak(html.charCodeAt(end)) && html[end] !== '=') end += 1;
    const name = html.slice(at, end).toLowerCase();
    at = skipSpace(html, end);
    let value = '';
    if (html[at] === '=') {
      const read = readValue(html, skipSpace(html, at + 1));
      value = read.value;
      at = read.end;
    }
    if (into.size < MOST_ATTRIBUTES && !into.has(name)) into.set(name, value);
  }
  return at;
}

function skipSpace(html: string, from: number): number {
  let at = from;
  while (at < html.length && html.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

function readValue(html: string, start: number): { value: string; end: number } {
  const quote = html[start];
  if (quote === '"' || quote === "'") {
    const close = html.indexOf(quote, start + 1);
    const end = close < 0 ? html.length : close;
    return { value: html.slice(start + 1, end), end: end + 1 };
  }
  let end = start;
  while (end < html.length && html.charCodeAt(end) > 0x20 && html[end] !== '>') end += 1;
  return { value: html.slice(start, end), end };
}
