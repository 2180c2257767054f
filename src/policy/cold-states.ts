/**
 * Counters of people and domains that nothing was asked of for a while, packed: about a fifth of what the objects take, so
 * that a million of them fit beside the code. A state that cannot be packed, or whose hash another one has, is not taken.
 */
import { PackReader, PackWriter } from '../core/pack.ts';
import { offsetOf, Pages } from '../core/pages.ts';
import { type ContactState, emptyContact } from './ledger.ts';
import { seriesOf } from './series.ts';

const MOST_ENTRIES = 64;
/** A record begins with its length, in so many octets. */
const BODY = 2;

export class ColdStates {
  /** The place of a hash's record. */
  private readonly places = new Map<number, number>();
  private readonly pages = new Pages();
  /** How many states those who keep theirs here hold unpacked. */
  warm = 0;
  private readonly packer = new PackWriter();

  get size(): number {
    return this.places.size;
  }

  /** False where it cannot be kept here. */
  put(key: string, state: ContactState): boolean {
    const hash = hashOf(key);
    if (this.places.has(hash)) return false;
    const rest = restOf(state);
    if (rest === null) return false;
    const bytes = this.pack(key, state, rest);
    if (bytes.length > 0xffff) return false;
    const place = this.pages.take(BODY + bytes.length);
    const { octets } = this.pages.pageOf(place);
    const at = offsetOf(place);
    octets[at] = bytes.length >>> 8;
    octets[at + 1] = bytes.length;
    octets.set(bytes, at + BODY);
    this.places.set(hash, place);
    return true;
  }

  /** Takes the state of a key out, or null where it is not here. */
  take(key: string): ContactState | null {
    const hash = hashOf(key);
    const place = this.places.get(hash);
    if (place === undefined) return null;
    const { octets } = this.pages.pageOf(place);
    const at = offsetOf(place);
    const length = octets[at]! * 256 + octets[at + 1]!;
    const r = new PackReader(octets, at + BODY, at + BODY + length);
    if (r.text() !== key) return null;
    this.places.delete(hash);
    this.pages.giveBack(place, BODY + length);
    return unpack(r);
  }

  private pack(key: string, state: ContactState, rest: string): Uint8Array {
    const w = this.packer.restart();
    w.text(key);
    w.optional(state.lastReplyAt);
    w.optional(state.firstAt);
    const series = state.recipient;
    w.uint(series === null ? 0 : series.at.length + 1);
    let before = 0;
    for (let i = 0; series !== null && i < series.at.length; i += 1) {
      w.uint(series.at[i]! - before);
      w.uint(series.cumulative[i]! - (i === 0 ? 0 : series.cumulative[i - 1]!));
      before = series.at[i]!;
    }
    w.uint(series?.foldedUntil ?? 0);
    w.text(rest);
    return w.bytes();
  }
}

function unpack(r: PackReader): ContactState {
  const lastReplyAt = r.optional();
  const firstAt = r.optional();
  const count = r.uint() - 1;
  const entries: [second: number, units: number][] = [];
  let second = 0;
  for (let i = 0; i < count; i += 1) {
    second += r.uint();
    entries.push([second, r.uint()]);
  }
  const foldedUntil = r.uint();
  const rest = r.text();
  const state: ContactState = { ...emptyContact(), lastReplyAt, firstAt };
  if (count >= 0) state.recipient = { ...seriesOf(entries), foldedUntil };
  return rest === '' ? state : Object.assign(state, JSON.parse(rest));
}

/** What is packed by itself. */
const APART: ReadonlySet<string> = new Set(['recipient', 'lastReplyAt', 'firstAt']);

/** All else that is not as in an empty state, as JSON; null where it cannot be written. */
function restOf(state: ContactState): string | null {
  if ((state.recipient?.at.length ?? 0) > MOST_ENTRIES || state.message !== null || state.tats !== null) return null;
  let rest: Record<string, unknown> | null = null;
  for (const name in state) {
    const value = state[name as keyof ContactState] as unknown;
    if (APART.has(name) || value === null || (Array.isArray(value) && value.length === 0)) continue;
    rest ??= {};
    rest[name] = value;
  }
  return rest === null ? '' : JSON.stringify(rest);
}

/** 53 bits of a key: two products of 32 bits, after MurmurHash3's finalizer. */
function hashOf(key: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < key.length; i += 1) {
    const unit = key.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x9e3779b1);
    b = Math.imul(b ^ unit, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return 4_294_967_296 * (b & 0x1fffff) + (a >>> 0);
}
