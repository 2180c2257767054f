/** The file name in a Content-Disposition header (RFC 6266), read in one pass; anything odd is no name. */

/** The name, from `filename*` (RFC 8187, UTF-8 alone) before `filename`; null where there is none that can be read. */
export function dispositionFilename(header: string | undefined): string | null {
  if (header === undefined) return null;
  const values = new Map<string, string>();
  let at = header.indexOf(';');
  while (at >= 0 && at < header.length) {
    const equals = header.indexOf('=', at + 1);
    if (equals < 0) break;
    const name = header
      .slice(at + 1, equals)
      .trim()
      .toLowerCase();
    const { value, end } = readValue(header, equals + 1);
    if (!values.has(name)) values.set(name, value);
    at = header.indexOf(';', end);
  }
  const extended = values.get('filename*');
  return (extended === undefined ? null : decodeExtended(extended)) ?? values.get('filename') ?? null;
}

/** A token, or a quoted string with its escapes undone (RFC 9110 §5.6.4). */
function readValue(header: string, from: number): { value: string; end: number } {
  let at = from;
  while (header[at] === ' ') at++;
  if (header[at] !== '"') {
    const end = header.indexOf(';', at);
    const stop = end < 0 ? header.length : end;
    return { value: latinAsUtf8(header.slice(at, stop).trim()), end: stop };
  }
  let value = '';
  for (at += 1; at < header.length && header[at] !== '"'; at++) {
    if (header[at] === '\\' && at + 1 < header.length) at++;
    value += header[at];
  }
  return { value: latinAsUtf8(value), end: at + 1 };
}

/** Node reads headers as Latin-1; most clients that put other letters there send UTF-8. */
function latinAsUtf8(text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return text;
  }
}

function decodeExtended(value: string): string | null {
  const [charset, , encoded] = value.split("'", 3);
  if (charset?.toLowerCase() !== 'utf-8' || encoded === undefined) return null;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return null;
  }
}
