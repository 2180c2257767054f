/** Loads the table that `classify` reads (replies.toml beside this file), and refuses one with a mistake in it. */
import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { BOUNCE_CLASS_NAMES, BOUNCE_FAULTS, type BounceClass, RETRY_PACES } from '../core/bounce.ts';
import { BLAMES, type ClassMeaning, type ReplyRule, type ReplyRules, wordsOf } from './classify.ts';
import { STAGES } from './transports/transport.ts';

const RULE_KEYS = [
  'class',
  'enhanced',
  'codes',
  'isBare',
  'stages',
  'any',
  'all',
  'none',
  'hard',
  'suppress',
  'fault',
  'retry',
  'blames',
  'examples',
];

let loaded: ReplyRules | null = null;

/** The table, read once. */
export function replies(): ReplyRules {
  loaded ??= parseReplies(readFileSync(new URL('replies.toml', import.meta.url), 'utf8'));
  return loaded;
}

/** Throws with the place of the mistake: an unknown key, class or value, or a rule without condition or example. */
export function parseReplies(toml: string): ReplyRules {
  const { class: classes, rule: rules, phrases, ...rest } = parse(toml);
  if (Object.keys(rest).length > 0) throw new TypeError(`unknown table: ${Object.keys(rest).join(', ')}`);
  const tables = asTable(classes, 'class');
  const named = new Map<string, string[]>();
  for (const [name, list] of Object.entries(asTable(phrases, 'phrases'))) {
    named.set(`&${name}`, (strings(list, name) ?? []).map(wordsOf));
  }
  const meanings = BOUNCE_CLASS_NAMES.map(
    (name) => [name, readMeaning(asTable(tables[name], `class.${name}`))] as const,
  );
  if (!Array.isArray(rules)) throw new TypeError('no rules');
  return {
    classes: Object.fromEntries(meanings) as Record<BounceClass, ClassMeaning>,
    rules: rules.map((rule: unknown, index) =>
      readRule(asTable(rule, `rule ${index + 1}`), named, `rule ${index + 1}`),
    ),
  };
}

type Table = Record<string, unknown>;

function asTable(value: unknown, where: string): Table {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError(`${where} is no table`);
  return value as Table;
}

function readMeaning(table: Table): ClassMeaning {
  const { hard, suppress, fault, retry, blames } = table;
  if (typeof hard !== 'boolean' || typeof suppress !== 'boolean') throw new TypeError('hard and suppress are needed');
  return {
    hard,
    suppress,
    fault: oneOf(fault, BOUNCE_FAULTS),
    retry: oneOf(retry, RETRY_PACES),
    blames: oneOf(blames, BLAMES),
  };
}

function readRule(table: Table, named: Map<string, string[]>, where: string): ReplyRule {
  const unknown = Object.keys(table).filter((key) => !RULE_KEYS.includes(key));
  if (unknown.length > 0) throw new TypeError(`${where} has unknown keys: ${unknown.join(', ')}`);
  const rule: ReplyRule = {
    class: oneOf(table['class'], BOUNCE_CLASS_NAMES),
    enhanced: strings(table['enhanced'], where),
    codes: numbers(table['codes'], where),
    isBare: optionalBoolean(table['isBare'], where) ?? false,
    stages: strings(table['stages'], where)?.map((stage) => oneOf(stage, STAGES)) ?? null,
    any: phrases(table['any'], named, where),
    all: phrases(table['all'], named, where),
    none: phrases(table['none'], named, where),
    hard: optionalBoolean(table['hard'], where),
    suppress: optionalBoolean(table['suppress'], where),
    fault: table['fault'] === undefined ? null : oneOf(table['fault'], BOUNCE_FAULTS),
    retry: table['retry'] === undefined ? null : oneOf(table['retry'], RETRY_PACES),
    blames: table['blames'] === undefined ? null : oneOf(table['blames'], BLAMES),
    examples: strings(table['examples'], where) ?? [],
  };
  const conditions = [rule.enhanced, rule.codes, rule.stages, rule.any, rule.all];
  if (conditions.every((condition) => condition === null)) throw new TypeError(`${where} has no condition`);
  if (rule.examples.length === 0) throw new TypeError(`${where} has no example`);
  return rule;
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new TypeError(`${String(value)} is none of ${allowed.join(', ')}`);
  return found;
}

function optionalBoolean(value: unknown, where: string): boolean | null {
  if (value === undefined) return null;
  if (typeof value !== 'boolean') throw new TypeError(`${where}: hard and suppress are true or false`);
  return value;
}

function strings(value: unknown, where: string): string[] | null {
  if (value === undefined) return null;
  if (!Array.isArray(value) || value.length === 0 || !value.every((each) => typeof each === 'string')) {
    throw new TypeError(`${where}: a list of strings is needed`);
  }
  return value;
}

function numbers(value: unknown, where: string): number[] | null {
  if (value === undefined) return null;
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'number')) {
    throw new TypeError(`${where}: codes are numbers`);
  }
  return value;
}

/** Phrases as words between blanks; "&name" is replaced by the list of that name. */
function phrases(value: unknown, named: Map<string, string[]>, where: string): string[] | null {
  const list = strings(value, where);
  if (list === null) return null;
  return list.flatMap((phrase) => {
    if (!phrase.startsWith('&')) return [wordsOf(phrase)];
    const found = named.get(phrase);
    if (found === undefined) throw new TypeError(`${where}: no phrases are named ${phrase}`);
    return found;
  });
}
