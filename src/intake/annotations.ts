/** Tags and metadata: the caller's own words about a message, kept and given back as they came. */

import { isStorable, isWithinCharacters } from '../base/text.ts';
import { type FieldErrors, isFields, within } from './field-errors.ts';
import { readText } from './fields.ts';

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
    const param = `tags[${index}]`;
    const tag = readText(value[index], maxTagCharacters, param, errors);
    if (tag !== null) tags.push(tag);
    else if (value[index] === null) errors.invalid(param, 'It must be a string.');
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
