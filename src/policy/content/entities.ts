/** Character references of HTML as text: numbers, and the names that letters, spaces and the marks of a URL have. One pass. */

const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  shy: '\u00ad',
  zwnj: '\u200c',
  zwj: '\u200d',
  lrm: '\u200e',
  rlm: '\u200f',
  colon: ':',
  sol: '/',
  period: '.',
  commat: '@',
  hyphen: '\u2010',
  dash: '\u2010',
  lowbar: '_',
  num: '#',
  quest: '?',
  equals: '=',
  lpar: '(',
  rpar: ')',
  semi: ';',
  comma: ',',
  excl: '!',
  Tab: '\t',
  NewLine: '\n',
  ZeroWidthSpace: '\u200b',
  NoBreak: '\u2060',
};

const LONGEST = 16;

/** The text that a piece of HTML outside of tags shows. */
export function decodeEntities(html: string): string {
  let at = html.indexOf('&');
  if (at < 0) return html;
  let text = '';
  let from = 0;
  while (at >= 0) {
    const read = readReference(html, at + 1);
    if (read === null) {
      at = html.indexOf('&', at + 1);
      continue;
    }
    text += html.slice(from, at) + read.text;
    from = read.end;
    at = html.indexOf('&', from);
  }
  return text + html.slice(from);
}

function readReference(html: string, start: number): { text: string; end: number } | null {
  let end = start;
  const most = Math.min(html.length, start + LONGEST);
  if (html[start] === '#') end += 1;
  while (end < most && isAlphanumeric(html.charCodeAt(end))) end += 1;
  const name = html.slice(start, end);
  const text = name.startsWith('#') ? numbered(name.slice(1)) : Object.hasOwn(NAMED, name) ? NAMED[name]! : null;
  return text === null ? null : { text, end: html[end] === ';' ? end + 1 : end };
}

function isAlphanumeric(unit: number): boolean {
  const lower = unit | 0x20;
  return (unit >= 0x30 && unit <= 0x39) || (lower >= 0x61 && lower <= 0x7a);
}

function numbered(digits: string): string | null {
  const isHex = digits.startsWith('x') || digits.startsWith('X');
  const number = isHex ? Number.parseInt(digits.slice(1), 16) : Number.parseInt(digits, 10);
  if (!(number > 0 && number <= 0x10ffff) || (number >= 0xd800 && number <= 0xdfff)) return null;
  return String.fromCodePoint(number);
}
