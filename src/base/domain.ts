/**
 * Host names as people write them, read into one form: the lower-case A-label (RFC 5890 §2.3.2.1).
 *
 * ASCII names are labels of letters, digits and hyphens (RFC 1123 §2.1) of 1 to 63 octets. Others must be U-labels of
 * IDNA2008: letters, marks and digits (RFC 5892) that stay what they are under UTS 46, but for Unicode normalization form C
 * and letter case. So full-width letters, digits with a dot, soft hyphens and other spellings that a look-up would quietly
 * turn into another name are refused, not mapped. An "xn--" label must be the A-label of such a U-label.
 *
 * A label that mixes scripts beyond "highly restrictive" (UTS 39 §5.2) reads, and is marked: whether that is an error is
 * for the caller. Labels are looked at one by one, so that a Cyrillic name may stand under ".com".
 *
 * Invariant: linear time; the answer depends on the text alone. Deliberately absent: the root dot, IP addresses in any
 * spelling, underscores, the public suffix list.
 */
import { domainToASCII, domainToUnicode } from 'node:url';

export type DomainReading =
  | {
      ok: true;
      /** Lower-case A-labels, for example "xn--bcher-kva.example". */
      domain: string;
      isMixedScript: boolean;
    }
  | { ok: false; message: string };

const maxOctets = 253;
const maxLabelOctets = 63;

/** Names outside ASCII cost a hundred times more to read, and repeat. */
const cache = new Map<string, DomainReading>();
const maxCached = 2000;

/** Reads one domain with at least one dot. */
export function readDomain(text: string): DomainReading {
  if (text.length > maxOctets) return refused('The domain is longer than 253 octets.');
  switch (classify(text)) {
    case 'plain':
      return { ok: true, domain: text, isMixedScript: false };
    case 'with capitals':
      return { ok: true, domain: text.toLowerCase(), isMixedScript: false };
    case 'international':
      return cached(text);
    case 'single label':
      return refused('The domain needs a dot, as in example.com.');
    case 'number':
      return refused('The domain ends in a number: an IP address is not taken here.');
    case 'not a name':
      return refused(
        'The domain is not a host name: labels of letters, digits and inner hyphens, 1 to 63 octets, parted by dots.',
      );
  }
}

type Kind = 'plain' | 'with capitals' | 'international' | 'single label' | 'number' | 'not a name';

/** One pass over the units. What is not ASCII is left to the slower reading, whatever else is wrong. */
function classify(text: string): Kind {
  let labelStart = 0;
  let labels = 1;
  let isInternational = false;
  let hasCapitals = false;
  for (let i = 0; i <= text.length; i++) {
    const unit = i === text.length ? 0x2e : text.charCodeAt(i);
    if (unit === 0x2e) {
      const length = i - labelStart;
      if (length === 0 || length > maxLabelOctets) return 'not a name';
      if (text.charCodeAt(labelStart) === 0x2d || text.charCodeAt(i - 1) === 0x2d) return 'not a name';
      if (isReserved(text, labelStart)) isInternational = true;
      if (i === text.length) break;
      labelStart = i + 1;
      labels++;
    } else if (unit >= 0x80) {
      isInternational = true;
    } else if (!isLetterDigitHyphen(unit)) {
      return 'not a name';
    } else if (unit >= 0x41 && unit <= 0x5a) {
      hasCapitals = true;
    }
  }
  if (labels === 1) return 'single label';
  if (isInternational) return 'international';
  if (isNumber(text, labelStart)) return 'number';
  return hasCapitals ? 'with capitals' : 'plain';
}

function isLetterDigitHyphen(unit: number): boolean {
  const lower = unit | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (unit >= 0x30 && unit <= 0x39) || unit === 0x2d;
}

/** "xn--" in any case; other labels with two hyphens there are names like any. */
function isReserved(text: string, at: number): boolean {
  return (
    (text.charCodeAt(at) | 0x20) === 0x78 &&
    (text.charCodeAt(at + 1) | 0x20) === 0x6e &&
    text.charCodeAt(at + 2) === 0x2d &&
    text.charCodeAt(at + 3) === 0x2d
  );
}

/** Whether the last label is one that a URL parser takes for a part of an IPv4 address: decimal, or hexadecimal after "0x". */
function isNumber(text: string, at: number): boolean {
  const isHex = text.charCodeAt(at) === 0x30 && (text.charCodeAt(at + 1) | 0x20) === 0x78;
  for (let i = isHex ? at + 2 : at; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const isDigit = unit >= 0x30 && unit <= 0x39;
    if (!isDigit && !(isHex && (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x66)) return false;
  }
  return true;
}

function cached(text: string): DomainReading {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const reading = readInternational(text);
  if (cache.size >= maxCached) cache.clear();
  cache.set(text, reading);
  return reading;
}

/** PVALID and the contextual characters of RFC 5892 but the joiners, which cannot be seen; capitals for their lower case. */
const uLabel = /^[\p{L}\p{M}\p{Nd}\u00b7\u0375\u05f3\u05f4\u06fd\u06fe\u0f0b\u3007\u30fb-]+$/u;

function readInternational(text: string): DomainReading {
  const given = text.normalize('NFC').split('.');
  for (const label of given) {
    if (!uLabel.test(label)) return refused('The domain holds a character that no domain name may hold (RFC 5892).');
  }
  const ascii = domainToASCII(given.join('.'));
  const labels = ascii.split('.');
  if (ascii === '' || labels.length !== given.length) return refused('The domain is not a valid IDN (UTS 46).');
  if (ascii.length > maxOctets || labels.some((label) => label.length > maxLabelOctets)) {
    return refused('The domain is too long once written in A-labels: 63 octets a label, 253 in all.');
  }
  if (isNumber(ascii, ascii.lastIndexOf('.') + 1)) return refused('The domain ends in a number.');
  let isMixedScript = false;
  for (const [index, label] of labels.entries()) {
    const unicode = domainToUnicode(label);
    if (!isSameLabel(given[index]!, label, unicode)) {
      return refused('The domain is spelt with characters that stand for others; give it in its plain form (UTS 46).');
    }
    isMixedScript ||= !isHighlyRestrictive(unicode);
  }
  return { ok: true, domain: ascii, isMixedScript };
}

function isSameLabel(given: string, ascii: string, unicode: string): boolean {
  if (!isReserved(given, 0)) return lowerEach(given) === unicode;
  return (
    unicode !== ascii && uLabel.test(unicode) && lowerEach(unicode) === unicode && domainToASCII(unicode) === ascii
  );
}

/** Letter by letter, as UTS 46 does; String.toLowerCase would make a final sigma of some. */
function lowerEach(text: string): string {
  let lower = '';
  for (const character of text) lower += character.toLowerCase();
  return lower;
}

function refused(message: string): DomainReading {
  return { ok: false, message };
}

/** Scripts in modern use: the recommended ones of UAX 31 table 5 and those of limited use in table 7. */
const scripts =
  'Arabic Armenian Bengali Bopomofo Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Han Hangul Hebrew Hiragana Kannada Katakana Khmer Lao Latin Malayalam Myanmar Oriya Sinhala Tamil Telugu Thaana Thai Tibetan ' +
  'Adlam Balinese Bamum Batak Canadian_Aboriginal Chakma Cham Cherokee Hanifi_Rohingya Javanese Kayah_Li Lepcha Limbu Lisu Mandaic Meetei_Mayek Miao New_Tai_Lue Newa Nko Nyiakeng_Puachue_Hmong Ol_Chiki Osage Saurashtra Sundanese Syloti_Nagri Syriac Tai_Le Tai_Tham Tai_Viet Tifinagh Vai Wancho Yi';

/** What may stand together besides a single script (UTS 39 §5.2, level 3). */
const mixtures = ['Latin Han Hiragana Katakana', 'Latin Han Bopomofo', 'Latin Han Hangul'];

let patterns: RegExp[] | undefined;

/** Whether one identifier is ASCII, of one script, or one of the East Asian mixtures with Latin (UTS 39 §5.2). */
export function isHighlyRestrictive(text: string): boolean {
  patterns ??= [...mixtures, ...scripts.split(' ')].map(scriptPattern);
  return patterns.some((pattern) => pattern.test(text));
}

function scriptPattern(names: string): RegExp {
  const classes = names.split(' ').map((name) => `\\p{Script_Extensions=${name}}`);
  return new RegExp(`^[\\p{Script_Extensions=Common}\\p{Script_Extensions=Inherited}${classes.join('')}]*$`, 'u');
}
