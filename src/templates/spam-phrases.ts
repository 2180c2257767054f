/** Phrases that filters know from spam, as people who send newsletters meet them. Ours, and short: a hint and no judgement. */

const PHRASES = [
  '100% free',
  '100% guaranteed',
  'act immediately',
  'act now',
  'apply now',
  'as seen on',
  'be your own boss',
  'buy direct',
  'cash bonus',
  'cheap meds',
  'claim your prize',
  'click below',
  'click here now',
  'congratulations you won',
  'dear friend',
  'double your income',
  'earn extra cash',
  'earn money fast',
  'eliminate debt',
  'exclusive deal',
  'extra income',
  'fast cash',
  'financial freedom',
  'free access',
  'free gift',
  'free money',
  'free trial',
  'get paid now',
  'get rich',
  'guaranteed winner',
  'instant approval',
  'last chance',
  'limited time offer',
  'lose weight fast',
  'lowest price ever',
  'make money',
  'million dollars',
  'miracle cure',
  'money back guarantee',
  'no catch',
  'no credit check',
  'no hidden costs',
  'no obligation',
  'no questions asked',
  'no strings attached',
  'once in a lifetime',
  'online pharmacy',
  'order now',
  'pay off debt',
  'pre-approved',
  'risk free',
  'risk-free',
  'satisfaction guaranteed',
  'special promotion',
  'supplies are limited',
  'this is not spam',
  'urgent response',
  'what are you waiting for',
  'while supplies last',
  'work from home',
  'you are a winner',
  'you have been selected',
  'you have won',
] as const;

/** A bounded run of blanks between words, so that the search stays linear. */
const PATTERN = new RegExp(
  `(?<![\\p{L}\\p{N}])(?:${PHRASES.map((phrase) => phrase.replaceAll(' ', '\\s{1,8}')).join('|')})(?![\\p{L}\\p{N}])`,
  'giu',
);

/** The phrases in a text with the place of each; the first `most`. */
export function spamPhrases(text: string, most: number): { phrase: string; at: number }[] {
  const found: { phrase: string; at: number }[] = [];
  for (const match of text.matchAll(PATTERN)) {
    found.push({ phrase: match[0].toLowerCase().replaceAll(/\s+/g, ' '), at: match.index });
    if (found.length >= most) break;
  }
  return found;
}
