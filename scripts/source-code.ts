/**
 * Reads TypeScript far enough for checks of the repository: the code without comments and strings, and the imports.
 *
 * One pass over the text, linear in its length. Known limit: whether a `/` begins a pattern is told from what stands before
 * it, as formatted code has it; a template's `${…}` is read as part of the string.
 */

export type SourceCode = {
  /** The text with comments blanked and each string replaced by `"n"`, its number in `strings`. Lines stay. */
  code: string;
  strings: string[];
};

const BEFORE_PATTERN = '(,=:[!&|?{};+-*%<>~^\n';
const WORDS_BEFORE_PATTERN = /\b(?:return|typeof|case|of|in|new|delete|void|throw|await)$/;

export function readSource(text: string): SourceCode {
  const strings: string[] = [];
  let code = '';
  let at = 0;
  while (at < text.length) {
    const char = text[at]!;
    const next = text[at + 1];
    if (char === '/' && next === '/') at = endOf(text, '\n', at);
    else if (char === '/' && next === '*') {
      const end = endOf(text, '*/', at + 2) + 2;
      code += '\n'.repeat(text.slice(at, end).split('\n').length - 1);
      at = end;
    } else if (char === "'" || char === '"' || char === '`' || (char === '/' && beginsPattern(code))) {
      const end = endOfQuoted(text, at);
      code += `"${strings.length}"`;
      strings.push(text.slice(at + 1, end - 1));
      code += '\n'.repeat(text.slice(at, end).split('\n').length - 1);
      at = end;
    } else {
      code += char;
      at += 1;
    }
  }
  return { code, strings };
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found;
}

function endOfQuoted(text: string, start: number): number {
  const quote = text[start]!;
  let isInClass = false;
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text[at]!;
    if (char === '\\') at += 1;
    else if (quote === '/' && char === '[') isInClass = true;
    else if (quote === '/' && char === ']') isInClass = false;
    else if (char === quote && !isInClass) return at + 1;
  }
  return text.length;
}

function beginsPattern(code: string): boolean {
  const before = code.trimEnd();
  return before === '' || BEFORE_PATTERN.includes(before.at(-1)!) || WORDS_BEFORE_PATTERN.test(before.slice(-12));
}

/** What a module imports, re-exports or loads, be it types alone, in order. */
export function importsOf(text: string): string[] {
  const { code, strings } = readSource(text);
  const statement = /\b(?:import|export)\b[^;"()=]*?\bfrom\s*"(\d+)"|\bimport\s*\(?\s*"(\d+)"/g;
  return [...code.matchAll(statement)].map(([, from, bare]) => strings[Number(from ?? bare)]!);
}
