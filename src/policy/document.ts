/**
 * The policy document: what an operator and a tenant may set, what is in force when several documents meet, and in which
 * direction each field is stricter. Reading a document answers with every fault at once; nothing here throws.
 *
 * In force is: the default, the plan's limits, the operator's document for the tenant (each replaces what it names), then the
 * tenant's own, which is added and can only tighten.
 */
import { parseDuration } from '../core/duration.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { DAY_SECONDS } from './series.ts';
import { type CountedWindow, parseWindow, type Window, windowSpan } from './windows.ts';

export const LIMIT_SCOPES = [
  'tenant',
  'app',
  'installation',
  'identity',
  'mailbox',
  'provider',
  'agent',
  'recipient',
  'recipient_domain',
] as const;
export type LimitScope = (typeof LIMIT_SCOPES)[number];
export type LimitUnit = 'message' | 'recipient';

/** Of a request nothing else is known. `address`: each address that requests come from, of IPv6 each /64. */
export const REQUEST_SCOPES = ['tenant', 'app', 'installation', 'key', 'address'] as const;
export type RequestScope = (typeof REQUEST_SCOPES)[number];

/** A limit as written in a document. */
export type LimitDocument<S extends string = LimitScope> = {
  name: string;
  scope: S;
  window: string;
  per?: 'second' | 'minute';
  unit?: LimitUnit;
  max: number;
  burst?: number;
  reset_on_reply?: boolean;
};

export type PolicyDocument = {
  limits?: LimitDocument[];
  request_rate?: LimitDocument<RequestScope>[];
  cooldown?: { per?: 'recipient' | 'recipient_and_template'; seconds?: number };
  templates?: { require_approval?: boolean; lint?: Record<string, 'off' | 'warn' | 'error'> };
  consent?: { marketing?: 'off' | 'recorded' | 'required' };
  role_accounts?: 'allow' | 'marketing' | 'block';
  opportunity?: { block?: boolean };
  leases?: { enforce?: boolean };
  approvals?: { mode?: 'none' | 'first_contact' | 'all'; expires_after?: string };
  risk_budget?: {
    window?: string;
    min_sample?: number;
    max_bounce_rate?: number;
    max_complaint_rate?: number;
  };
  negative_signals?: { window?: string; max?: number };
  quarantine?: {
    mode?: 'off' | 'warn' | 'enforce';
    warn_at?: number;
    threshold?: number;
    release_after?: string | null;
    signals?: Record<string, unknown>;
  };
  senders?: { require_verified_domain?: 'never' | 'auto' | 'always' };
  uncertain?: { transactional?: 'resend' | 'hold'; marketing?: 'resend' | 'hold' };
  disengaged?: { after_sends?: number | null; days?: number };
  tracking?: { open?: boolean; click?: boolean; reply?: boolean };
  notify?: string[];
  content?: { canaries?: string[]; review?: 'never' | 'suspicious' | 'always' };
  warmup?: {
    scope?: 'identity' | 'tenant';
    start?: number;
    factor_percent?: number;
    every_days?: number;
    days?: number;
  };
  retention?: Record<string, unknown>;
};

export const POLICY_DEFAULTS = {
  limits: [],
  request_rate: [],
  cooldown: { per: 'recipient', seconds: 0 },
  templates: { require_approval: false, lint: { spam_phrase: 'warn' } },
  consent: { marketing: 'recorded' },
  role_accounts: 'allow',
  opportunity: { block: true },
  leases: { enforce: true },
  approvals: { mode: 'none', expires_after: 'PT24H' },
  risk_budget: { window: 'rolling_24h', min_sample: 50, max_bounce_rate: 0.08, max_complaint_rate: 0.003 },
  negative_signals: { window: 'rolling_24h', max: 50 },
  quarantine: { mode: 'enforce', warn_at: 60, threshold: 100, release_after: null, signals: {} },
  senders: { require_verified_domain: 'auto' },
  uncertain: { transactional: 'resend', marketing: 'hold' },
  disengaged: { after_sends: null, days: 180 },
  tracking: { open: false, click: false, reply: false },
  notify: [],
  content: { canaries: [], review: 'never' },
  warmup: {},
  retention: {},
} satisfies PolicyDocument;

/** The whole document with nothing left out: what is in force. */
export type EffectiveDocument = Required<{ [K in keyof typeof POLICY_DEFAULTS]: NonNullable<PolicyDocument[K]> }>;

/** A limit ready for deciding. */
export type Limit = {
  name: string;
  scope: LimitScope;
  window: Window;
  /** As written: `rolling_24h`, `calendar_day`, `rate`. */
  windowName: string;
  unit: LimitUnit;
  max: number;
  burst: number;
  resetOnReply: boolean;
  reason: ReasonCode;
  /** The warm-up that the limit stands for: its maximum is that of one day, and grows. Else null. */
  warmup: Warmup | null;
  /** What `max` is without the probation that has reduced it. */
  full?: number;
  /** Departures up to this second do not count in it. */
  forgetsUntil?: number;
};

/** How a new sender's places grow: the places of each day of its warm-up. */
export type Warmup = { scope: 'identity' | 'tenant'; places: readonly number[] };

/** Bad signs: as a share of what was sent, and as a plain number. */
export type Budgets = {
  rates: { window: CountedWindow; minSample: number; maxBounceRate: number; maxComplaintRate: number };
  number: { window: CountedWindow; max: number };
  /** How long signs are kept. */
  horizonSeconds: number;
};

/** A policy in force: its document, its number (which verdicts keep), and its limits in reading form. */
export type Policy = {
  version: number;
  document: EffectiveDocument;
  /** Limits of scopes that the whole message has: tenant, app, installation, identity, agent. */
  messageLimits: readonly Limit[];
  /** Limits of a recipient or its domain. */
  recipientLimits: readonly Limit[];
  cooldownSeconds: number;
  /** Limits of mailboxes and providers: they keep mail from some ways out, and from none where another has room. */
  routedLimits: readonly Limit[];
  /** How long what mailboxes and providers carried is kept. */
  routedSeconds: number;
  /** What a cooldown stands between. */
  cooldownScope: 'recipient' | 'recipient_template';
  budgets: Budgets;
  /** Departures without a sign of life after which sending to a person stops, and how long ago a sign still counts; or null. */
  disengaged: { afterSends: number; days: number } | null;
  /** Whether some rule counts what nobody has answered. */
  countsSilence: boolean;
  warmup: Warmup | null;
  /** How long an approval may wait for its decision. */
  approvalMs: number;
  /** The series that windowed limits read, each with the longest span any of them needs. */
  tracks: readonly Track[];
  rates: readonly Limit[];
};

/** What is counted: for limits by their scope, for a cooldown of each template by person and template. */
export type CounterScope = LimitScope | 'recipient_template';

/** Departures of one scope in one unit, kept for `horizonSeconds`. */
export type Track = { scope: CounterScope; unit: LimitUnit; horizonSeconds: number };

/** The reason a full limit gives follows from its scope, then its window. */
function reasonOfLimit(scope: LimitScope, window: Window): ReasonCode {
  if (scope === 'recipient') return 'recipient_frequency_exceeded';
  if (scope === 'recipient_domain') return 'recipient_domain_throttled';
  if (scope === 'identity') return 'identity_cap_exceeded';
  if (scope === 'mailbox' || scope === 'provider') return 'mailboxes_exhausted';
  if (window.kind === 'rate') return 'send_rate_exceeded';
  if (window.kind === 'calendar') {
    if (window.period === 'month') return 'monthly_quota_exceeded';
    return window.period === 'hour' ? 'hourly_quota_exceeded' : 'daily_quota_exceeded';
  }
  return window.seconds <= 3600 ? 'hourly_quota_exceeded' : 'daily_quota_exceeded';
}

export function compileLimit(document: LimitDocument): Limit {
  const window = parseWindow(document.window, document.per);
  if (window === null) throw new Error(`limit ${document.name} was stored with an unreadable window`);
  return {
    name: document.name,
    scope: document.scope,
    window,
    windowName: document.window,
    unit: document.unit ?? 'recipient',
    max: document.max,
    burst: document.burst ?? document.max,
    // A reply is one person's: it resets what is counted for that person only.
    resetOnReply: document.scope === 'recipient' && document.reset_on_reply === true,
    reason: reasonOfLimit(document.scope, window),
    warmup: null,
  };
}

const DAY_MS = 86_400_000;
const RECIPIENT_SCOPES: readonly LimitScope[] = ['recipient', 'recipient_domain'];
const ROUTED_SCOPES: readonly LimitScope[] = ['mailbox', 'provider'];

/** Makes a document in force ready for deciding. */
export function compilePolicy(version: number, document: EffectiveDocument): Policy {
  const all = document.limits.map(compileLimit);
  const limits = all.filter((limit) => !ROUTED_SCOPES.includes(limit.scope));
  const budgets = compileBudgets(document);
  const { after_sends: afterSends, days } = document.disengaged;
  const disengaged = typeof afterSends === 'number' ? { afterSends, days: days ?? 0 } : null;
  const parts = {
    cooldownSeconds: document.cooldown.seconds ?? 0,
    cooldownScope: (document.cooldown.per === 'recipient_and_template'
      ? 'recipient_template'
      : 'recipient') as Policy['cooldownScope'],
    budgets,
    disengaged,
    warmup: compileWarmup(document.warmup),
  };
  return {
    version,
    document,
    messageLimits: limits.filter((limit) => !RECIPIENT_SCOPES.includes(limit.scope)),
    recipientLimits: limits.filter((limit) => RECIPIENT_SCOPES.includes(limit.scope)),
    routedSeconds: Math.max(2 * DAY_SECONDS, ...all.map(({ scope, window }) => routedSpan(scope, window))),
    // A message leaves by as many ways as it has recipients, so here each of them counts whatever the unit.
    routedLimits: all
      .filter((limit) => ROUTED_SCOPES.includes(limit.scope))
      .map((limit) => ({ ...limit, unit: 'recipient' as const })),
    approvalMs: parseDuration(document.approvals.expires_after ?? '')?.ms ?? DAY_MS,
    ...parts,
    countsSilence: disengaged !== null || limits.some((limit) => limit.resetOnReply),
    tracks: tracksOf(limits, parts),
    rates: limits.filter((limit) => limit.window.kind === 'rate'),
  };
}

function routedSpan(scope: LimitScope, window: Window): number {
  return ROUTED_SCOPES.includes(scope) ? windowSpan(window) : 0;
}

function countedWindow(name: string | undefined): CountedWindow {
  const window = parseWindow(name ?? 'rolling_24h');
  if (window === null || window.kind === 'rate') throw new Error(`a budget was stored with the window ${name}`);
  return window;
}

function compileBudgets({ risk_budget: rates, negative_signals: number }: EffectiveDocument): Budgets {
  const windows = [countedWindow(rates.window), countedWindow(number.window)] as const;
  return {
    rates: {
      window: windows[0],
      minSample: rates.min_sample ?? 1,
      maxBounceRate: rates.max_bounce_rate ?? 1,
      maxComplaintRate: rates.max_complaint_rate ?? 1,
    },
    number: { window: windows[1], max: number.max ?? Number.MAX_SAFE_INTEGER },
    horizonSeconds: Math.max(...windows.map(windowSpan)),
  };
}

/** More places than any sender fills. */
const MOST_PLACES = 1_000_000_000;
const WARMUP_DEFAULTS = { scope: 'identity', factor_percent: 150, every_days: 1, days: 14 } as const;

/** Without a number to start from nothing is warmed up. */
function compileWarmup(document: EffectiveDocument['warmup']): Warmup | null {
  if (document.start === undefined) return null;
  const { scope, factor_percent, every_days, days } = { ...WARMUP_DEFAULTS, ...document };
  return {
    scope,
    places: warmupPlaces({ start: document.start, factorPercent: factor_percent, everyDays: every_days, days }),
  };
}

/** How a warm-up grows: from `start` places, each step `factorPercent` / 100 times the one before. */
export type Ramp = { start: number; factorPercent: number; everyDays: number; days: number };

/** The usual ramp of a mailbox. */
export const RAMP_DEFAULTS: Ramp = { start: 20, factorPercent: 150, everyDays: 1, days: 14 };

/** The places of each of its days. */
export function warmupPlaces({ start, factorPercent, everyDays, days }: Ramp): number[] {
  const places: number[] = [];
  let today = start;
  for (let day = 0; day < days; day += 1) {
    // A step grows by one place at least, or small starts would stand still.
    const next = Math.max(Math.floor((today * factorPercent) / 100), factorPercent > 100 ? today + 1 : today);
    if (day > 0 && day % everyDays === 0) today = Math.min(MOST_PLACES, next);
    places.push(today);
  }
  return places;
}

/** A person's silence is counted for as long as any window reaches. */
const SILENCE_SECONDS = 366 * DAY_SECONDS;

/**
 * Departures to a contact are always kept, since cooldowns and returns ask for the last one; those of the tenant, since bad
 * signs are set against them.
 */
function tracksOf(
  limits: readonly Limit[],
  {
    cooldownSeconds,
    cooldownScope,
    budgets,
    disengaged,
    warmup,
  }: Pick<Policy, 'cooldownSeconds' | 'cooldownScope' | 'budgets' | 'disengaged' | 'warmup'>,
): Track[] {
  const contactSeconds = Math.max(cooldownSeconds, disengaged === null ? 0 : SILENCE_SECONDS);
  const tracks: Track[] = [
    { scope: 'recipient', unit: 'recipient', horizonSeconds: contactSeconds },
    { scope: 'tenant', unit: 'recipient', horizonSeconds: windowSpan(budgets.rates.window) },
  ];
  if (cooldownScope !== 'recipient' && cooldownSeconds > 0) {
    tracks.push({ scope: cooldownScope, unit: 'recipient', horizonSeconds: cooldownSeconds });
  }
  if (warmup?.scope === 'identity') tracks.push({ scope: 'identity', unit: 'recipient', horizonSeconds: DAY_SECONDS });
  for (const { scope, unit, window } of limits) {
    // A rate in the unit `message` needs its series too: it says whether the message counts already.
    if (window.kind === 'rate' && unit === 'recipient') continue;
    const known = tracks.find((track) => track.scope === scope && track.unit === unit);
    if (known === undefined) tracks.push({ scope, unit, horizonSeconds: windowSpan(window) });
    else known.horizonSeconds = Math.max(known.horizonSeconds, windowSpan(window));
  }
  return tracks;
}

const capped = new WeakMap<Policy, Map<number, Policy>>();

/** The policy with an identity's own daily cap as one more limit. The cap is a fact, so verdicts stay reproducible. */
export function withIdentityCap(policy: Policy, cap: number | null): Policy {
  return cap === null ? policy : widened(capped, policy, cap, capPolicy);
}

function capPolicy(policy: Policy, cap: number): Policy {
  const limit = compileLimit({ name: 'identity_cap', scope: 'identity', window: 'calendar_day', max: cap });
  return withLimits(policy, [...policy.messageLimits, limit], policy.recipientLimits);
}

const warming = new WeakMap<Policy, Map<number, Policy>>();

/** The policy with the places of one day of a warm-up, a fact too, as one more limit. */
export function withWarmup(policy: Policy, places: number | null): Policy {
  return places === null || policy.warmup === null ? policy : widened(warming, policy, places, warmPolicy);
}

function warmPolicy(policy: Policy, places: number): Policy {
  const scope = policy.warmup?.scope ?? 'identity';
  const limit = compileLimit({ name: 'warmup_places', scope, window: 'calendar_day', max: places });
  const warm: Limit = { ...limit, reason: 'warmup_limit_exceeded', warmup: policy.warmup };
  return withLimits(policy, [...policy.messageLimits, warm], policy.recipientLimits);
}

/** Made once for each number. */
function widened(
  known: WeakMap<Policy, Map<number, Policy>>,
  policy: Policy,
  number: number,
  make: (policy: Policy, number: number) => Policy,
): Policy {
  let ofPolicy = known.get(policy);
  if (ofPolicy === undefined) {
    ofPolicy = new Map();
    known.set(policy, ofPolicy);
  }
  let made = ofPolicy.get(number);
  if (made === undefined) {
    made = make(policy, number);
    ofPolicy.set(number, made);
  }
  return made;
}

/** Every series that either reads, kept as long as the longer one needs it. */
export function mergeTracks(a: readonly Track[], b: readonly Track[]): Track[] {
  const merged = a.map((track) => ({ ...track }));
  for (const track of b) {
    const known = merged.find(({ scope, unit }) => scope === track.scope && unit === track.unit);
    if (known === undefined) merged.push({ ...track });
    else known.horizonSeconds = Math.max(known.horizonSeconds, track.horizonSeconds);
  }
  return merged;
}

/** The policy with other limits, ready for deciding. Whatever it counted for before it still counts for. */
export function withLimits(policy: Policy, messageLimits: readonly Limit[], recipientLimits: readonly Limit[]): Policy {
  const limits = [...messageLimits, ...recipientLimits];
  const tracks = mergeTracks(policy.tracks, tracksOf(limits, policy));
  const rates = limits.filter((limit) => limit.window.kind === 'rate');
  return { ...policy, messageLimits, recipientLimits, tracks, rates };
}
