/**
 * The search for canaries: secret markers that must never leave. A marker is found whatever its letter case, with white space or
 * characters of no width in it, in character references of HTML, percent-encoded, in full-width letters, and in base64 wherever it
 * begins there.
 *
 * One automaton for all markers of a tenant (Aho and Corasick 1975), one pass over each form of a part: the time is linear in
 * the content, whatever the markers. Deliberately absent: the inside of attachments, and encodings put into each other.
 */
import type { CanaryFact } from '../facts-content.ts';
import { decodeEntities } from './entities.ts';
import { walkHtml } from './html.ts';
import { percentDecoded } from './percent.ts';

export type Canary = {
  /** What the evidence names. */
  label: string;
  /** The secret. */
  marker: string;
};

/** What is looked for is cut to this length: so much of a marker is the marker. */
const MOST_UNITS = 64;
const MOST_OCTETS = 24;
/** After folding, less is found everywhere. */
const LEAST_UNITS = 4;

const DROPPED = -1;
const LATER = -2;

export class CanaryMatcher {
  private readonly labels: readonly string[];
  /** The class of each folded ASCII unit; 0: no marker has it. */
  private readonly classes = new Map<number, number>();
  private readonly width: number;
  /** Next state by state and class. */
  private readonly next: Int32Array;
  /** By state: the marker that ends there, or -1. */
  private readonly ends: Int32Array;

  constructor(canaries: readonly Canary[]) {
    this.labels = canaries.map(({ label }) => label);
    const patterns = canaries.flatMap(({ marker }, i) => formsOf(marker).map((form) => ({ form, i })));
    for (const { form } of patterns) {
      for (let at = 0; at < form.length; at += 1) {
        const unit = form.charCodeAt(at);
        if (!this.classes.has(unit)) this.classes.set(unit, this.classes.size + 1);
      }
    }
    this.width = this.classes.size + 1;
    const most = 1 + patterns.reduce((sum, { form }) => sum + form.length, 0);
    this.next = new Int32Array(most * this.width);
    this.ends = new Int32Array(most).fill(-1);
    this.link(this.grow(patterns));
  }

  /** The tree of all patterns; answers with the number of its states. */
  private grow(patterns: readonly { form: string; i: number }[]): number {
    let states = 1;
    for (const { form, i } of patterns) {
      let state = 0;
      for (let at = 0; at < form.length; at += 1) {
        const edge = state * this.width + this.classes.get(form.charCodeAt(at))!;
        if (this.next[edge] === 0) this.next[edge] = states++;
        state = this.next[edge]!;
      }
      if (this.ends[state] === -1) this.ends[state] = i;
    }
    return states;
  }

  /** Turns the tree into an automaton: where a state has no edge, that of its longest suffix takes its place. */
  private link(states: number): void {
    const { next, ends, width } = this;
    const suffix = new Int32Array(states);
    const queue: number[] = [];
    for (let c = 1; c < width; c += 1) if (next[c] !== 0) queue.push(next[c]!);
    for (let head = 0; head < queue.length; head += 1) {
      const state = queue[head]!;
      const shorter = suffix[state]!;
      if (ends[state] === -1) ends[state] = ends[shorter]!;
      for (let c = 1; c < width; c += 1) {
        const edge = state * width + c;
        const target = next[edge]!;
        if (target === 0) next[edge] = next[shorter * width + c]!;
        else {
          suffix[target] = next[shorter * width + c]!;
          queue.push(target);
        }
      }
    }
  }

  /** The label of the first marker that stands in a text, or null. */
  find(text: string): string | null {
    const { next, ends, classes, width } = this;
    let state = 0;
    const folded = isAscii(text) ? text : text.normalize('NFKC');
    for (let i = 0; i < folded.length; i += 1) {
      const unit = fold(folded.charCodeAt(i));
      if (unit === DROPPED) continue;
      const known = classes.get(unit === LATER ? folded[i]!.toLowerCase().charCodeAt(0) : unit);
      state = known === undefined ? 0 : next[state * width + known]!;
      if (ends[state] !== -1) return this.labels[ends[state]!]!;
    }
    return null;
  }
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/**
 * A unit as both sides are compared: letters in lower case, the two alphabets of base64 as one (RFC 4648 §5), nothing of white
 * space and of what has no width.
 */
function fold(unit: number): number {
  if (unit <= 0x20) return DROPPED;
  if (unit < 0x80) {
    if (unit >= 0x41 && unit <= 0x5a) return unit | 0x20;
    if (unit === 0x2d) return 0x2b;
    return unit === 0x5f ? 0x2f : unit;
  }
  if (unit === 0xa0 || unit === 0xad || (unit >= 0x2000 && unit <= 0x200f) || (unit >= 0x2028 && unit <= 0x202f)) {
    return DROPPED;
  }
  if ((unit >= 0x205f && unit <= 0x206f) || unit === 0x3000 || unit === 0xfeff || unit === 0x180e) return DROPPED;
  return unit >= 0xfe00 && unit <= 0xfe0f ? DROPPED : LATER;
}

function folded(text: string): string {
  let result = '';
  const normal = text.normalize('NFKC');
  for (let i = 0; i < normal.length; i += 1) {
    const unit = fold(normal.charCodeAt(i));
    if (unit === DROPPED) continue;
    result += unit === LATER ? normal[i]!.toLowerCase()[0]! : String.fromCharCode(unit);
  }
  return result;
}

/** Whether enough of a marker is left to be looked for. */
export function isUsable(marker: string, leastUnits = LEAST_UNITS): boolean {
  return folded(marker).length >= leastUnits;
}

/** What a marker may look like once it is folded. */
function formsOf(marker: string): string[] {
  const plain = folded(marker).slice(0, MOST_UNITS);
  if (plain.length < LEAST_UNITS) return [];
  const forms = new Set([plain]);
  for (const spelling of new Set([marker, marker.toLowerCase(), marker.toUpperCase()])) {
    const octets = new TextEncoder().encode(spelling).subarray(0, MOST_OCTETS);
    for (const offset of [0, 1, 2]) {
      const form = folded(innerBase64(octets, offset));
      if (form.length >= LEAST_UNITS) forms.add(form);
    }
  }
  return [...forms];
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The base64 digits that octets alone decide, where `offset` others stand before them in their group of three. */
function innerBase64(octets: Uint8Array, offset: number): string {
  const bits = (offset + octets.length) * 8;
  let digits = '';
  for (let at = Math.ceil((offset * 8) / 6); (at + 1) * 6 <= bits; at += 1) {
    const bit = at * 6 - offset * 8;
    const index = Math.floor(bit / 8);
    const pair = (octets[index]! << 8) | (octets[index + 1] ?? 0);
    digits += ALPHABET[(pair >> (10 - (bit % 8))) & 63]!;
  }
  return digits;
}

/** The parts of a message in which markers are looked for. */
export type SearchedParts = {
  subject: string;
  text: string | null;
  html: string | null;
  /** Values of headers, and names beside addresses. */
  headers: readonly string[];
  /** Names of files. */
  filenames: readonly string[];
};

/** The first marker that is found, and where. */
export function findCanary(matcher: CanaryMatcher, parts: SearchedParts): CanaryFact | null {
  const { subject, text, html, headers, filenames } = parts;
  const looks: [part: string, texts: readonly string[]][] = [
    ['subject', [subject]],
    ['text', text === null ? [] : [text]],
    ['html', html === null ? [] : htmlForms(html)],
    ['headers', headers],
    ['attachment', filenames],
  ];
  for (const [part, texts] of looks) {
    for (const one of texts) {
      const label = matcher.find(one) ?? (one.includes('%') ? matcher.find(percentDecoded(one)) : null);
      if (label !== null) return { label, part };
    }
  }
  return null;
}

/** HTML as it is written, with its references read, and as the text that it shows. */
function htmlForms(html: string): string[] {
  const forms = [html];
  if (html.includes('&')) forms.push(decodeEntities(html));
  const shown: string[] = [];
  walkHtml(html, {
    open: () => undefined,
    close: () => undefined,
    text: (piece) => shown.push(decodeEntities(piece)),
  });
  forms.push(shown.join(''));
  return forms;
}
