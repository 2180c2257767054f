/** What a look-up in the DNS says. The same shape as look-ups give it, so that judging its content needs no network. */
export type DnsText =
  | { outcome: 'found'; records: string[] }
  /** The name exists without such a record, or does not exist. */
  | { outcome: 'none' }
  | { outcome: 'nxdomain' }
  /** Nobody could say: nothing follows from it. */
  | { outcome: 'failed'; message: string };

const MOST_SHOWN = 600;

/** Text from the DNS as people may read it: without controls, each octet as it came, cut where it is very long. */
export function shown(text: string): string {
  const cut = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
  let plain = '';
  for (const character of cut) {
    const code = character.charCodeAt(0);
    plain += code < 0x20 || (code >= 0x7f && code < 0xa0) ? `\\${String(code).padStart(3, '0')}` : character;
  }
  return plain;
}

/** `name=value` pairs between semicolons (RFC 6376 §3.2): names in lower case, the first of a name counts. */
export function tagsOf(text: string): Map<string, string> {
  const tags = new Map<string, string>();
  for (const pair of text.split(';')) {
    const at = pair.indexOf('=');
    if (at <= 0) continue;
    const name = pair.slice(0, at).trim().toLowerCase();
    if (!tags.has(name)) tags.set(name, pair.slice(at + 1).trim());
  }
  return tags;
}

/** Characters that people take along when they copy a value, and that no value of ours holds. */
const STRAY = /["'`\\\u0093\u0094]|\u00e2\u0080[\u0098-\u009e]/g;

/** The value without quotation marks and backslashes that were published with it. */
export function unquoted(text: string): string {
  return text.replaceAll(STRAY, '').trim();
}

export function hasStray(text: string): boolean {
  return unquoted(text) !== text.trim();
}
