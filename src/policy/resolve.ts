/**
 * What is in force when several documents meet: the default, the plan's limits and the operator's document for the tenant each
 * replace what they name; the tenant's own document is added and can only tighten. And which changes of the own document
 * loosen it, so that a person must make them.
 *
 * Invariants: nothing in force is looser than what was inherited; adding a document a second time changes nothing; a change
 * that loosens nothing in the own document loosens nothing in force, whatever is or will be inherited.
 */
import { isLintName, LINTS } from '../core/lints.ts';
import type { EffectiveDocument, LimitDocument, PolicyDocument } from './document.ts';

/**
 * In which direction a field is stricter. `none`: only the operator may change it. A list of words goes from lenient to strict.
 * For a list of entries `higher` means: more of them; those inherited stay.
 */
export type Stricter = 'lower' | 'higher' | 'true' | 'none' | readonly (string | boolean)[];

/** Path of each field but limits, and its stricter direction. */
export const STRICTER: Readonly<Record<string, Stricter>> = {
  'cooldown.per': ['recipient_and_template', 'recipient'],
  'cooldown.seconds': 'higher',
  'templates.require_approval': 'true',
  'templates.lint.*': ['off', 'warn', 'error'],
  'consent.marketing': ['off', 'recorded', 'required'],
  role_accounts: ['allow', 'marketing', 'block'],
  'opportunity.block': 'true',
  'leases.enforce': 'true',
  'approvals.mode': ['none', 'first_contact', 'all'],
  'approvals.expires_after': 'none',
  'risk_budget.window': 'none',
  'risk_budget.min_sample': 'lower',
  'risk_budget.max_bounce_rate': 'lower',
  'risk_budget.max_complaint_rate': 'lower',
  'negative_signals.window': 'none',
  'negative_signals.max': 'lower',
  'quarantine.mode': ['off', 'warn', 'enforce'],
  'quarantine.warn_at': 'lower',
  'quarantine.threshold': 'lower',
  'quarantine.release_after': 'none',
  'senders.require_verified_domain': ['never', 'auto', 'always'],
  'uncertain.transactional': ['resend', 'hold'],
  'uncertain.marketing': ['resend', 'hold'],
  'disengaged.after_sends': 'lower',
  'disengaged.days': 'lower',
  'tracking.open': [true, false],
  'tracking.click': [true, false],
  // Nobody is tracked by it, and a tenant may ask for it by itself.
  'tracking.reply': [false, true],
  'content.canaries': 'higher',
  'content.review': ['never', 'suspicious', 'always'],
  'warmup.scope': 'none',
  'warmup.start': 'lower',
  'warmup.factor_percent': 'lower',
  'warmup.every_days': 'higher',
  'warmup.days': 'higher',
  'retention.idempotency_seconds': 'higher',
  notify: 'higher',
};

/** The same for the fields of a limit: what it measures cannot be changed by adding another. */
export const LIMIT_STRICTER: Readonly<Record<keyof LimitDocument, Stricter>> = {
  name: 'none',
  scope: 'none',
  window: 'none',
  per: 'none',
  unit: 'none',
  max: 'lower',
  burst: 'lower',
  reset_on_reply: [true, false],
};

const LIMIT_LISTS = ['limits', 'request_rate'] as const;
type LimitList = (typeof LIMIT_LISTS)[number];

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A member of its own: a lint may be called "constructor". */
function member(tree: unknown, name: string): unknown {
  return isTree(tree) && Object.hasOwn(tree, name) ? tree[name] : undefined;
}

export function directionOf(path: string): Stricter {
  return STRICTER[path] ?? STRICTER[path.replace(/\.[^.]+$/, '.*')] ?? 'none';
}

/** A limit with nothing left to be understood. */
function wholeLimit<S extends string>(limit: LimitDocument<S>, list: LimitList): LimitDocument<S> {
  const { name, scope, window, max } = limit;
  const unit = list === 'limits' ? { unit: limit.unit ?? 'recipient' } : {};
  const rate = window === 'rate' ? { per: limit.per ?? 'second', burst: limit.burst ?? max } : {};
  const reset = limit.reset_on_reply === true ? { reset_on_reply: true } : {};
  return { name, scope, window, ...unit, max, ...rate, ...reset };
}

function wholeLimits(document: PolicyDocument, list: LimitList): LimitDocument<string>[] {
  const limits: readonly LimitDocument<string>[] = document[list] ?? [];
  return limits.map((limit) => wholeLimit(limit, list));
}

/** `over` replaces what it names in `base`; limits match by name. */
export function replaceNamed(base: EffectiveDocument, over: PolicyDocument): EffectiveDocument {
  const { limits, request_rate, ...sections } = over;
  return {
    ...(replaceTree(base, sections) as EffectiveDocument),
    limits: replaceLimits(base.limits, limits ?? [], 'limits'),
    request_rate: replaceLimits(base.request_rate, request_rate ?? [], 'request_rate'),
  };
}

function replaceTree(base: Tree, over: Tree): Tree {
  const result: Tree = { ...base };
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const inherited = member(result, name);
    result[name] = isTree(value) ? replaceTree(isTree(inherited) ? inherited : {}, value) : value;
  }
  return result;
}

function replaceLimits<S extends string>(
  base: readonly LimitDocument<S>[],
  over: readonly LimitDocument<S>[],
  list: LimitList,
): LimitDocument<S>[] {
  const names = new Set(over.map((limit) => limit.name));
  return [...base.filter((limit) => !names.has(limit.name)), ...over.map((limit) => wholeLimit(limit, list))];
}

/** Whether two whole limits count the same units in the same window. */
function measureAlike(a: LimitDocument<string>, b: LimitDocument<string>): boolean {
  return a.scope === b.scope && a.window === b.window && a.per === b.per && a.unit === b.unit;
}

/** The name under which an own limit stands among others: the first that is free or measures the same. */
function placeOf(limits: ReadonlyMap<string, LimitDocument<string>>, limit: LimitDocument<string>): string {
  let { name } = limit;
  for (;;) {
    const there = limits.get(name);
    if (there === undefined || measureAlike(there, limit)) return name;
    name = `own_${name}`;
  }
}

const byName = <S extends string>(limits: readonly LimitDocument<S>[]): Map<string, LimitDocument<S>> =>
  new Map(limits.map((limit) => [limit.name, limit]));

/**
 * The tenant's limits beside the inherited ones. One that measures the same under the same name keeps the smaller numbers;
 * any other stands beside.
 */
function addLimits<S extends string>(
  base: readonly LimitDocument<S>[],
  own: readonly LimitDocument<S>[],
  list: LimitList,
): LimitDocument<S>[] {
  const result = byName(base);
  for (const limit of own.map((given) => wholeLimit(given, list))) {
    const name = placeOf(result, limit);
    const there = result.get(name);
    result.set(name, there === undefined ? { ...limit, name } : tighterLimit(there, limit));
  }
  return [...result.values()];
}

function tighterLimit<S extends string>(a: LimitDocument<S>, b: LimitDocument<S>): LimitDocument<S> {
  const { burst, reset_on_reply, ...rest } = a;
  return {
    ...rest,
    max: Math.min(a.max, b.max),
    ...(burst === undefined ? {} : { burst: Math.min(burst, b.burst ?? b.max) }),
    ...(reset_on_reply === true && b.reset_on_reply === true ? { reset_on_reply: true } : {}),
  };
}

/** The stricter of two values of a field. */
function stricter(direction: Stricter, base: unknown, own: unknown): unknown {
  if (direction === 'none') return base;
  if (direction === 'true') return base === true || own === true;
  if (Array.isArray(own)) return [...new Set([...(Array.isArray(base) ? base : []), ...own])];
  if (direction === 'lower' || direction === 'higher') {
    if (base === null || base === undefined) return own;
    if (own === null || own === undefined) return base;
    return direction === 'lower' ? Math.min(base as number, own as number) : Math.max(base as number, own as number);
  }
  return direction.indexOf(own as string) > direction.indexOf(base as string) ? own : base;
}

/** What a field holds that no document names: a lint has a level of its own, which is inherited as any other. */
function implied(path: string, name: string): unknown {
  return path === 'templates.lint' && isLintName(name) ? LINTS[name].level : undefined;
}

/** Adds a tree of fields to another, field by field the stricter. */
function tightenTree(base: Tree, own: Tree, path: string): Tree {
  const result: Tree = { ...base };
  for (const [name, value] of Object.entries(own)) {
    if (value === undefined) continue;
    const place = path === '' ? name : `${path}.${name}`;
    const named = member(result, name);
    const inherited = named === undefined ? implied(path, name) : named;
    if (!isTree(value)) result[name] = stricter(directionOf(place), inherited, value);
    else {
      const inner = tightenTree(isTree(inherited) ? inherited : {}, value, place);
      if (inherited !== undefined || Object.keys(inner).length > 0) result[name] = inner;
    }
    if (result[name] === undefined) delete result[name];
  }
  return result;
}

export function effectiveDocument(
  defaults: EffectiveDocument,
  replacing: readonly PolicyDocument[],
  own: PolicyDocument,
): EffectiveDocument {
  const inherited = replacing.reduce(replaceNamed, replaceNamed(defaults, { limits: defaults.limits }));
  const { limits, request_rate, ...sections } = own;
  return {
    ...(tightenTree(inherited, sections, '') as EffectiveDocument),
    limits: addLimits(inherited.limits, limits ?? [], 'limits'),
    request_rate: addLimits(inherited.request_rate, request_rate ?? [], 'request_rate'),
  };
}

/**
 * What putting `next` in place of the own document `previous` would loosen, as paths (`limits.daily.max`); nothing when it only
 * tightens. The documents are compared by themselves: what is inherited today may be looser tomorrow. Whom to tell (`notify`)
 * is no control.
 */
export function loosened(previous: PolicyDocument, next: PolicyDocument): string[] {
  const found: string[] = [];
  for (const list of LIMIT_LISTS) {
    const after = wholeLimits(next, list);
    for (const limit of wholeLimits(previous, list)) found.push(...loosenedLimit(limit, after, list));
  }
  const { limits: _limits, request_rate: _requests, notify: _notify, ...sections } = previous;
  findLoosened(sections, next, '', found);
  return found;
}

function loosenedLimit(limit: LimitDocument<string>, after: readonly LimitDocument<string>[], list: string): string[] {
  const alike = after.filter((other) => measureAlike(other, limit));
  if (alike.some((other) => looserFields(limit, other).length === 0)) return [];
  const path = `${list}.${limit.name}`;
  const same = alike.find((other) => other.name === limit.name);
  return same === undefined ? [path] : looserFields(limit, same).map((field) => `${path}.${field}`);
}

/** In which numbers `next` lets more through than `limit`, of two that measure the same. */
function looserFields(limit: LimitDocument<string>, next: LimitDocument<string>): string[] {
  const found: string[] = [];
  if (next.max > limit.max) found.push('max');
  if ((next.burst ?? 0) > (limit.burst ?? 0)) found.push('burst');
  if (next.reset_on_reply === true && limit.reset_on_reply !== true) found.push('reset_on_reply');
  return found;
}

function findLoosened(previous: Tree, next: unknown, path: string, found: string[]): void {
  for (const [name, value] of Object.entries(previous)) {
    const place = path === '' ? name : `${path}.${name}`;
    const after = member(next, name);
    if (isTree(value)) findLoosened(value, after, place, found);
    else if (isLooser(directionOf(place), value, after)) found.push(place);
  }
}

/** Whether a field that held `previous` holds something less strict now; absent is the least strict. */
function isLooser(direction: Stricter, previous: unknown, next: unknown): boolean {
  if (direction === 'none' || previous === undefined) return false;
  if (direction === 'true') return previous === true && next !== true;
  if (Array.isArray(previous)) return !previous.every((entry) => Array.isArray(next) && next.includes(entry));
  if (direction === 'lower') return previous !== null && (typeof next !== 'number' || next > (previous as number));
  if (direction === 'higher') return previous !== null && previous !== 0 && !(Number(next ?? 0) >= Number(previous));
  return Math.max(0, direction.indexOf(next as string)) < direction.indexOf(previous as string);
}

/** Fields of the own document that do not show in what is in force: a stricter value, or the operator alone, rules there. */
export function overruled(own: PolicyDocument, inForce: EffectiveDocument): string[] {
  const found: string[] = [];
  for (const list of LIMIT_LISTS) {
    const ruled = byName<string>(inForce[list]);
    for (const limit of wholeLimits(own, list)) {
      const ruling = ruled.get(placeOf(ruled, limit));
      if (ruling !== undefined) {
        for (const field of looserFields(ruling, limit)) found.push(`${list}.${limit.name}.${field}`);
      }
    }
  }
  const { limits: _limits, request_rate: _requests, ...sections } = own;
  findOverruled(sections, inForce, '', found);
  return found;
}

function findOverruled(own: Tree, inForce: unknown, path: string, found: string[]): void {
  for (const [name, value] of Object.entries(own)) {
    const place = path === '' ? name : `${path}.${name}`;
    const ruling = member(inForce, name);
    if (isTree(value)) findOverruled(value, ruling, place, found);
    else if (!Array.isArray(value) && value !== ruling) found.push(place);
  }
}
