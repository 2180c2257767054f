/**
 * Phrases that go with fraud and unsolicited bulk mail, with points. No single phrase is proof: a message needs several, and
 * the score needs many messages. A phrase is two words that stand side by side, whatever stands between them but letters.
 */
import { spread } from './hash.ts';

const STRONG = [
  'been selected, have won, you won, claim your, your prize, cash prize, free money, earn money, make money, extra income',
  'double your, guaranteed returns, guaranteed income, risk free, million dollars, wire transfer, next kin, dear beneficiary',
  'act now, act today, limited places, hot singles, cheap pills, cheap meds, online casino, casino bonus, free spins',
  'weight loss, miracle cure, lose weight, web traffic, increase traffic, page ranking, seo services, saw site, your site',
  'unpaid fee, customs fee, the fee, account suspended, account locked, unusual activity, gift card, gift cards, seed phrase',
  'week home, week from, from home, work home, no obligation, no experience, dear friend, dear winner, cheap viagra, buy viagra, buy cialis',
  'bitcoin profit, crypto profit, crypto investment, investment opportunity, instant loan, loan approved, need leads, more leads, want leads, bulk leads',
];
const WEAK = [
  'click here, click below, click now, order now, buy now, limited time, limited offer, last chance, hurry up, exclusive deal',
  'verify your, confirm your, update your, your password, your parcel, not delivered, be delivered, pay the, money back, lowest price, best price, best prices',
  'congratulations you, special promotion, special offer, free trial, free gift, urgent reply, pre approved, no credit, credit score, quick cash',
  'for free, act fast, while stocks, supplies last, cheap watches, replica watches, earn up, per week, per day, days only',
];

/** The hash of a word: of its letters in lower case, as the pass over a text makes it. */
export const WORD_START = 0x811c9dc5;
export const pairOf = (first: number, second: number): number => spread(Math.imul(first, 31) ^ second);

function wordHash(word: string): number {
  let hash = WORD_START;
  for (let i = 0; i < word.length; i += 1) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return hash;
}

const FILTER_BITS = 8191;
const points = new Map<number, number>();
/** Which low bits occur: most pairs of words are no phrase, and need no look into the map. */
const filter = new Uint8Array(FILTER_BITS + 1);

function add(lists: readonly string[], value: number): void {
  for (const phrase of lists.flatMap((list) => list.split(', '))) {
    const [first, second] = phrase.split(' ');
    const pair = pairOf(wordHash(first!), wordHash(second!));
    points.set(pair, value);
    filter[pair & FILTER_BITS] = 1;
  }
}
add(STRONG, 300);
add(WEAK, 120);

/** Points of two words side by side. */
export function pointsOf(pair: number): number {
  return filter[pair & FILTER_BITS] === 1 ? (points.get(pair) ?? 0) : 0;
}
