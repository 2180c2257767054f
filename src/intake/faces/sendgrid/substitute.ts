/** Older templates of SendGrid's: each key is replaced by its value wherever it stands in subject, text and HTML. */
import { type Fields, isFields } from '../../field-errors.ts';

/** In characters: values that hold their own keys many times over grow by each other. */
const MOST_GROWN = 25 * 1024 * 1024;

/** Values first, then sections, then the values that stand in sections. False: it grows beyond what is sent. */
export function substitute(body: Record<string, unknown>, values: unknown, sections: unknown): boolean {
  for (const field of ['subject', 'text', 'html']) {
    let text: unknown = body[field];
    for (const table of [values, sections, sections === undefined ? undefined : values]) {
      if (typeof text === 'string' && isFields(table)) text = replaced(text, table);
    }
    if (text === null) return false;
    body[field] = text;
  }
  return true;
}

function replaced(given: string, table: Fields): string | null {
  let text = given;
  for (const [key, value] of Object.entries(table)) {
    if (key === '' || typeof value !== 'string') continue;
    if (text.length + countOf(text, key) * (value.length - key.length) > MOST_GROWN) return null;
    text = text.replaceAll(key, () => value);
  }
  return text;
}

function countOf(text: string, key: string): number {
  let count = 0;
  for (let at = text.indexOf(key); at !== -1; at = text.indexOf(key, at + key.length)) count += 1;
  return count;
}

/** The same values as the data of a template here: names without what SendGrid's clients put around them. */
export function dataOf(values: Fields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [/\w[\w.]*/.exec(key)?.[0] ?? key, value]));
}
