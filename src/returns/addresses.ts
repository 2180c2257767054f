/** Finding mail addresses in text that servers wrote. Every look is bounded: an address has at most 320 octets. */

/** One address; domains without a dot count, since reports name local hosts. */
const ADDRESS = /[^\s<>()[\]"',;:@\\|{}]{1,64}@[\p{L}\p{N}_][\p{L}\p{N}._-]{0,252}/gu;
const MAX_CHARS = 64 * 1024;

/** The addresses in the text, as written but for a full stop at the end, each once (without regard to case), in order. */
export function addressesIn(text: string, most = 100): string[] {
  const found = new Map<string, string>();
  // A run without an @ costs 64 steps for each octet at most, since the local part is bounded.
  for (const line of text.slice(0, MAX_CHARS).split('\n')) {
    if (!line.includes('@')) continue;
    for (const [match] of line.matchAll(ADDRESS)) {
      const address = tidy(match);
      if (address === null) continue;
      const key = address.toLowerCase();
      if (!found.has(key)) found.set(key, address);
      if (found.size >= most) return [...found.values()];
    }
  }
  return [...found.values()];
}

function tidy(match: string): string | null {
  const address = match.replace(/^(?:mailto:|\*)/i, '').replace(/[._-]{1,10}$/, '');
  const at = address.indexOf('@');
  return at > 0 && at < address.length - 1 ? address : null;
}

/** The address of a field like "rfc822; <a@b.example>" or "Name <a@b.example>" (also one without a domain), or null. */
export function addressOfField(field: string): string | null {
  const semicolon = field.indexOf(';');
  const isTyped = semicolon > 0 && semicolon < 20 && !field.slice(0, semicolon).includes('@');
  const value = (isTyped ? field.slice(semicolon + 1) : field).slice(0, 1_000);
  const quoted = /"([^"\\]{1,64})"@([A-Za-z0-9._-]{1,253})/.exec(value);
  if (quoted !== null) return `"${quoted[1]}"@${quoted[2]}`;
  const bracketed = /<([^<>]{1,320})>/.exec(value)?.[1];
  const within = addressesIn(bracketed?.includes('@') ? bracketed : value, 1)[0];
  if (within !== undefined) return within;
  const bare = (bracketed ?? value).replace(/\([^()]{0,200}\)/g, ' ').trim();
  return /^[^\s<>@]{1,64}$/.test(bare) ? bare : null;
}

export function isSameAddress(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
