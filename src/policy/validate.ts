/**
 * Reads a policy document, or says everything that is wrong with it at once.
 *
 * Pure and linear in the size of the document; the number of faults told is bounded. Deliberately absent: whether an address
 * in `notify` can take mail, whether the document loosens anything (resolve.ts).
 */
import { parseDuration } from '../core/duration.ts';
import type { LimitDocument, PolicyDocument } from './document.ts';
import {
  type Field,
  type Fields,
  LIMIT_FIELDS,
  LONGEST_ADDRESS_WINDOW_SECONDS,
  MOST_LIMITS,
  NAME,
  OWN_LIMIT_NAMES,
  POLICY_FIELDS,
} from './fields.ts';
import { parseWindow } from './windows.ts';

export type PolicyFault = {
  code: 'missing_parameter' | 'invalid_parameter' | 'unknown_parameter';
  /** Where it stands: `limits[0].max`. */
  param: string;
  message: string;
};

export type PolicyReading = { ok: true; document: PolicyDocument } | { ok: false; errors: PolicyFault[] };
export type LimitsReading = { ok: true; limits: LimitDocument[] } | { ok: false; errors: PolicyFault[] };

const MOST_FAULTS = 100;
const SHOWN_NAME = 64;
const EMAIL = /^[^\s@"<>(),;:\\[\]]{1,64}@[^\s@"<>(),;:\\[\]]{1,253}$/;

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

class Faults {
  readonly list: PolicyFault[] = [];

  add(code: PolicyFault['code'], param: string, message: string): void {
    if (this.list.length < MOST_FAULTS) this.list.push({ code, param, message });
  }

  invalid(param: string, message: string): void {
    this.add('invalid_parameter', param, message);
  }
}

export function validatePolicy(value: unknown): PolicyReading {
  const faults = new Faults();
  if (isTree(value)) checkFields(value, POLICY_FIELDS, '', faults);
  else faults.invalid('', 'A policy document is a JSON object.');
  return faults.list.length === 0
    ? { ok: true, document: value as PolicyDocument }
    : { ok: false, errors: faults.list };
}

/** Reads a list of limits that stands elsewhere than in a policy document: in a plan. */
export function validateLimits(value: unknown, param: string): LimitsReading {
  const faults = new Faults();
  check(value, { kind: 'limits', counts: 'sends', describe: '' }, param, faults);
  return faults.list.length === 0 ? { ok: true, limits: value as LimitDocument[] } : { ok: false, errors: faults.list };
}

function under(parent: string, name: string): string {
  const shown = name.length > SHOWN_NAME ? `${name.slice(0, SHOWN_NAME)}…` : name;
  return parent === '' ? shown : `${parent}.${shown}`;
}

function checkFields(value: Tree, fields: Fields, param: string, faults: Faults): void {
  for (const [name, held] of Object.entries(value)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) faults.add('unknown_parameter', under(param, name), 'There is no such field.');
    else check(held, field, under(param, name), faults);
  }
}

function check(value: unknown, field: Field, param: string, faults: Faults): void {
  const problem = problemOf(value, field);
  if (problem !== null) faults.invalid(param, problem);
  else if (field.kind === 'object') checkFields(value as Tree, field.fields, param, faults);
  else if (field.kind === 'named') checkNamed(value as Tree, field, param, faults);
  else if (field.kind === 'texts') checkTexts(value as unknown[], field, param, faults);
  else if (field.kind === 'limits') checkLimits(value as unknown[], field.counts, param, faults);
}

/** What is wrong with a value as a whole, members left aside; null when nothing is. */
function problemOf(value: unknown, field: Field): string | null {
  switch (field.kind) {
    case 'word':
      return typeof value === 'string' && field.words.includes(value)
        ? null
        : `It must be one of ${field.words.map((word) => `"${word}"`).join(', ')}.`;
    case 'flag':
      return typeof value === 'boolean' ? null : 'It must be true or false.';
    case 'integer':
      return isWithin(value, field)
        ? null
        : `It must be a whole number from ${field.min} to ${field.max}${field.orNull === true ? ', or null' : ''}.`;
    case 'ratio':
      return typeof value === 'number' && value >= 0 && value <= 1 ? null : 'It must be a number from 0 to 1.';
    case 'window':
      return windowProblem(value);
    case 'duration':
      return durationProblem(value, field);
    case 'object':
      return isTree(value) ? null : 'It must be an object.';
    case 'named':
      if (!isTree(value)) return 'It must be an object.';
      return Object.keys(value).length > field.most ? `It has at most ${field.most} members.` : null;
    case 'texts':
      if (!Array.isArray(value)) return 'It must be a list of strings.';
      return value.length > field.most ? `It holds at most ${field.most} entries.` : null;
    case 'limits':
      if (!Array.isArray(value)) return 'It must be a list of limits.';
      return value.length > MOST_LIMITS ? `It holds at most ${MOST_LIMITS} limits.` : null;
  }
}

function isWithin(value: unknown, field: { min: number; max: number; orNull?: boolean }): boolean {
  if (value === null) return field.orNull === true;
  return Number.isInteger(value) && (value as number) >= field.min && (value as number) <= field.max;
}

function windowProblem(value: unknown): string | null {
  const window = typeof value === 'string' ? parseWindow(value) : null;
  return window === null || window.kind === 'rate'
    ? 'It must be a window such as "rolling_24h" or "calendar_day", of at most 366 days.'
    : null;
}

function durationProblem(value: unknown, field: { minMs: number; maxMs: number; orNull?: boolean }): string | null {
  if (value === null && field.orNull === true) return null;
  const duration = typeof value === 'string' ? parseDuration(value) : null;
  if (duration === null || duration.months !== 0) {
    return 'It must be an ISO 8601 duration in weeks, days, hours, minutes or seconds, such as "PT24H".';
  }
  if (duration.ms >= field.minMs && duration.ms <= field.maxMs) return null;
  return `It must last from ${field.minMs / 1000} seconds to ${field.maxMs / 86_400_000} days.`;
}

function checkTexts(
  texts: unknown[],
  field: { maxLength: number; email?: boolean },
  param: string,
  faults: Faults,
): void {
  texts.forEach((text, i) => {
    const place = `${param}[${i}]`;
    if (typeof text !== 'string' || text === '' || text.length > field.maxLength) {
      faults.invalid(place, `It must be a string of 1 to ${field.maxLength} characters.`);
    } else if (field.email === true && !EMAIL.test(text)) faults.invalid(place, 'It must be an e-mail address.');
    else if (texts.indexOf(text) < i) faults.invalid(place, 'It stands twice in the list.');
  });
}

function checkNamed(members: Tree, { of, names }: Field & { kind: 'named' }, param: string, faults: Faults): void {
  for (const [name, held] of Object.entries(members)) {
    const isKnown = names?.includes(name) !== false;
    if (NAME.test(name) && isKnown) check(held, of, under(param, name), faults);
    else if (NAME.test(name)) {
      faults.add('unknown_parameter', under(param, name), `It must be one of ${names?.join(', ')}.`);
    } else faults.invalid(under(param, name), 'A name is a lower-case letter, then up to 63 of a-z, 0-9 and _.');
  }
}

function checkLimits(limits: unknown[], counts: 'sends' | 'requests', param: string, faults: Faults): void {
  const names = new Set<unknown>();
  limits.forEach((limit, i) => {
    const place = `${param}[${i}]`;
    if (!isTree(limit)) {
      faults.invalid(place, 'A limit is an object.');
      return;
    }
    checkLimit(limit, counts, place, faults);
    if (names.has(limit['name'])) faults.invalid(`${place}.name`, 'Another limit of the list has this name.');
    if (typeof limit['name'] === 'string') names.add(limit['name']);
  });
}

const REQUIRED = ['name', 'scope', 'window', 'max'];

function checkLimit(limit: Tree, counts: 'sends' | 'requests', param: string, faults: Faults): void {
  for (const name of REQUIRED) {
    if (limit[name] === undefined) faults.add('missing_parameter', `${param}.${name}`, 'It is required.');
  }
  for (const [name, held] of Object.entries(limit)) {
    const place = under(param, name);
    const fields = LIMIT_FIELDS[counts];
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) faults.add('unknown_parameter', place, noSuchField(name, counts));
    else if (name === 'name') checkName(held, place, faults);
    else if (name === 'window') checkLimitWindow(limit, place, faults);
    else check(held, field, place, faults);
  }
  checkTogether(limit, counts, param, faults);
}

function checkName(value: unknown, param: string, faults: Faults): void {
  if (typeof value !== 'string' || !NAME.test(value)) {
    faults.invalid(param, 'A name is a lower-case letter, then up to 63 of a-z, 0-9 and _.');
  } else if (Object.hasOwn(OWN_LIMIT_NAMES, value)) {
    faults.invalid(param, `"${value}" is the name of ${OWN_LIMIT_NAMES[value]}: take another.`);
  }
}

function checkLimitWindow(limit: Tree, param: string, faults: Faults): void {
  const window = typeof limit['window'] === 'string' ? parseWindow(limit['window']) : null;
  if (window === null) {
    faults.invalid(
      param,
      'It must be "rate", "calendar_hour", "calendar_day", "calendar_month" or such as "rolling_24h", of at most 366 days.',
    );
  }
}

/** What only makes sense beside something else. */
function checkTogether(limit: Tree, counts: 'sends' | 'requests', param: string, faults: Faults): void {
  const isRate = limit['window'] === 'rate';
  for (const name of ['per', 'burst']) {
    if (limit[name] !== undefined && !isRate) {
      faults.invalid(`${param}.${name}`, `"${name}" goes with the window "rate" alone.`);
    }
  }
  if (isRate && limit['max'] === 0) {
    faults.invalid(`${param}.max`, 'A rate has a max of at least 1; stop all sends with another window.');
  }
  if (limit['reset_on_reply'] === true && limit['scope'] !== 'recipient') {
    faults.invalid(`${param}.reset_on_reply`, '"reset_on_reply" goes with the scope "recipient" alone.');
  }
  if (counts === 'requests' && limit['scope'] === 'address' && !isShort(limit)) {
    const most = `of at most ${LONGEST_ADDRESS_WINDOW_SECONDS} seconds`;
    faults.invalid(`${param}.window`, `With the scope "address" it is "rate", or a rolling one ${most}.`);
  }
}

function isShort({ window: name, per }: Tree): boolean {
  const window = typeof name === 'string' ? parseWindow(name, per === 'minute' ? per : undefined) : null;
  if (window === null) return true;
  return window.kind === 'rate' || (window.kind === 'rolling' && window.seconds <= LONGEST_ADDRESS_WINDOW_SECONDS);
}

function noSuchField(name: string, counts: 'sends' | 'requests'): string {
  return counts === 'requests' && Object.hasOwn(LIMIT_FIELDS.sends, name)
    ? 'A limit on requests has no such field: it counts requests.'
    : 'There is no such field in a limit.';
}
