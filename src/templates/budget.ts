/**
 * What rendering costs, so that it ends at the same place on every machine: the library counts what it writes and makes, and here
 * stands what it counts too low. A search for a long text is refused, since it is the one thing that could take quadratic time.
 */
import { type Context, defaultOperators, type Liquid } from 'liquidjs';
import { dateFilter } from './date-filter.ts';
import { filterOf } from './filter.ts';
import { WrongValue } from './wrong-value.ts';

/** Characters, list members and nodes that one rendering may use up: up to 0.1 s of a core. */
export const BUDGET = 2_000_000;
/** A tag, an output or a stretch of text that is come to, and each time a body is entered. */
const NODE = 64;
/** Behind the budget, for what it does not see: of this thread's own time, so that a busy machine refuses nothing. */
const WITHIN_MICROS = 250_000;
/** Asking for that time takes as long as a tenth of a node. */
const ASK_EVERY = 8;
/** A conversion of a date asks the language data of the runtime anew. */
const DATE = 1000;
const MOST_PATTERN = 1000;

type Operator = (left: unknown, right: unknown, context: Context) => boolean;

class OverBudget extends Error {
  override readonly name = 'OverBudget';
}

type Clock = { nodes: number; until: number };

/** Pays for one node of a rendering, whose clock starts with its first. */
export function payNode(context: Context): void {
  context.memoryLimit.use(NODE);
  const clock = context.getRegister<Clock | undefined>(CLOCK) ?? startClock(context);
  clock.nodes += 1;
  if (clock.nodes % ASK_EVERY === 0 && spentMicros() > clock.until) throw new OverBudget('it takes too long');
}

const CLOCK = '#clock';

function startClock(context: Context): Clock {
  return context.setRegister(CLOCK, { nodes: 0, until: spentMicros() + WITHIN_MICROS });
}

function spentMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** Characters of a text, members of a list and their characters. */
function weightOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (!Array.isArray(value)) return 1;
  let weight = value.length;
  for (const member of value) if (typeof member === 'string') weight += member.length;
  return weight;
}

function checkPattern(pattern: unknown): void {
  if (typeof pattern === 'string' && pattern.length > MOST_PATTERN) {
    throw new WrongValue(`a text to look for has more than ${MOST_PATTERN} characters`);
  }
}

function comparing(name: string): Operator {
  const compare = defaultOperators[name] as Operator;
  const isSearch = name === 'contains';
  return (left, right, context) => {
    if (isSearch) checkPattern(right);
    const weight = weightOf(left) + weightOf(right);
    context.memoryLimit.use(isSearch || typeof left !== 'string' ? weight : Math.ceil(weight / 16));
    return compare(left, right, context);
  };
}

export const OPERATORS = {
  ...defaultOperators,
  ...Object.fromEntries(['==', '!=', '<', '>', '<=', '>=', 'contains'].map((name) => [name, comparing(name)])),
};

/** How much more each takes, for the weight of its value and its first argument. */
const DEARER: readonly (readonly [name: string, times: number])[] = [
  // By it alone a list comes to hold a long text many times over; what is done with the list later is bounded by that.
  ['concat', 1],
  ['sort', 8],
  ['sort_natural', 8],
  ['sum', 2],
  ['truncatewords', 2],
  ['uniq', 2],
  ['url_decode', 1],
  ['url_encode', 1],
  ['where', 24],
];

export function boundFilters(liquid: Liquid): void {
  const wrap = (name: string, before: (value: unknown, first: unknown, context: Context) => void): void => {
    const filter = filterOf(liquid, name);
    liquid.registerFilter(name, function (this: { context: Context }, value: unknown, ...args: unknown[]) {
      before(value, args[0], this.context);
      return filter.call(this, value, ...args);
    });
  };
  for (const name of ['remove', 'remove_first', 'replace', 'replace_first', 'split']) {
    wrap(name, (_value, pattern) => checkPattern(pattern));
  }
  for (const [name, times] of DEARER) {
    wrap(name, (value, first, { memoryLimit }) => memoryLimit.use((weightOf(value) + weightOf(first)) * times));
  }
  liquid.registerFilter('date', dateFilter(filterOf(liquid, 'date')));
  wrap('date', (_value, format, { memoryLimit }) => memoryLimit.use(DATE * String(format ?? '').split('%').length));
}
