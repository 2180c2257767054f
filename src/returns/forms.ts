/** Loads the table that `free-form.ts` reads (forms.toml beside this file), and refuses one with a mistake in it. */
import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';

const FORM_KINDS = ['bounce', 'delay', 'delivered', 'relayed'] as const;
export type FormKind = (typeof FORM_KINDS)[number];

export type FormRule = {
  kind: FormKind;
  in: 'subject' | 'text';
  any: string[];
  none: string[];
  examples: string[];
};

export type Forms = {
  /** Openings of lines after which the returned message stands. */
  originalLines: string[];
  senderLocals: string[];
  senderNames: string[];
  /** What is in lines whose addresses are not about the delivery. */
  noiseLines: string[];
  /** The first that holds decides. */
  rules: FormRule[];
};

let loaded: Forms | null = null;

/** The table, read once. */
export function forms(): Forms {
  loaded ??= parseForms(readFileSync(new URL('forms.toml', import.meta.url), 'utf8'));
  return loaded;
}

/** Lower case, no apostrophes, one blank between words. */
export function plainWords(text: string): string {
  return text
    .toLowerCase()
    .replace(/['’`]/g, '')
    .replace(/\s{1,1000}/g, ' ')
    .trim();
}

/** Whether the rule takes a text that `plainWords` made. */
export function holds(rule: FormRule, words: string): boolean {
  return rule.any.some((phrase) => words.includes(phrase)) && !rule.none.some((phrase) => words.includes(phrase));
}

/** Throws with the place of the mistake. */
export function parseForms(toml: string): Forms {
  const { original, sender, noise, rule: rules, ...rest } = parse(toml);
  if (Object.keys(rest).length > 0) throw new TypeError(`unknown table: ${Object.keys(rest).join(', ')}`);
  if (!Array.isArray(rules)) throw new TypeError('no rules');
  return {
    originalLines: phrases(field(original, 'lines'), 'original.lines'),
    senderLocals: phrases(field(sender, 'local'), 'sender.local'),
    senderNames: phrases(field(sender, 'name'), 'sender.name'),
    noiseLines: phrases(field(noise, 'lines'), 'noise.lines'),
    rules: rules.map((rule: unknown, index) => readRule(rule, `rule ${index + 1}`)),
  };
}

const RULE_KEYS = ['kind', 'in', 'any', 'none', 'examples'];

function readRule(value: unknown, where: string): FormRule {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${where} is no table`);
  const strange = Object.keys(value).filter((key) => !RULE_KEYS.includes(key));
  if (strange.length > 0) throw new TypeError(`${where} has unknown keys: ${strange.join(', ')}`);
  const kind = FORM_KINDS.find((each) => each === field(value, 'kind'));
  const place = field(value, 'in');
  if (kind === undefined || (place !== 'subject' && place !== 'text'))
    throw new TypeError(`${where}: kind or in is wrong`);
  const none = field(value, 'none');
  return {
    kind,
    in: place,
    any: phrases(field(value, 'any'), where),
    none: none === undefined ? [] : phrases(none, where),
    examples: strings(field(value, 'examples'), where),
  };
}

function field(table: unknown, name: string): unknown {
  return typeof table === 'object' && table !== null ? (table as Record<string, unknown>)[name] : undefined;
}

function phrases(value: unknown, where: string): string[] {
  return strings(value, where).map(plainWords);
}

function strings(value: unknown, where: string): string[] {
  if (!Array.isArray(value) || value.length === 0 || !value.every((each) => typeof each === 'string')) {
    throw new TypeError(`${where}: a list of strings is needed`);
  }
  return value;
}
