/**
 * What is remembered of an account's sending, in a fixed size: counters that forget, the people written to most, the shapes of
 * recent content, the link hosts that are usual. One a tenant and mode.
 *
 * Invariants: it never grows past `RISK_BYTES` packed; it holds no address, no word of content and no host, only hashes of
 * them; only `observe.ts` changes it. Deliberately absent: floats that depend on rounding modes, and a clock.
 */
import { PackReader, PackWriter } from '../../core/pack.ts';
import { leftAfter, tickOf } from './decay.ts';
import { SIGNATURE_SLOTS } from './features.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Half-lives by which counters forget. */
const HALF_LIVES_MS = [15 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS, 30 * DAY_MS] as const;
const QUARTER = 0;
const HOUR = 1;
const QUARTER_DAY = 2;
const DAY = 3;
const MONTH = 4;

/** Each counter with its half-life. Counts are in thousandths. The order is that of the packed form: append only. */
const COUNTERS = {
  sendsQuarter: QUARTER,
  gibberishHour: HOUR,
  bulkHour: HOUR,
  novelHour: HOUR,
  sendsDay: DAY,
  strangersDay: DAY,
  similarDay: DAY,
  bulkDay: DAY,
  foreignLinksDay: DAY,
  changingHostsDay: DAY,
  emptyDay: DAY,
  phrasesDay: DAY,
  mismatchDay: DAY,
  deceptiveDay: DAY,
  attachmentsDay: DAY,
  familiarDay: DAY,
  repliesDay: DAY,
  bouncesDay: DAY,
  unknownUsersDay: DAY,
  complaintsDay: DAY,
  unsubscribesDay: DAY,
  refusedHour: HOUR,
  sendsHour: HOUR,
  foreignLinksHour: HOUR,
  changingHostsHour: HOUR,
  phrasesHour: HOUR,
  sendsMonth: MONTH,
  activeDaysMonth: MONTH,
  harmMonth: MONTH,
  complaintsMonth: MONTH,
  repliesMonth: MONTH,
  attachmentsMonth: MONTH,
  familiarHour: HOUR,
} as const;
export type Counter = keyof typeof COUNTERS;
const NAMES = Object.keys(COUNTERS) as Counter[];
const GROUP_OF: readonly number[] = NAMES.map((name) => COUNTERS[name]);
/** Place of each counter in the array. */
export const AT = Object.fromEntries(NAMES.map((name, i) => [name, i])) as Record<Counter, number>;

export const ONE = 1000;
export const TARGETS = 16;
export const SHAPES = 12;
export const HOSTS = 16;
/** People remembered that sends to were refused. */
export const REFUSED = 4;
/** No packed state is longer. */
export const RISK_BYTES = 2048;

/**
 * A person who was written to lately: unanswered sends, those of them that were near-identical to one before and those of few words, in
 * thousandths, forgotten with a half-life of an hour; those that were unlike any other, as people write, with one of six hours; and the
 * day since which they are written to.
 */
export type Target = { key: number; count: number; same: number; short: number; own: number; since: number };

/** A shape of content: its signature, how often it came, and when first and last. Times are whole minutes. */
export type Shape = { signature: string; count: number; first: number; last: number };

/** A link host that was used: times are whole days. */
export type KnownHost = { host: number; count: number; first: number; last: number };

export type RiskState = {
  /** When the account's sending began, in milliseconds. */
  since: number;
  /** The last accepted send, in milliseconds; 0 before the first. */
  lastAt: number;
  /** The day of the last accepted send, counted from the epoch. */
  lastDay: number;
  /** The greatest quarter-hour load of the day at hand, in thousandths, and of days before (forgets by a tenth a day). */
  peakToday: number;
  peakBefore: number;
  /** How much another account's traffic is like this one's, 0 to 100 in thousandths, and when that was found. */
  likeness: number;
  likenessAt: number;
  /** Accepted messages that carried the warning since the score last rose past it. */
  warned: number;
  counters: Float64Array;
  /** The tick, by half-life, up to which counters have forgotten. */
  ticks: Float64Array;
  targets: Target[];
  shapes: Shape[];
  hosts: KnownHost[];
  /** Hashes of the last different people that a send to was refused, the latest first. */
  refused: number[];
};

export type Trust = 'new' | 'established';

/** Days of good history that an established account starts with. */
const ESTABLISHED_DAYS = 90;

export function newRisk(trust: Trust, since: number): RiskState {
  const state: RiskState = {
    since,
    lastAt: 0,
    lastDay: 0,
    peakToday: 0,
    peakBefore: 0,
    likeness: 0,
    likenessAt: 0,
    warned: 0,
    counters: new Float64Array(NAMES.length),
    ticks: new Float64Array(HALF_LIVES_MS.map((halfLifeMs) => tickOf(since, halfLifeMs))),
    targets: [],
    shapes: [],
    hosts: [],
    refused: [],
  };
  if (trust === 'established') establish(state, since);
  return state;
}

/** Ninety days of an account that sent every day, was answered, and harmed nobody. */
function establish(state: RiskState, now: number): void {
  state.since = Math.max(0, now - ESTABLISHED_DAYS * DAY_MS);
  // Days forgotten by half in thirty: the sum of ninety is about 38.
  state.counters[AT.activeDaysMonth] = 38 * ONE;
  state.counters[AT.sendsMonth] = 38 * 500 * ONE;
  state.counters[AT.repliesMonth] = 38 * 25 * ONE;
  state.peakBefore = 200 * ONE;
  state.lastDay = Math.floor(now / DAY_MS) - 1;
}

/** Reused: what is left is asked for at every decision. */
const left = new Float64Array(HALF_LIVES_MS.length);

/** What is left, at `now`, of counters of each half-life; valid until the next call. Reading changes nothing. */
export function leftNow(state: RiskState, now: number): Float64Array {
  for (let i = 0; i < left.length; i += 1) left[i] = leftAfter(tickOf(now, HALF_LIVES_MS[i]!) - state.ticks[i]!);
  return left;
}

/** What is left of each counter, written to `counts`. */
export function countsNow({ counters }: RiskState, left: Float64Array, counts: Float64Array): void {
  for (let i = 0; i < counts.length; i += 1) counts[i] = Math.floor(counters[i]! * left[GROUP_OF[i]!]!);
}

/** Lets counters forget up to `now`. */
export function forget(state: RiskState, now: number): void {
  const { counters, ticks } = state;
  const left = leftNow(state, now);
  for (let i = 0; i < counters.length; i += 1) {
    const factor = left[GROUP_OF[i]!]!;
    if (factor < 1) counters[i] = Math.floor(counters[i]! * factor);
  }
  const hour = left[HOUR]!;
  if (hour < 1) {
    for (const target of state.targets) {
      target.count = Math.floor(target.count * hour);
      target.same = Math.floor(target.same * hour);
      target.short = Math.floor(target.short * hour);
    }
  }
  const quarterDay = left[QUARTER_DAY]!;
  if (quarterDay < 1) for (const target of state.targets) target.own = Math.floor(target.own * quarterDay);
  for (let i = 0; i < ticks.length; i += 1) ticks[i] = Math.max(ticks[i]!, tickOf(now, HALF_LIVES_MS[i]!));
}

/** Which of the factors of `leftNow` people forget by. */
export const TARGET_GROUP = HOUR;
export const OWN_GROUP = QUARTER_DAY;

/** A copy that can be changed without the other: for a check that counts and takes it back. */
export function copyRisk(state: RiskState): RiskState {
  return {
    ...state,
    counters: state.counters.slice(),
    ticks: state.ticks.slice(),
    targets: state.targets.map((one) => ({ ...one })),
    shapes: state.shapes.map((one) => ({ ...one })),
    hosts: state.hosts.map((one) => ({ ...one })),
    refused: [...state.refused],
  };
}

const LAYOUT = 1;

export function packRisk(state: RiskState): Uint8Array {
  const w = new PackWriter();
  w.byte(LAYOUT);
  for (const field of FIELDS) w.uint(state[field]);
  w.uint(state.counters.length);
  for (const value of state.counters) w.uint(value);
  for (const value of state.ticks) w.uint(value);
  w.uint(state.targets.length);
  for (const { key, count, same, short, own, since } of state.targets) {
    w.uint(key);
    w.uint(count);
    w.uint(same);
    w.uint(short);
    w.uint(own);
    w.uint(since);
  }
  w.uint(state.shapes.length);
  for (const { signature, count, first, last } of state.shapes) {
    for (let i = 0; i < SIGNATURE_SLOTS; i += 1) w.byte(signature.charCodeAt(i));
    w.uint(count);
    w.uint(first);
    w.uint(last);
  }
  w.uint(state.hosts.length);
  for (const { host, count, first, last } of state.hosts) {
    w.uint(host);
    w.uint(count);
    w.uint(first);
    w.uint(last);
  }
  w.uint(state.refused.length);
  for (const key of state.refused) w.uint(key);
  return w.bytes();
}

const FIELDS = ['since', 'lastAt', 'lastDay', 'peakToday', 'peakBefore', 'likeness', 'likenessAt', 'warned'] as const;

/** Reads a packed state; throws on a layout this engine does not know (a fault: rows outlived their readers). */
export function unpackRisk(bytes: Uint8Array): RiskState {
  const r = new PackReader(bytes);
  const layout = r.byte();
  if (layout !== LAYOUT) throw new Error(`risk is packed in layout ${layout}, this engine reads ${LAYOUT}`);
  const state = newRisk('new', 0);
  for (const field of FIELDS) state[field] = r.uint();
  const packed = r.uint();
  for (let i = 0; i < packed; i += 1) {
    const value = r.uint();
    if (i < state.counters.length) state.counters[i] = value;
  }
  for (let i = 0; i < state.ticks.length; i += 1) state.ticks[i] = r.uint();
  for (let n = r.uint(); n > 0; n -= 1) {
    state.targets.push({
      key: r.uint(),
      count: r.uint(),
      same: r.uint(),
      short: r.uint(),
      own: r.uint(),
      since: r.uint(),
    });
  }
  for (let n = r.uint(); n > 0; n -= 1) {
    let signature = '';
    for (let i = 0; i < SIGNATURE_SLOTS; i += 1) signature += String.fromCharCode(r.byte());
    state.shapes.push({ signature, count: r.uint(), first: r.uint(), last: r.uint() });
  }
  for (let n = r.uint(); n > 0; n -= 1) {
    state.hosts.push({ host: r.uint(), count: r.uint(), first: r.uint(), last: r.uint() });
  }
  for (let n = r.uint(); n > 0; n -= 1) state.refused.push(r.uint());
  return state;
}
