/** Which characters may stand where: the classes that names, subjects, addresses and file names share. */

const controls = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const invisibles = /[\u200b\u2060\ufeff]/;

/** Whether text holds a control character (Cc) or one that changes the direction of what follows (Bidi_Control). */
export function hasControl(text: string): boolean {
  return controls.test(text);
}

/** Whether text holds a blank without width. The joiners U+200C and U+200D are not among them: words and emoji need them. */
export function hasInvisible(text: string): boolean {
  return invisibles.test(text);
}

/** Whether text can be stored and written as UTF-8 everywhere: no lone surrogate, no U+0000. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** Octets in UTF-8, counted only where the length in UTF-16 units leaves doubt. */
export function isWithinOctets(text: string, maxOctets: number): boolean {
  if (text.length > maxOctets) return false;
  return text.length * 3 <= maxOctets || Buffer.byteLength(text) <= maxOctets;
}

/** Whether text has at most that many characters (code points), as a JSON Schema counts them. */
export function isWithinCharacters(text: string, max: number): boolean {
  if (text.length <= max) return true;
  if (text.length > max * 2) return false;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const isPair = unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    if (isPair) i++;
    count++;
  }
  return count <= max;
}

const encoder = new TextEncoder();
const scratch = new Uint8Array(16_384);

/** Octets in UTF-8. Writing a text of a few kilobytes takes half the time of counting. */
export function octetsIn(text: string): number {
  return text.length * 3 > scratch.length ? Buffer.byteLength(text) : encoder.encodeInto(text, scratch).written;
}
