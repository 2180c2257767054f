/**
 * The pass over a text: a MinHash signature of its words, and whether they look written or typed at random.
 *
 * A word is a run of letters (ASCII without case, and everything beyond ASCII); one with a digit in it is left out, and so is a
 * link, for that is what differs from copy to copy.
 */
import { spread } from './hash.ts';
import { pairOf, pointsOf, WORD_START } from './phrases.ts';

export type Tally = {
  words: number;
  numbers: number;
  letters: number;
  garbled: number;
  points: number;
  bangs: number;
  capitals: number;
};

const LETTERS = 26;
const isVowel = new Uint8Array(LETTERS);
for (const vowel of 'aeiouy') isVowel[vowel.charCodeAt(0) - 97] = 1;

/** Pairs of letters that hardly a language written in Latin letters has within a word. */
const ODD_PAIRS =
  'qa qb qc qd qe qf qg qh qj qk ql qm qn qo qp qq qr qs qt qv qw qx qy qz jb jc jd jf jg jh jk jm jp jq jr jt jv jw jx jz ' +
  'xj xk xz xr xd xg vb vf vg vh vj vm vp vq vt vw vx wq wx wv wj wg kx kq kj gj gq gx gv gk fq fx fv fh fd fg hq hx hj hg hf hz ' +
  'lq lx zx zf zq zr pq px pj pv bq bx bk cj cx cv cg dx dq mx mq mj mk sx sq tx tq tg yq yj fw gf gw dj hk kg lw wl';
/** Pairs of consonants that a word may begin with. */
const BEGINNINGS =
  'bl br by ch cl cr cz dh dj dr dw dz fj fl fr gh gl gn gr gw hj hr kh kl kn kr kv kw ll lj mn my nj ng ph pf pl pn pr ps rh ' +
  'sc sh sj sk sl sm sn sp sq sr st sv sw sz th tj tr ts tw vl vr vy wh wr wy zh zl zn zw dy ty ny ly ry hy gy cy fy sy xy zb zd zm zp gd ht mr wl wz ws';

const isOdd = new Uint8Array(LETTERS * LETTERS);
const isBeginning = new Uint8Array(LETTERS * LETTERS);
const place = (pair: string): number => (pair.charCodeAt(0) - 97) * LETTERS + pair.charCodeAt(1) - 97;
for (const pair of ODD_PAIRS.split(' ')) isOdd[place(pair)] = 1;
for (const pair of BEGINNINGS.split(' ')) isBeginning[place(pair)] = 1;

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

/** Enters a feature's hash into the slot it belongs to: the smallest value of each slot stays. */
function enter(slots: Uint8Array, hash: number): void {
  const slot = hash & 31;
  const value = (hash >>> 5) & 255 || 1;
  const kept = slots[slot]!;
  if (kept === 0 || value < kept) slots[slot] = value;
}

/** More of a text is not read, in octets of UTF-8. */
const MOST_BYTES = 8192;
/** Reused: bytes in an array are read in a third of the time that units of a string take. */
const bytes = new Uint8Array(MOST_BYTES + 1);
const room = bytes.subarray(0, MOST_BYTES);
const encoder = new TextEncoder();

/** Reads a text into slots and tally. */
export function readWords(text: string, isHtml: boolean, slots: Uint8Array, tally: Tally): void {
  const length = encoder.encodeInto(text, room).written;
  // A byte of no word stands behind the last one, so that the end need not be looked for.
  bytes[length] = 0;
  let previous = 0;
  let words = 0;
  let points = 0;
  let at = 0;
  while (at < length) {
    const first = bytes[at]!;
    if (kinds[first] === OTHER) {
      if (first === 33) tally.bangs += 1;
      at = first === 60 && isHtml ? tagEnd(at, length) : at + 1;
      continue;
    }
    const begin = at;
    let hash = WORD_START;
    let seen = 0;
    let byte = first;
    let kind = kinds[byte]!;
    do {
      seen |= kind;
      hash = Math.imul(hash ^ (byte | 32), 0x01000193);
      at += 1;
      byte = bytes[at]!;
      kind = kinds[byte]!;
    } while (kind !== OTHER);
    if (byte === 58 && isScheme(at, length)) {
      while (at < length && !endsLink(bytes[at]!)) at += 1;
    } else if ((seen & DIGIT) !== 0) tally.numbers += 1;
    else {
      const size = at - begin;
      words += 1;
      if (tally.words + words <= MOST_PROBED) probe(begin, size, seen === CAPITAL, tally);
      if (size >= SHORTEST_FEATURE) enter(slots, spread(hash));
      if (previous !== 0) {
        const pair = pairOf(previous, hash);
        points += pointsOf(pair);
        if (size >= SHORTEST_FEATURE) enter(slots, pair);
      }
      previous = hash;
    }
  }
  tally.words += words;
  tally.points += points;
}

/** Whether a word looks written: asked of the first ones. */
function probe(begin: number, size: number, isLoud: boolean, tally: Tally): void {
  tally.letters += size;
  if (size > 1 && isLoud) tally.capitals += size;
  else if (size >= SHORTEST_FEATURE && isGarbled(begin, size)) tally.garbled += size;
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

/** Whether nobody would write this word, in a language with Latin letters. */
function isGarbled(begin: number, size: number): boolean {
  let vowels = 0;
  let consonants = 0;
  let last = -1;
  let isOddWord = false;
  for (let at = begin; at < begin + size; at += 1) {
    const byte = bytes[at]!;
    if (byte > 127) return false;
    const letter = (byte | 32) - 97;
    if (isVowel[letter] === 1) {
      vowels += 1;
      consonants = 0;
    } else {
      consonants += 1;
      if (consonants >= MOST_CONSONANTS) isOddWord = true;
    }
    if (last >= 0) {
      const pair = last * LETTERS + letter;
      if (isOdd[pair] === 1 || (at === begin + 1 && consonants === 2 && isBeginning[pair] === 0)) isOddWord = true;
    }
    last = letter;
  }
  return vowels === 0 || (isOddWord && size > SHORTEST_FEATURE);
}
