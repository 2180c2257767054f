/** An entry of the ledger as an object, as octets in its row, and its number. */
import { PackReader, type PackWriter } from '../../core/pack.ts';
import type { ContactMarks, ContactState } from '../../policy/ledger.ts';
import type { Series } from '../../policy/series.ts';
import type { SuppressionFact } from '../../policy/suppression.ts';

export type Entry = ContactState & {
  hash: number;
  space: number;
  key: string;
  /** Last group that used it. */
  usedIn: number;
  /** Whether changes are missing from its row. */
  dirty: boolean;
  /** Whether a row exists. */
  stored: boolean;
  lsn: number;
  /** Plain running numbers: credits, stored octets, tallies. */
  gauges: Map<string, number> | null;
};

export type LedgerRow = { hash: number; space: number; key: string; lsn: number; state: Uint8Array };

/** 53 bits of a key within a space. */
export function hashKey(space: number, key: string): number {
  let a = 0xdeadbeef ^ space;
  let b = 0x41c6ce57 ^ (space * 31);
  for (let i = 0; i < key.length; i += 1) {
    const code = key.charCodeAt(i);
    a = Math.imul(a ^ code, 0x9e3779b1);
    b = Math.imul(b ^ code, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  return 4_294_967_296 * (b & 0x1fffff) + (a >>> 0);
}

export function addTo(entry: Entry, name: string, delta: number): void {
  entry.gauges ??= new Map();
  entry.gauges.set(name, (entry.gauges.get(name) ?? 0) + delta);
}

export function emptyEntry(hash: number, space: number, key: string): Entry {
  // Those of `emptyContact` first; named here, since copying an object into another costs more than all the rest.
  return {
    recipient: null,
    message: null,
    tats: null,
    firstAt: null,
    suppressions: [],
    doNotContact: null,
    lastReplyAt: null,
    engagedAt: null,
    marks: null,
    hash,
    space,
    key,
    usedIn: 0,
    dirty: false,
    stored: false,
    lsn: 0,
    gauges: null,
  };
}

type ContactText = {
  s: SuppressionFact[];
  d: { since: number; note: string | null } | null;
  r: number | null;
  m?: ContactMarks;
  e?: number;
};

export function contactText(entry: Entry): string {
  const { suppressions, doNotContact, lastReplyAt, engagedAt, marks } = entry;
  const isSilent = lastReplyAt === null && engagedAt === null;
  if (suppressions.length === 0 && doNotContact === null && isSilent && marks === null) return '';
  const text: ContactText = { s: suppressions, d: doNotContact, r: lastReplyAt };
  if (marks !== null) text.m = marks;
  if (engagedAt !== null) text.e = engagedAt;
  return JSON.stringify(text);
}

export function readContact(entry: Entry, text: string): void {
  const read: ContactText = text === '' ? { s: [], d: null, r: null } : (JSON.parse(text) as ContactText);
  entry.suppressions = read.s;
  entry.doNotContact = read.d;
  entry.lastReplyAt = read.r;
  entry.marks = read.m ?? null;
  entry.engagedAt = read.e ?? null;
}

const ENTRY_LAYOUT = 1;

/** The state as its row has it. */
export function packState(entry: Entry, w: PackWriter): void {
  w.byte(ENTRY_LAYOUT);
  packSeries(entry.recipient, w);
  packSeries(entry.message, w);
  packMap(entry.tats, w);
  packMap(entry.gauges, w);
  w.text(contactText(entry));
  w.optional(entry.firstAt);
}

export function unpackEntry(row: LedgerRow): Entry {
  const entry = emptyEntry(row.hash, row.space, row.key);
  unpackState(entry, new PackReader(row.state));
  entry.stored = true;
  entry.lsn = row.lsn;
  return entry;
}

export function unpackState(entry: Entry, r: PackReader): void {
  const layout = r.byte();
  if (layout !== ENTRY_LAYOUT) throw new Error(`a ledger row has layout ${layout}, this version reads ${ENTRY_LAYOUT}`);
  entry.recipient = unpackSeries(r);
  entry.message = unpackSeries(r);
  entry.tats = unpackMap(r);
  entry.gauges = unpackMap(r);
  const contact = r.text();
  // Of most there is nothing to tell, and a new entry says so.
  if (contact !== '') readContact(entry, contact);
  entry.firstAt = r.optional();
}

function packSeries(series: Series | null, w: PackWriter): void {
  if (series === null) {
    w.uint(0);
    return;
  }
  const { at, cumulative } = series;
  w.uint(at.length);
  let second = 0;
  let units = 0;
  for (let i = 0; i < at.length; i += 1) {
    w.uint(at[i]! - second);
    w.uint(cumulative[i]! - units);
    second = at[i]!;
    units = cumulative[i]!;
  }
}

function unpackSeries(r: PackReader): Series | null {
  const length = r.uint();
  if (length === 0) return null;
  let second = r.uint();
  let units = r.uint();
  const at = [second];
  const cumulative = [units];
  for (let i = 1; i < length; i += 1) {
    second += r.uint();
    units += r.uint();
    at.push(second);
    cumulative.push(units);
  }
  return { at, cumulative, searched: null, foldedUntil: 0 };
}

function packMap(map: Map<string, number> | null, w: PackWriter): void {
  if (map === null) {
    w.uint(0);
    return;
  }
  w.uint(map.size);
  for (const [name, value] of map) {
    w.text(name);
    w.int(value);
  }
}

function unpackMap(r: PackReader): Map<string, number> | null {
  const size = r.uint();
  if (size === 0) return null;
  const map = new Map<string, number>();
  for (let i = 0; i < size; i += 1) map.set(r.text(), r.int());
  return map;
}
