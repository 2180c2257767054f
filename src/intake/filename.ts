/**
 * Names of attached files: a base name that any system can show, never a path, never a program in disguise.
 *
 * Whether an ending is blocked is judged on what the recipient's system would make of the name, not on its spelling: in
 * compatibility form (full-width letters), without characters that cannot be seen, without the dots and blanks at the end
 * that Windows drops, at every colon (NTFS streams), and for class ids, which Windows treats as endings.
 * The list is in blocked-extensions.ts. Deliberately absent: looking inside archives; endings before the last one, since
 * only the last one decides what opens the file.
 */
import { isHighlyRestrictive } from '../base/domain.ts';
import { hasControl, hasInvisible, isStorable } from '../base/text.ts';
import { blockedExtensions } from './blocked-extensions.ts';

export type FilenameReading =
  | { ok: true; filename: string }
  | { ok: false; code: 'attachment_rejected' | 'invalid_parameter'; message: string };

/** What a file without a usable name is called. */
export const defaultFilename = 'attachment';

/** Longer ones are no names but attacks; shorter ones are cut to `maxOctets`. */
const maxGivenLength = 4096;
const maxOctets = 255;
const maxKeptExtensionOctets = 64;

/** Slashes of both kinds, and the characters that become one in compatibility form. */
const separator = /[/\\\uff0f\uff3c\ufe68]/;

/** Reads a file name as a caller gave it. */
export function readFilename(name: string): FilenameReading {
  if (name.length > maxGivenLength) return invalid('A file name has at most 255 octets.');
  if (!isStorable(name)) return invalid('A file name holds no lone surrogates and no U+0000.');
  if (hasControl(name)) {
    return invalid('A file name holds no control characters and none that change the direction of text.');
  }
  if (hasInvisible(name)) return invalid('A file name holds no blanks without width.');
  const base = name.split(separator).at(-1)!;
  const filename = withoutTail(base);
  if (filename === '') return { ok: true, filename: defaultFilename };
  // A cut may leave another ending than the one that was looked at.
  const kept = cut(filename);
  const trouble = endingTrouble(filename) ?? (kept === filename ? null : endingTrouble(kept));
  if (trouble !== null) return { ok: false, code: 'attachment_rejected', message: trouble };
  return { ok: true, filename: kept };
}

function invalid(message: string): FilenameReading {
  return { ok: false, code: 'invalid_parameter', message };
}

const blankOrDot = /[\s.\u2024\ufe52\uff0e\u3002]/;

/** Without dots and blanks at the end, of any kind; ".." and the like vanish. */
function withoutTail(name: string): string {
  let end = name.length;
  while (end > 0 && blankOrDot.test(name.charAt(end - 1))) end--;
  return name.slice(0, end);
}

const unseen = /[\p{Default_Ignorable_Code_Point}\s]/gu;

function endingTrouble(filename: string): string | null {
  const plain = filename.normalize('NFKC').replace(unseen, '').toLowerCase();
  for (const part of plain.split(':')) {
    const stem = withoutTail(part);
    const ending = stem.slice(stem.lastIndexOf('.') + 1);
    if (ending === stem) continue;
    if (blockedExtensions.has(ending)) return `Files that end in ".${ending}" are not sent: they may run on opening.`;
    if (ending.startsWith('{')) return 'Files that end in a class id are not sent: it hides what opens them.';
    if (!isHighlyRestrictive(ending)) return "The file name's ending mixes scripts, as only a disguise does.";
  }
  return null;
}

/** At most 255 octets, between characters, with the ending kept where it is of sensible length. */
function cut(filename: string): string {
  if (Buffer.byteLength(filename) <= maxOctets) return filename;
  const dot = filename.lastIndexOf('.');
  const ending = dot > 0 && Buffer.byteLength(filename.slice(dot)) <= maxKeptExtensionOctets ? filename.slice(dot) : '';
  const room = maxOctets - Buffer.byteLength(ending);
  let octets = 0;
  let stem = '';
  for (const character of filename) {
    octets += Buffer.byteLength(character);
    if (octets > room) break;
    stem += character;
  }
  return withoutTail(stem) + ending;
}
