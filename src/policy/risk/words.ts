/**
 * The pass over a text: a MinHash signature of its words, and whether they look written or typed at random.
 *
 * A word is a run of letters (ASCII without case, and everything beyond ASCII); one with a digit in it is left out, and so is a
 * link, for that is what differs from copy to copy.
 */
import { spread } from './hash.ts';
import { addUnit, pairOf, pointsOf, WORD_START } from './phrases.ts';

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

const MOST_CONSONANTS = 5;
const SHORTEST_FEATURE = 3;

/** Enters a feature's hash into the slot it belongs to: the smallest value of each slot stays. */
function enter(slots: Uint8Array, hash: number): void {
  const slot = hash & 31;
  const value = ((hash >>> 5) % 255) + 1;
  const kept = slots[slot]!;
  if (kept === 0 || value < kept) slots[slot] = value;
}

/** Reads `length` units of `text` into slots and tally. */
export function readWords(text: string, length: number, isHtml: boolean, slots: Uint8Array, tally: Tally): void {
  let previousWord = 0;
  let at = 0;
  while (at < length) {
    const unit = text.charCodeAt(at);
    if (unit === 60 && isHtml) {
      const end = text.indexOf('>', at);
      at = end < 0 || end > length ? length : end + 1;
      continue;
    }
    if (unit === 33) tally.bangs += 1;
    if (!isWordUnit(unit)) {
      at += 1;
      continue;
    }
    const begin = at;
    let hash = WORD_START;
    let hasDigit = false;
    let capitals = 0;
    let vowels = 0;
    let consonants = 0;
    let odd = 0;
    let isForeign = false;
    let last = -1;
    for (; at < length; at += 1) {
      const raw = text.charCodeAt(at);
      if (raw > 127) {
        isForeign = true;
        hash = addUnit(hash, raw);
        last = -1;
        continue;
      }
      const letter = (raw | 32) - 97;
      if (letter >= 0 && letter < LETTERS && raw >= 65) {
        if (raw < 97) capitals += 1;
        hash = addUnit(hash, letter + 97);
        if (isVowel[letter] === 1) {
          vowels += 1;
          consonants = 0;
        } else {
          consonants += 1;
          if (consonants === MOST_CONSONANTS) odd += 1;
        }
        if (last >= 0 && isOdd[last * LETTERS + letter] === 1) odd += 1;
        last = letter;
      } else if (raw >= 48 && raw <= 57) {
        hasDigit = true;
        last = -1;
      } else break;
    }
    const size = at - begin;
    if (text.charCodeAt(at) === 58 && text.charCodeAt(at + 1) === 47) {
      while (at < length && !isSpace(text.charCodeAt(at))) at += 1;
      continue;
    }
    if (hasDigit) {
      tally.numbers += 1;
      continue;
    }
    tally.words += 1;
    tally.letters += size;
    if (capitals === size && size > 1) tally.capitals += size;
    if (size >= SHORTEST_FEATURE) {
      if (!isForeign && capitals < size && isGarbled(text, begin, size, vowels, odd)) tally.garbled += size;
      enter(slots, spread(hash));
    }
    if (previousWord !== 0) {
      const pair = pairOf(previousWord, hash);
      tally.points += pointsOf(pair);
      if (size >= SHORTEST_FEATURE) enter(slots, pair);
    }
    previousWord = hash;
  }
}

function isWordUnit(unit: number): boolean {
  return unit > 127 || (unit >= 48 && unit <= 57) || (unit >= 65 && unit <= 90) || (unit >= 97 && unit <= 122);
}

function isSpace(unit: number): boolean {
  return unit <= 32 || unit === 34 || unit === 39 || unit === 60 || unit === 62;
}

function isGarbled(text: string, begin: number, size: number, vowels: number, odd: number): boolean {
  if (vowels === 0) return true;
  if (size < 4) return false;
  if (odd > 0) return true;
  const first = (text.charCodeAt(begin) | 32) - 97;
  const second = (text.charCodeAt(begin + 1) | 32) - 97;
  return isVowel[first] === 0 && isVowel[second] === 0 && isBeginning[first * LETTERS + second] === 0;
}
