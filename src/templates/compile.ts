/**
 * A template made ready: each part parsed once, and the variables it uses found. What cannot be parsed is a list of faults, each
 * with its place; nothing is thrown for what people write.
 */
import { LiquidError, type Template } from 'liquidjs';
import type { TemplateSource } from '../data/port/templates.ts';
import { type RenderFailure, TEMPLATE_PARTS, type TemplatePart } from '../policy/facts-template.ts';
import { ENGINES, MOST_CONSTRUCTS, MOST_SOURCE } from './engine.ts';

/** The link by which a recipient unsubscribes: known to every template, a link of its own for every recipient. */
export const UNSUBSCRIBE_VARIABLE = 'unsubscribe_url';

export type Place = { part: TemplatePart; line: number; column: number };

export type Compiled = {
  source: TemplateSource;
  parts: Record<TemplatePart, Template[] | null>;
  /** Variables that the data must bring, each with the places of its use. */
  uses: ReadonlyMap<string, readonly Place[]>;
};

export type Compilation = { ok: true; compiled: Compiled } | { ok: false; faults: RenderFailure[] };

const MOST_PLACES = 20;
const MOST_MESSAGE = 100;

export function compileTemplate(source: TemplateSource): Compilation {
  const parts: Compiled['parts'] = { subject: null, html: null, text: null };
  const uses = new Map<string, Place[]>();
  const faults: RenderFailure[] = [];
  for (const part of TEMPLATE_PARTS) {
    const text = source[part];
    if (text === null) continue;
    try {
      checkSize(text);
      const parsed = ENGINES[part].parse(text);
      noteUses(parsed, part, uses);
      parts[part] = parsed;
    } catch (fault) {
      faults.push(failureOf(fault, part, 'syntax'));
    }
  }
  return faults.length === 0 ? { ok: true, compiled: { source, parts, uses } } : { ok: false, faults };
}

function checkSize(text: string): void {
  if (text.length > MOST_SOURCE) throw new RangeError(`it has more than ${MOST_SOURCE} characters`);
  if (text.split(/\{[{%]/, MOST_CONSTRUCTS + 2).length > MOST_CONSTRUCTS + 1) {
    throw new RangeError(`it has more than ${MOST_CONSTRUCTS} outputs and tags`);
  }
}

function noteUses(parsed: Template[], part: TemplatePart, uses: Map<string, Place[]>): void {
  const { globals } = ENGINES[part].analyzeSync(parsed, { partials: false });
  for (const [name, found] of Object.entries(globals)) {
    const places = uses.get(name) ?? [];
    for (const { location } of found.slice(0, MOST_PLACES)) {
      places.push({ part, line: location.row, column: location.col });
    }
    uses.set(name, places);
  }
}

/** What went wrong, in bounded words: it is stored with the verdict. `otherwise`: where nothing more is known. */
export function failureOf(fault: unknown, part: TemplatePart, otherwise: 'syntax' | 'wrong_type'): RenderFailure {
  const cause = LiquidError.is(fault) ? ((fault as LiquidError).originalError ?? fault) : fault;
  const [line, column] = LiquidError.is(fault) ? (fault as LiquidError).token.getPosition() : [null, null];
  const message = cause instanceof Error ? cause.message : String(cause);
  const where = { part, line: line ?? null, column: column ?? null };
  const said = { ...where, variable: null, message: bounded(withoutPlace(message)) };
  if (cause instanceof Error && cause.name === 'InternalUndefinedVariableError') {
    const variable = bounded(Reflect.get(cause, 'variableName') as string, 64);
    return { ...where, problem: 'missing_variable', variable, message: `there is no ${variable} in the data` };
  }
  if (cause instanceof RangeError && /call stack/.test(message)) {
    return { ...said, problem: 'syntax', message: 'it is nested too deeply' };
  }
  if (/limit exceeded$/.test(said.message) || (cause instanceof Error && cause.name === 'OverBudget')) {
    return { ...said, problem: 'too_large', message: 'the result, or the work for it, goes beyond the bound' };
  }
  if (cause instanceof RangeError) return { ...said, problem: 'too_large' };
  if (cause instanceof Error && cause.name === 'BadSubject') return { ...said, problem: 'bad_subject' };
  return { ...said, problem: otherwise };
}

/** The library puts the place behind its messages; here it has fields of its own. */
function withoutPlace(message: string): string {
  const at = message.lastIndexOf(', line:');
  return at < 0 ? message : message.slice(0, at);
}

function bounded(text: string, most = MOST_MESSAGE): string {
  const line = text
    .slice(0, most * 2)
    .toWellFormed()
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');
  return line.length > most ? `${line.slice(0, most - 1).toWellFormed()}…` : line;
}
