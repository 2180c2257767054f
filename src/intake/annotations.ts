/** Tags and metadata: the caller's own words about a message, kept and given back as they came. */

import { isStorable, isWithinCharacters } from '../base/text.ts';
import { type FieldErrors, isFields, within } from './field-errors.ts';
import { isPlainText, readText } from './fields.ts';

const maxTags = 20;
const maxTagCharacters = 128;
const maxKeys = 50;
const maxKeyCharacters = 64;
const maxValueCharacters = 1000;

export function readTags(value: unknown, errors: FieldErrors): string[] {
  const tags: string[] = [];
  if (value === undefined || value === null) return tags;
  if (!Array.isArray(value) || value.length > maxTags) {
    errors.invalid('tags', `It must be a list of at most ${maxTags} strings.`);
    return tags;
  }
  for (let index = 0; index < value.length; index++) {
    const tag: unknown = value[index];
    if (isPlainText(tag, maxTagCharacters)) {
      tags.push(tag);
      continue;
    }
    // The place is only spelt out where there may be something to say about it.
    const param = `tags[${index}]`;
    const read = readText(tag, maxTagCharacters, param, errors);
    if (read !== null) tags.push(read);
    else if (tag === null) errors.invalid(param, 'It must be a string.');
  }
  return tags;
}

/** Pairs in the order given; a key is plain data, "__proto__" too. */
export function readMetadata(value: unknown, errors: FieldErrors): [key: string, value: string][] {
  const pairs: [string, string][] = [];
  if (value === undefined || value === null) return pairs;
  if (!isFields(value)) {
    errors.invalid('metadata', 'It must be an object of strings.');
    return pairs;
  }
  let count = 0;
  for (const key in value) {
    if (++count > maxKeys) {
      errors.invalid('metadata', `It has at most ${maxKeys} keys.`);
      return pairs;
    }
    const param = within('metadata', key);
    if (!isStorable(key)) errors.invalid(param, 'The key holds a lone surrogate or U+0000.');
    else if (!isWithinCharacters(key, maxKeyCharacters)) {
      errors.invalid(param, `A key has at most ${maxKeyCharacters} characters.`);
    }
    const text = readText(value[key], maxValueCharacters, param, errors);
    if (text !== null) pairs.push([key, text]);
    else if (value[key] === null) errors.invalid(param, 'It must be a string.');
  }
  return pairs;
}
