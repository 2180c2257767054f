/**
 * Strict reading of a JSON body (RFC 8259), as I-JSON asks (RFC 7493 §2): what JSON.parse would silently mend or drop is
 * refused or reported here.
 *
 * Refused as malformed: invalid UTF-8 (never replaced by U+FFFD), a byte order mark, nesting or numbers of parts beyond a
 * cap, a key that stands twice in one object. Reported as flaws, with the place of each: lone surrogates and U+0000 in strings and keys,
 * numbers that a double cannot hold (an overflow, an integer beyond 2^53 - 1). A flaw is not malformed JSON: the caller
 * answers it as an invalid value of that field.
 *
 * Invariant: one pass over the text outside strings, one over the parsed value; linear whatever the input. The text is
 * measured before it is parsed, so that nothing here or later recurses deeper than the cap. Deliberately absent: a parser
 * of our own (JSON.parse is several times faster than any), limits of size (the server's matter).
 */
import { isAscii, isUtf8 } from 'node:buffer';

/** One value that JSON may spell but that cannot be kept as it was meant. */
export type JsonFlaw = {
  /** Where it stands, for example "to[0].name". */
  param: string;
  message: string;
};

export type JsonReading =
  | { ok: true; value: unknown; flaws: readonly JsonFlaw[] }
  | {
      ok: false;
      code: 'malformed_request';
      message: string;
      /** Where reading stopped, in UTF-16 units from the start, where it is known. */
      offset?: number;
    };

export type JsonLimits = {
  /** How deep arrays and objects may nest; 32 unless said. */
  maxDepth?: number;
  /** How many object members, objects and lists it may have together; 200,000 unless said. */
  maxParts?: number;
};

const noFlaws: readonly JsonFlaw[] = Object.freeze([]);
const defaultMaxDepth = 32;
/** A million keys take JSON.parse more than a second; a batch of 500 large messages has about 50,000 parts. */
const defaultMaxParts = 200_000;
const maxFlaws = 100;
const maxShownKey = 64;

/** Reads one JSON text. Never throws on input; U+0000 and lone surrogates can only come from escapes, so they are looked for only then. */
export function parseJson(bytes: Uint8Array, limits: JsonLimits = {}): JsonReading {
  const maxDepth = limits.maxDepth ?? defaultMaxDepth;
  const maxParts = limits.maxParts ?? defaultMaxParts;
  const isPlain = isAscii(bytes);
  if (!isPlain && !isUtf8(bytes)) return malformed('The body is not valid UTF-8.');
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    return malformed('The body begins with a byte order mark; leave it out.', 0);
  }
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString(isPlain ? 'latin1' : 'utf8');
  const { members, objects, hasNumbers, tooDeepAt, tooManyAt } = measure(text, maxDepth, maxParts);
  if (tooDeepAt !== -1) return malformed(`The body nests deeper than ${maxDepth} levels.`, tooDeepAt);
  if (tooManyAt !== -1) return malformed(`The body has more than ${maxParts} members, objects and lists.`, tooManyAt);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (fault) {
    return notJson(fault);
  }
  const census: Census = { keys: 0, hasInexactNumber: false };
  // In one object without a number there is nothing but its keys to look at.
  if (objects === 1 && !hasNumbers && isObject(value)) census.keys = countKeys(value);
  else take(value, census);
  if (census.keys !== members) return malformed(duplicateMessage(text));
  const isFlawed = census.hasInexactNumber || mayHoldBadText(text);
  return { ok: true, value, flaws: isFlawed ? findFlaws(value) : noFlaws };
}

/**
 * The flaws of a value that did not come through `parseJson`, or of a part of one: at most 100, in order of appearance.
 * `param` is where the value itself stands. Nesting beyond 32 levels is one too.
 */
export function findFlaws(value: unknown, param = ''): JsonFlaw[] {
  const flaws: JsonFlaw[] = [];
  collect(value, param, flaws, 0);
  return flaws;
}

/** A key as it may stand in an answer: well-formed, without control characters, cut to 64 characters. */
export function showKey(key: string): string {
  const shown = key.length > maxShownKey ? `${key.slice(0, maxShownKey)}…` : key;
  return shown.toWellFormed().replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}

function malformed(message: string, offset?: number): JsonReading {
  return offset === undefined
    ? { ok: false, code: 'malformed_request', message }
    : { ok: false, code: 'malformed_request', message, offset };
}

/** The engine's own text is not passed on: it quotes the body. */
function notJson(fault: unknown): JsonReading {
  const said = fault instanceof Error ? fault.message : '';
  if (said.startsWith('Unexpected end')) return malformed('The body is not valid JSON: it ends too early.');
  const position = /at position (\d{1,10})/.exec(said)?.[1];
  if (position === undefined) return malformed('The body is not valid JSON.');
  return malformed(`The body is not valid JSON: it goes wrong at character ${position}.`, Number(position));
}

type Measure = { members: number; objects: number; hasNumbers: boolean; tooDeepAt: number; tooManyAt: number };

/** Counts object members (colons outside strings) and brackets, in a text that may yet turn out to be no JSON. */
function measure(text: string, maxDepth: number, maxParts: number): Measure {
  const found: Measure = { members: 0, objects: 0, hasNumbers: false, tooDeepAt: -1, tooManyAt: -1 };
  let depth = 0;
  let parts = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    switch (unit) {
      case 0x22:
        i = endOfString(text, i);
        continue;
      case 0x3a:
        found.members++;
        break;
      case 0x5b:
      case 0x7b:
        if (unit === 0x7b) found.objects++;
        if (++depth <= maxDepth) break;
        found.tooDeepAt = i;
        return found;
      case 0x5d:
      case 0x7d:
        depth--;
        continue;
      default:
        if (unit >= 0x30 && unit <= 0x39) found.hasNumbers = true;
        continue;
    }
    if (++parts <= maxParts) continue;
    found.tooManyAt = i;
    return found;
  }
  return found;
}

/** The index of the quote that closes the string opened at `start`, or the text's length where none does. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end !== -1) {
    let before = end - 1;
    while (text.charCodeAt(before) === 0x5c) before--;
    const backslashes = end - 1 - before;
    if (backslashes % 2 === 0) return end;
    end = text.indexOf('"', end + 1);
  }
  return text.length;
}

type Census = { keys: number; hasInexactNumber: boolean };

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function countKeys(value: object): number {
  let keys = 0;
  for (const _ in value) keys++;
  return keys;
}

/** Duplicate keys melt into one in the parsed value, so fewer keys than members means that one stands twice. */
function take(value: unknown, census: Census): void {
  if (typeof value === 'number') {
    if (!isExact(value)) census.hasInexactNumber = true;
  } else if (Array.isArray(value)) {
    for (const element of value) take(element, census);
  } else if (typeof value === 'object' && value !== null) {
    for (const key in value) {
      census.keys++;
      take((value as Record<string, unknown>)[key], census);
    }
  }
}

function isExact(value: number): boolean {
  return Number.isFinite(value) && (Math.abs(value) <= Number.MAX_SAFE_INTEGER || !Number.isInteger(value));
}

function mayHoldBadText(text: string): boolean {
  return text.includes('\\u') && /\\u(?:0000|[dD][89a-fA-F])/.test(text);
}

function duplicateMessage(text: string): string {
  const open: (Set<string> | null)[] = [];
  let lastStart = 0;
  let lastEnd = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x22) {
      lastStart = i;
      i = endOfString(text, i);
      lastEnd = i;
    } else if (unit === 0x7b || unit === 0x5b) {
      open.push(unit === 0x7b ? new Set() : null);
    } else if (unit === 0x7d || unit === 0x5d) {
      open.pop();
    } else if (unit === 0x3a) {
      const key = JSON.parse(text.slice(lastStart, lastEnd + 1)) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return `The key "${showKey(key)}" stands twice in one object.`;
      keys?.add(key);
    }
  }
  return 'A key stands twice in one object.';
}

function collect(value: unknown, param: string, flaws: JsonFlaw[], depth: number): void {
  if (flaws.length >= maxFlaws) return;
  if (depth > defaultMaxDepth) {
    flaws.push({ param, message: `It nests deeper than ${defaultMaxDepth} levels.` });
    return;
  }
  if (typeof value === 'string') {
    const trouble = textTrouble(value);
    if (trouble !== null) flaws.push({ param, message: `It holds ${trouble}.` });
  } else if (typeof value === 'number') {
    if (!isExact(value)) flaws.push({ param, message: 'The number is too large to be kept exactly.' });
  } else if (Array.isArray(value)) {
    value.forEach((element, index) => {
      collect(element, `${param}[${index}]`, flaws, depth + 1);
    });
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      const place = param === '' ? showKey(key) : `${param}.${showKey(key)}`;
      const trouble = textTrouble(key);
      if (trouble !== null) flaws.push({ param: place, message: `Its key holds ${trouble}.` });
      collect(member, place, flaws, depth + 1);
    }
  }
}

function textTrouble(text: string): string | null {
  if (!text.isWellFormed()) return 'a lone surrogate, which is no character';
  return text.includes('\0') ? 'the character U+0000' : null;
}
