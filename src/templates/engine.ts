/**
 * Liquid as templates of this gateway have it: one engine for HTML, one for plain text, one for subjects.
 *
 * What holds: rendering reads its data and nothing else (no files, no includes, own properties alone), gives the same for the
 * same data and time, and ends. Every rendered node, every character written and every list made is paid for from one budget, so
 * that loops and doublings stop at the same place on any machine; the time limit behind it is for what no budget sees. Values are
 * escaped in HTML wherever they come out, and refused in a subject where they could end its line.
 *
 * Absent on purpose: filters that draw lots, hash, or evaluate text, and the tags that load other templates. String searches
 * take short patterns only, since theirs is the one way to quadratic time.
 */
import {
  type Context,
  defaultOperators,
  type Emitter,
  Liquid,
  LiquidError,
  RenderError,
  type Template,
} from 'liquidjs';
import { hasControl } from '../base/text.ts';
import { dateFilter } from './date-filter.ts';
import { BadSubject, WrongValue } from './wrong-value.ts';

/** Characters that one part of a template may have. */
export const MOST_SOURCE = 262_144;
/** Characters, nodes (16 each) and list members that one rendering may use up: about 2 million characters in the end. */
const BUDGET = 4_000_000;
const NODE = 16;
const WITHIN_MS = 1000;
const MOST_PATTERN = 1000;

const TAGS = ['assign', 'break', 'capture', 'case', 'comment', 'continue', 'cycle', 'decrement', 'echo', 'for', 'if'];
const MORE_TAGS = ['increment', '#', 'liquid', 'raw', 'unless'];
const FILTERS = new Set(
  (
    'abs append at_least at_most capitalize ceil compact concat date default divided_by downcase escape escape_once first ' +
    'floor join json last lstrip map minus modulo newline_to_br normalize_whitespace plus prepend raw remove remove_first ' +
    'replace replace_first reverse round rstrip size slice sort sort_natural split squish strip strip_html strip_newlines ' +
    'sum times truncate truncatewords uniq upcase url_decode url_encode where'
  ).split(' '),
);

type Filter = (this: { context: Context }, value: unknown, ...args: unknown[]) => unknown;

/** Text as it comes out of `{{ … }}`. An object has none: printing one is a mistake in the template. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(textOf).join('');
  if (typeof value !== 'object') return String(value);
  const own = value.valueOf();
  if (typeof own === 'object') throw new WrongValue('an object cannot be written as text');
  return String(own);
}

/** Collects what is written, paid for from the budget of the rendering. */
class Written implements Emitter {
  buffer = '';
  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  write(value: unknown): void {
    const text = textOf(value);
    this.context.memoryLimit.use(text.length);
    this.buffer += text;
  }
}

/** As the library's own, with the budget asked at every node. */
function* renderTemplates(templates: Template[], context: Context, emitter?: Emitter): IterableIterator<unknown> {
  const written = emitter ?? new Written(context);
  for (const template of templates) {
    try {
      context.memoryLimit.use(NODE);
      context.renderLimit.check(performance.now());
      const more = yield template.render(context, written);
      if (more) written.write(more);
    } catch (fault) {
      throw LiquidError.is(fault) ? fault : new RenderError(fault as Error, template);
    }
    if (context.breakCalled || context.continueCalled) break;
  }
  return written.buffer;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text for an element or a quoted attribute (HTML Living Standard §13.3). */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

function subjectText(value: unknown): string {
  const text = textOf(value);
  if (hasControl(text)) throw new BadSubject('a value in the subject has a line break or another control character');
  return text;
}

function checkPattern(pattern: unknown): void {
  if (typeof pattern === 'string' && pattern.length > MOST_PATTERN) {
    throw new WrongValue(`a text to look for has more than ${MOST_PATTERN} characters`);
  }
}

function makeEngine(output: (value: unknown) => string, isHtml: boolean): Liquid {
  const liquid = new Liquid({
    fs: NO_FILES,
    relativeReference: false,
    strictFilters: true,
    strictVariables: true,
    lenientIf: true,
    ownPropertyOnly: true,
    timezoneOffset: 0,
    locale: 'en-US',
    parseLimit: MOST_SOURCE,
    memoryLimit: BUDGET,
    renderLimit: WITHIN_MS,
    outputEscape: output,
    operators: { ...defaultOperators, contains },
  });
  liquid.renderer.renderTemplates = renderTemplates;
  const tags = new Set([...TAGS, ...MORE_TAGS]);
  for (const name of Object.keys(liquid.tags)) if (!tags.has(name)) delete liquid.tags[name];
  for (const name of Object.keys(liquid.filters)) if (!FILTERS.has(name)) liquid.unregisterFilter(name);
  boundFilters(liquid);
  liquid.registerFilter('date', dateFilter(filterOf(liquid, 'date')));
  if (isHtml) escapeByThemselves(liquid);
  return liquid;
}

/** No template leads to a file, whatever the library would look for. */
const NO_FILES = {
  exists: async () => false,
  existsSync: () => false,
  readFile: async () => '',
  readFileSync: () => '',
  resolve: () => '',
};

function contains(left: unknown, right: unknown, context: Context) {
  checkPattern(right);
  if (typeof left === 'string') context.memoryLimit.use(left.length);
  return (defaultOperators['contains'] as (left: unknown, right: unknown, context: Context) => boolean)(
    left,
    right,
    context,
  );
}

function filterOf(liquid: Liquid, name: string): Filter {
  return liquid.filters[name] as unknown as Filter;
}

function boundFilters(liquid: Liquid): void {
  for (const name of ['remove', 'remove_first', 'replace', 'replace_first', 'split']) {
    const filter = filterOf(liquid, name);
    liquid.registerFilter(name, function (this: { context: Context }, value: unknown, ...args: unknown[]) {
      checkPattern(args[0]);
      return filter.call(this, value, ...args);
    });
  }
  // The one filter by which a list holds a long text many times over: its texts are paid for, so that sorting and comparing
  // them later is bounded too.
  const concat = filterOf(liquid, 'concat');
  liquid.registerFilter('concat', function (this: { context: Context }, value: unknown, ...args: unknown[]) {
    for (const list of [value, args[0]]) if (Array.isArray(list)) this.context.memoryLimit.use(weightOf(list));
    return concat.call(this, value, ...args);
  });
}

function weightOf(list: readonly unknown[]): number {
  let weight = list.length;
  for (const member of list) if (typeof member === 'string') weight += member.length;
  return weight;
}

/** Filters that make HTML do the escaping themselves, so that `| escape` does not escape twice. */
function escapeByThemselves(liquid: Liquid): void {
  const escaped = (value: unknown): string => escapeHtml(textOf(value));
  const once = filterOf(liquid, 'escape_once');
  liquid.registerFilter('escape', { raw: true, handler: escaped });
  liquid.registerFilter('escape_once', { raw: true, handler: once });
  liquid.registerFilter('newline_to_br', {
    raw: true,
    handler(this: { context: Context }, value: unknown) {
      const text = escaped(value);
      this.context.memoryLimit.use(text.length * 2);
      return text.replace(/\r?\n/g, '<br>\n');
    },
  });
}

export const ENGINES = {
  subject: makeEngine(subjectText, false),
  html: makeEngine((value) => escapeHtml(textOf(value)), true),
  text: makeEngine(textOf, false),
} as const;
