/**
 * A compiled template filled in: the exact content that is decided on, hashed and stored, or why there is none.
 *
 * The link for unsubscribing differs by recipient and the content does not: a placeholder stands in it until the message is
 * composed.
 */
import { hasControl } from '../base/text.ts';
import { UNSUBSCRIBE_PLACEHOLDER } from '../core/unsubscribe.ts';
import type { TemplateVariable, VariableType } from '../data/port/templates.ts';
import { type RenderFailure, TEMPLATE_PARTS, type TemplatePart } from '../policy/facts-template.ts';
import { type Compiled, failureOf, UNSUBSCRIBE_VARIABLE } from './compile.ts';
import { NOW } from './date-filter.ts';
import { ENGINES } from './engine.ts';

export type RenderedContent = { subject: string; html: string | null; text: string | null };

export type Rendering = { ok: true; content: RenderedContent } | { ok: false; failure: RenderFailure };

/** Characters of the data as JSON. */
const MOST_DATA = 1_000_000;
/** RFC 5322 §2.1.1: a line has at most 998 octets. */
const MOST_SUBJECT_OCTETS = 998;

/** `now`: milliseconds on the clock of the tenant, for `{{ 'now' | date: … }}`. */
export function renderTemplate(compiled: Compiled, data: Record<string, unknown>, now: number): Rendering {
  const scope = scopeOf(compiled, data);
  if ('problem' in scope) return { ok: false, failure: scope };
  const content: RenderedContent = { subject: '', html: null, text: null };
  for (const part of TEMPLATE_PARTS) {
    const template = compiled.parts[part];
    if (template === null) continue;
    try {
      const written = ENGINES[part].renderSync(template, scope.values, { globals: { [NOW]: now } }) as string;
      content[part] = part === 'subject' ? oneLine(written) : written;
    } catch (fault) {
      return { ok: false, failure: failureOf(fault, part, 'wrong_type') };
    }
  }
  const failure = contentFailure(content);
  return failure === null ? { ok: true, content } : { ok: false, failure };
}

/** Blanks around it and line breaks of the template itself are layout; those of values were refused where they came in. */
function oneLine(subject: string): string {
  return subject.replace(/[\r\n\t ]+/g, ' ').trim();
}

function contentFailure({ subject, html, text }: RenderedContent): RenderFailure | null {
  if (subject === '') return refusedPart('subject', 'bad_subject', 'the subject is empty');
  if (hasControl(subject)) return refusedPart('subject', 'bad_subject', 'the subject has a control character');
  if (Buffer.byteLength(subject) > MOST_SUBJECT_OCTETS) {
    return refusedPart('subject', 'bad_subject', `the subject has more than ${MOST_SUBJECT_OCTETS} octets`);
  }
  for (const [part, content] of [
    ['subject', subject],
    ['html', html],
    ['text', text],
  ] as const) {
    if (content?.isWellFormed() === false || content?.includes('\0') === true) {
      return refusedPart(part, 'wrong_type', 'it holds a lone surrogate or U+0000');
    }
  }
  return null;
}

function refusedPart(part: TemplatePart, problem: RenderFailure['problem'], message: string): RenderFailure {
  return { problem, part, variable: null, line: null, column: null, message };
}

/** What the template may name: the data, defaults where they lack something, and the link for unsubscribing. */
function scopeOf(compiled: Compiled, data: Record<string, unknown>): { values: object } | RenderFailure {
  if (JSON.stringify(data).length > MOST_DATA) {
    return { ...NOWHERE, problem: 'too_large', message: `the data have more than ${MOST_DATA} characters` };
  }
  const values: Record<string, unknown> = Object.assign(Object.create(null), data);
  for (const variable of compiled.source.variables ?? []) {
    const given = values[variable.name] ?? null;
    const failure = given === null ? fillIn(variable, values) : mistyped(variable, given);
    if (failure !== null) return placed(compiled, failure);
  }
  values[UNSUBSCRIBE_VARIABLE] = UNSUBSCRIBE_PLACEHOLDER;
  return { values };
}

const NOWHERE = { part: null, variable: null, line: null, column: null } as const;

function fillIn(
  { name, required, default: initial }: TemplateVariable,
  values: Record<string, unknown>,
): RenderFailure | null {
  if (initial !== undefined) values[name] = initial;
  else if (required) {
    return { ...NOWHERE, problem: 'missing_variable', variable: name, message: `there is no ${name} in the data` };
  } else if (required === false) values[name] = null;
  return null;
}

function mistyped({ name, type }: TemplateVariable, given: unknown): RenderFailure | null {
  if (type === 'any' || typeOf(given) === type) return null;
  return {
    ...NOWHERE,
    problem: 'wrong_type',
    variable: name,
    message: `${name} must be of the type ${type}, not ${typeOf(given)}`,
  };
}

function typeOf(value: unknown): VariableType {
  if (Array.isArray(value)) return 'array';
  return typeof value as VariableType;
}

/** A fault of the data, at the first place where the template would have used it. */
function placed(compiled: Compiled, failure: RenderFailure): RenderFailure {
  const place = failure.variable === null ? undefined : compiled.uses.get(failure.variable)?.[0];
  return place === undefined ? failure : { ...failure, ...place };
}
