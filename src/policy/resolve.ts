/**
 * What is in force when several documents meet: the default, the plan's limits and the operator's document for the tenant each
 * replace what they name; the tenant's own document is added and can only tighten.
 */
import type { EffectiveDocument, LimitDocument, PolicyDocument } from './document.ts';

/** In which direction a field is stricter. `none`: only the operator may change it. */
export type Stricter = 'lower' | 'higher' | 'true' | 'none' | readonly (string | boolean)[];

/** Path of each scalar field, and its stricter direction; a list goes from lenient to strict. */
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
  'content.review': ['never', 'suspicious', 'always'],
};

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `over` replaces what it names in `base`; limits match by name. */
export function replaceNamed(base: EffectiveDocument, over: PolicyDocument): EffectiveDocument {
  const result: Tree = { ...base };
  for (const [section, value] of Object.entries(over)) {
    if (value === undefined) continue;
    if (section === 'limits' || section === 'request_rate') {
      result[section] = replaceLimits(base[section], value as LimitDocument[]);
    } else result[section] = isTree(value) ? { ...(result[section] as Tree), ...value } : value;
  }
  return result as EffectiveDocument;
}

function replaceLimits(base: readonly LimitDocument[], over: readonly LimitDocument[]): LimitDocument[] {
  const names = new Set(over.map((limit) => limit.name));
  return [...base.filter((limit) => !names.has(limit.name)), ...over];
}

function sameWindow(a: LimitDocument, b: LimitDocument): boolean {
  return (
    a.scope === b.scope &&
    a.window === b.window &&
    (a.per ?? 'second') === (b.per ?? 'second') &&
    (a.unit ?? 'recipient') === (b.unit ?? 'recipient')
  );
}

/**
 * The tenant's limits beside the inherited ones. One that measures the same thing under the same name keeps the smaller
 * numbers; any other stands beside, under a name of its own.
 */
function addLimits(base: readonly LimitDocument[], own: readonly LimitDocument[]): LimitDocument[] {
  const result = [...base];
  for (const limit of own) {
    const index = result.findIndex((inherited) => inherited.name === limit.name);
    const inherited = result[index];
    if (inherited === undefined) result.push(limit);
    else if (sameWindow(inherited, limit)) result[index] = tighterLimit(inherited, limit);
    else result.push({ ...limit, name: `own_${limit.name}` });
  }
  return result;
}

function tighterLimit(a: LimitDocument, b: LimitDocument): LimitDocument {
  return {
    ...a,
    max: Math.min(a.max, b.max),
    burst: a.burst === undefined && b.burst === undefined ? undefined : Math.min(a.burst ?? a.max, b.burst ?? b.max),
    reset_on_reply: (a.reset_on_reply ?? false) && (b.reset_on_reply ?? false),
  };
}

/** The stricter of two values of a field. */
function stricter(direction: Stricter, base: unknown, own: unknown): unknown {
  if (direction === 'none') return base;
  if (direction === 'true') return base === true || own === true;
  if (direction === 'lower' || direction === 'higher') {
    if (base === null || base === undefined) return own;
    if (own === null || own === undefined) return base;
    return direction === 'lower' ? Math.min(base as number, own as number) : Math.max(base as number, own as number);
  }
  return direction.indexOf(own as string) > direction.indexOf(base as string) ? own : base;
}

function directionOf(path: string): Stricter {
  return STRICTER[path] ?? STRICTER[path.replace(/\.[^.]+$/, '.*')] ?? 'none';
}

function tighten(base: unknown, own: unknown, path: string): unknown {
  if (Array.isArray(own)) return Array.isArray(base) ? [...new Set([...base, ...own])] : own;
  if (isTree(own)) {
    const result: Tree = { ...(isTree(base) ? base : {}) };
    for (const [name, value] of Object.entries(own)) {
      if (value !== undefined) result[name] = tighten(result[name], value, path === '' ? name : `${path}.${name}`);
    }
    return result;
  }
  return stricter(directionOf(path), base, own);
}

export function effectiveDocument(
  defaults: EffectiveDocument,
  replacing: readonly PolicyDocument[],
  own: PolicyDocument,
): EffectiveDocument {
  const inherited = replacing.reduce(replaceNamed, defaults);
  const { limits, request_rate, ...sections } = own;
  const tightened = tighten(inherited, sections, '') as EffectiveDocument;
  return {
    ...tightened,
    limits: addLimits(inherited.limits, limits ?? []),
    request_rate: addLimits(inherited.request_rate, request_rate ?? []),
  };
}

/** Whether putting `next` in place of `previous` loosens anything: a tenant needs a person's key for that. */
export function loosens(
  defaults: EffectiveDocument,
  replacing: readonly PolicyDocument[],
  previous: PolicyDocument,
  next: PolicyDocument,
): boolean {
  const after = effectiveDocument(defaults, replacing, next);
  // Nothing is loosened exactly when the previous document, added to what is in force then, changes nothing. Whom to tell
  // is no control.
  const { notify: _notify, ...controls } = previous;
  return canonical(effectiveDocument(after, [], controls)) !== canonical(after);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).sort().join(',')}]`;
  if (!isTree(value)) return JSON.stringify(value ?? null);
  return `{${Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
    .join(',')}}`;
}
