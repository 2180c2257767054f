/** What is wrong with the addresses that links and images have. Pure, and linear in their length. */

/** Attributes that lead somewhere. */
const LEADING: ReadonlySet<string> = new Set(['href', 'src', 'action', 'formaction', 'background', 'poster']);
const LOCAL = /^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/?#]|$)/;
const CARRIED: ReadonlySet<string> = new Set(['javascript:', 'vbscript:', 'data:', 'file:']);

export function isLeading(attribute: string): boolean {
  return LEADING.has(attribute);
}

const NAMED: Readonly<Record<string, string>> = { colon: ':', tab: '', newline: '', amp: '&', sol: '/' };

/** An address as a browser takes it: entities decoded, controls and blanks left out, in lower case. Its beginning is enough. */
function plainAddress(value: string): string {
  return value
    .slice(0, 400)
    .replace(/&#(?:x([0-9a-f]{1,6})|([0-9]{1,7}));?/gi, (_, hex?: string, decimal?: string) => {
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : '';
    })
    .replace(/&([a-z]{1,8});/gi, (whole, name: string) => NAMED[name.toLowerCase()] ?? whole)
    .replace(/[\u0000-\u0020\u007f\u00ad\u200b]/g, '')
    .toLowerCase();
}

/** The scheme that runs or carries code or files, or null. */
export function carriedScheme(value: string): string | null {
  // Most addresses need no second look.
  if (value.startsWith('https://')) return null;
  const address = plainAddress(value);
  const scheme = address.slice(0, address.indexOf(':') + 1);
  return CARRIED.has(scheme) ? scheme : null;
}

const ASSIGNED = /(?:href|src|action|background|poster)\s{0,200}=\s{0,200}["']?/gi;

/** Whether HTML may hold an address with such a scheme; read as plain text, so it may also only look so. */
export function mayCarry(html: string): boolean {
  for (const match of html.matchAll(ASSIGNED)) {
    const from = match.index + match[0].length;
    if (carriedScheme(html.slice(from, from + 200)) !== null) return true;
  }
  return false;
}

export function isPlainHttp(value: string): boolean {
  const address = plainAddress(value);
  return address.startsWith('http:') && !LOCAL.test(address);
}

/** Why a link leads nowhere, or null. What Liquid writes is taken to be right. */
export function linkFault(value: string): string | null {
  const address = value.trim();
  if (address === '' || address === '#') return 'it is empty';
  if (address.startsWith('{') || address.startsWith('#')) return null;
  const withoutLiquid = address.replace(/\{\{[^}]*\}\}|\{%[^%]*%\}/g, 'x');
  if (/\s/.test(withoutLiquid)) return 'it holds a blank';
  const scheme = /^([a-z][a-z0-9+.-]{0,30}):/i.exec(withoutLiquid)?.[1]?.toLowerCase();
  if (scheme === undefined) return 'it is relative, and mail has no place to start from';
  if (scheme !== 'http' && scheme !== 'https') return null;
  return /^https?:\/\/[^/?#]/i.test(withoutLiquid) ? null : 'it has no host';
}
