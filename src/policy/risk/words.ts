/**
 * The pass over a text: a MinHash signature of its words, and whether they look written or typed at random.
 *
 * A word is a run of letters (ASCII without case, and everything beyond ASCII); one with a digit in it is left out, and so is a
 * link, for that is what differs from copy to copy.
 */
import { spread } from './hash.ts';
import { FILTER, pairOf, pointsOf, WORD_START } from './phrases.ts';

export type Tally = {
  words: number;
  numbers: number;
  letters: number;
  garbled: number;
  points: number;
  bangs: number;
  capitals: number;
};

/** Pairs of letters that hardly a language written in Latin letters has within a word. */
const ODD_PAIRS =
  'qa qb qc qd qe qf qg qh qj qk ql qm qn qo qp qq qr qs qt qv qw qx qy qz jb jc jd jf jg jh jk jm jp jq jr jt jv jw jx jz ' +
  'xj xk xz xr xd xg vb vf vg vh vj vm vp vq vt vw vx wq wx wv wj wg kx kq kj gj gq gx gv gk fq fx fv fh fd fg hq hx hj hg hf hz ' +
  'lq lx zx zf zq zr pq px pj pv bq bx bk cj cx cv cg dx dq mx mq mj mk sx sq tx tq tg yq yj fw gf gw dj hk kg lw wl';
/** Pairs of consonants that a word may begin with. */
const BEGINNINGS =
  'bl br by ch cl cr cz dh dj dr dw dz fj fl fr gh gl gn gr gw hj hr kh kl kn kr kv kw ll lj mn my nj ng ph pf pl pn pr ps rh ' +
  'sc sh sj sk sl sm sn sp sq sr st sv sw sz th tj tr ts tw vl vr vy wh wr wy zh zl zn zw dy ty ny ly ry hy gy cy fy sy xy zb zd zm zp gd ht mr wl wz ws';

/** Letters by number: `a` is 0, everything beyond ASCII is one letter, and there is one that stands before the first of a word. */
const LETTERS = 26;
const BEYOND_ASCII = 26;
const BEFORE_FIRST = 27;
const letters = new Uint8Array(256).fill(BEYOND_ASCII, 128);
for (let letter = 0; letter < LETTERS; letter += 1) {
  letters[97 + letter] = letter;
  letters[65 + letter] = letter;
}

/** What a letter behind another one brings into a word, as bits; of a consonant all those above them too. */
const ODD = 1;
const VOWEL = 2;
const BEYOND = 4;
const CONSONANT_SHIFT = 3;
const CONSONANT = 31 << CONSONANT_SHIFT;
const place = (first: number, second: number): number => (first << 5) | second;
const placeOf = (pair: string): number => place(letters[pair.charCodeAt(0)]!, letters[pair.charCodeAt(1)]!);
const isVowel = (letter: number): boolean => 'aeiouy'.includes(String.fromCharCode(97 + letter));
const traits = new Uint8Array(32 * 32);
const isBeginning = new Uint8Array(32 * 32).fill(1);
for (let first = 0; first <= BEFORE_FIRST; first += 1) {
  traits[place(first, BEYOND_ASCII)] = BEYOND;
  for (let second = 0; second < LETTERS; second += 1) {
    traits[place(first, second)] = isVowel(second) ? VOWEL : CONSONANT;
    if (first < LETTERS && !isVowel(first) && !isVowel(second)) isBeginning[place(first, second)] = 0;
  }
}
for (const pair of ODD_PAIRS.split(' ')) traits[placeOf(pair)]! |= ODD;
for (const pair of BEGINNINGS.split(' ')) isBeginning[placeOf(pair)] = 1;

/** What a byte of UTF-8 is: 0 nothing of a word, 1 a small letter, 2 a capital, 3 a digit. Beyond ASCII everything is a letter. */
const OTHER = 0;
const SMALL = 1;
const CAPITAL = 2;
const DIGIT = 4;
const kinds = new Uint8Array(256).fill(SMALL, 128);
for (let letter = 0; letter < LETTERS; letter += 1) {
  kinds[97 + letter] = SMALL;
  kinds[65 + letter] = CAPITAL;
}
for (let digit = 48; digit <= 57; digit += 1) kinds[digit] = DIGIT;

const MOST_CONSONANTS = 5;
const SHORTEST_FEATURE = 3;
/** Words that are looked at for whether anybody would write them: more would tell the same. */
const MOST_PROBED = 64;

/** Slots of a signature in the making: each holds 256 less its smallest value yet, 0 where it is empty, so that the larger one stays. */
export const SIGNATURE_SLOTS = 32;
const slots = new Int32Array(SIGNATURE_SLOTS);
const units: number[] = new Array(SIGNATURE_SLOTS).fill(0);

/** Enters a feature's hash into the slot it belongs to: the smallest value of each slot stays. Without a branch, which would go either way. */
function enter(hash: number): void {
  const making = slots;
  const value = (hash >>> 5) & 255;
  const kept = making[hash & 31]!;
  const more = 256 - value - kept - ((value - 1) >>> 31);
  making[hash & 31] = kept + (more & ~(more >> 31));
}

/** The signature of all that was read since the last one. Values of one slot are 1 to 255; 0 is an empty slot. */
export function takeSignature(): string {
  for (let i = 0; i < SIGNATURE_SLOTS; i += 1) units[i] = -slots[i]! & 255;
  slots.fill(0);
  return String.fromCharCode(...units);
}

/** More of a text is not read, in octets of UTF-8. */
const MOST_BYTES = 8192;
/** Reused: bytes in an array are read in a third of the time that units of a string take. */
const bytes = new Uint8Array(MOST_BYTES + 1);
const room = bytes.subarray(0, MOST_BYTES);
const encoder = new TextEncoder();

// What is imported is looked up at each use; a constant of this module is not.
const PHRASE_FILTER = FILTER;
const START = WORD_START;
const spreadOf = spread;
const hashOfPair = pairOf;

/** Reads a text into the signature and a tally. The arrays have names of its own, by which their places are known: that is a quarter of its time. */
export function readWords(text: string, isHtml: boolean, tally: Tally): void {
  const octets = bytes;
  const kindOf = kinds;
  const phrases = PHRASE_FILTER;
  const length = encoder.encodeInto(text, room).written;
  // A byte of no word stands behind the last one, so that the end need not be looked for.
  octets[length] = 0;
  const probed = MOST_PROBED - tally.words;
  let previous = 0;
  let words = 0;
  let points = 0;
  let letterCount = 0;
  let capitals = 0;
  let garbled = 0;
  let at = 0;
  while (at < length) {
    const first = octets[at]!;
    if (kindOf[first] === OTHER) {
      if (first === 33) tally.bangs += 1;
      at = first === 60 && isHtml ? tagEnd(at, length) : at + 1;
      continue;
    }
    const begin = at;
    let hash = START;
    let seen = 0;
    let byte = first;
    let kind = kindOf[byte]!;
    do {
      seen |= kind;
      hash = Math.imul(hash ^ (byte | 32), 0x01000193);
      at = (at + 1) | 0;
      byte = octets[at]!;
      kind = kindOf[byte]!;
    } while (kind !== OTHER);
    if (byte === 58 && isScheme(at, length)) {
      while (at < length && !endsLink(octets[at]!)) at += 1;
      continue;
    }
    if ((seen & DIGIT) !== 0) {
      tally.numbers += 1;
      continue;
    }
    const size = at - begin;
    words += 1;
    // Whether a word looks written is asked of the first ones.
    if (words <= probed) {
      letterCount += size;
      if (size > 1 && seen === CAPITAL) capitals += size;
      else if (size >= SHORTEST_FEATURE && isGarbled(begin, size)) garbled += size;
    }
    if (size >= SHORTEST_FEATURE) enter(spreadOf(hash));
    if (previous !== 0) {
      const pair = hashOfPair(previous, hash);
      if (((phrases[(pair & 0xffff) >> 3]! >> (pair & 7)) & 1) === 1) points += pointsOf(pair);
      if (size >= SHORTEST_FEATURE) enter(pair);
    }
    previous = hash;
  }
  tally.words += words;
  tally.points += points;
  tally.letters += letterCount;
  tally.capitals += capitals;
  tally.garbled += garbled;
}

function tagEnd(from: number, length: number): number {
  let at = from;
  while (at < length && bytes[at] !== 62) at += 1;
  return at + 1;
}

/** Whether `://` of a link begins here. */
function isScheme(at: number, length: number): boolean {
  return at + 2 < length && bytes[at] === 58 && bytes[at + 1] === 47 && bytes[at + 2] === 47;
}

function endsLink(byte: number): boolean {
  return byte <= 32 || byte === 34 || byte === 39 || byte === 60 || byte === 62;
}

/** Whether nobody would write this word, in a language with Latin letters. No branch but the loop's: what letter comes cannot be foreseen. */
function isGarbled(begin: number, size: number): boolean {
  const octets = bytes;
  const letterOf = letters;
  const broughtBy = traits;
  const end = begin + size;
  let last = BEFORE_FIRST;
  let consonants = 0;
  let seen = 0;
  for (let at = begin; at < end; at = (at + 1) | 0) {
    const letter = letterOf[octets[at]!]!;
    const brought = broughtBy[place(last, letter)]!;
    consonants = (consonants + 1) & (brought >> CONSONANT_SHIFT);
    // 1 from five consonants on, which is what stands for odd.
    seen |= brought | ((consonants + 32 - MOST_CONSONANTS) >> 5);
    last = letter;
  }
  if ((seen & BEYOND) !== 0) return false;
  if ((seen & VOWEL) === 0) return true;
  if (size <= SHORTEST_FEATURE) return false;
  return (seen & ODD) !== 0 || isBeginning[place(letterOf[octets[begin]!]!, letterOf[octets[begin + 1]!]!)] === 0;
}
