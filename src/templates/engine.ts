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
import { type Context, type Emitter, Liquid, LiquidError, RenderError, type Template, Token } from 'liquidjs';
import { hasControl } from '../base/text.ts';
import { BUDGET, boundFilters, OPERATORS, payNode } from './budget.ts';
import { filterOf } from './filter.ts';
import { lineAt, lineStartsOf } from './lines.ts';
import { BadSubject, WrongValue } from './wrong-value.ts';

/** Characters that one part of a template may have. */
export const MOST_SOURCE = 131_072;
/** Outputs and tags that one part may have: reading that many takes some 50 ms. */
export const MOST_CONSTRUCTS = 5000;

const TAGS = new Set(
  'assign break capture case comment continue cycle decrement echo for if increment # liquid raw unless'.split(' '),
);
const FILTERS = new Set(
  (
    'abs append at_least at_most capitalize ceil compact concat date default divided_by downcase escape escape_once first ' +
    'floor join json last lstrip map minus modulo newline_to_br normalize_whitespace plus prepend raw remove remove_first ' +
    'replace replace_first reverse round rstrip size slice sort sort_natural split squish strip strip_html strip_newlines ' +
    'sum times truncate truncatewords uniq upcase url_decode url_encode where'
  ).split(' '),
);

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
  payNode(context);
  for (const template of templates) {
    try {
      payNode(context);
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
    outputEscape: output,
    operators: OPERATORS,
  });
  liquid.renderer.renderTemplates = renderTemplates;
  for (const name of Object.keys(liquid.tags)) if (!TAGS.has(name)) delete liquid.tags[name];
  for (const name of Object.keys(liquid.filters)) if (!FILTERS.has(name)) liquid.unregisterFilter(name);
  boundFilters(liquid);
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

let positionsOf = '';
let lineStarts: number[] = [];

/**
 * Line and column of a token, both from 1. The library walks the source anew for each one, which takes minutes where a source
 * has tens of thousands; here the lines of the source at hand are found once.
 */
Token.prototype.getPosition = function (this: Token): [line: number, column: number] {
  if (positionsOf !== this.input) {
    positionsOf = this.input;
    lineStarts = lineStartsOf(positionsOf);
  }
  const line = lineAt(lineStarts, this.begin);
  return [line + 1, this.begin - lineStarts[line]! + 1];
};

export const ENGINES = {
  subject: makeEngine(subjectText, false),
  html: makeEngine((value) => escapeHtml(textOf(value)), true),
  text: makeEngine(textOf, false),
} as const;
