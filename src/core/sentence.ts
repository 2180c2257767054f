/**
 * Fills a text of the catalogue in. The notation is told in `core/reasons/entry.ts`: `{field}`, `{field:noun}`, and
 * `[a|b]` for the first alternative whose every placeholder is known. Brackets do not nest.
 */

/** The words for a field, or null where it is not known. `noun` is what stands after the colon. */
export type WordsFor = (field: string, noun: string | null) => string | null;

const PLACEHOLDER = /\{([a-z_]+)(?::([a-z]+))?\}/g;

/**
 * The sentence for what is known. Values are put in as they are and never read as notation. A stretch outside brackets
 * with a placeholder that is not known is left out. Linear in the length of template and values.
 */
export function sentence(template: string, wordsFor: WordsFor): string {
  let filled = '';
  let at = 0;
  while (at < template.length) {
    const open = template.indexOf('[', at);
    const close = open < 0 ? -1 : template.indexOf(']', open);
    if (close < 0) return filled + (fill(template.slice(at), wordsFor) ?? '');
    filled += fill(template.slice(at, open), wordsFor) ?? '';
    filled += firstKnown(template.slice(open + 1, close).split('|'), wordsFor);
    at = close + 1;
  }
  return filled;
}

function firstKnown(alternatives: string[], wordsFor: WordsFor): string {
  for (const alternative of alternatives) {
    const filled = fill(alternative, wordsFor);
    if (filled !== null) return filled;
  }
  return '';
}

/** The text with its placeholders filled in, or null when one of them is not known. */
function fill(text: string, wordsFor: WordsFor): string | null {
  let isWhole = true;
  const filled = text.replace(PLACEHOLDER, (_, field: string, noun: string | undefined) => {
    const value = wordsFor(field, noun ?? null);
    if (value === null) isWhole = false;
    return value ?? '';
  });
  return isWhole ? filled : null;
}
