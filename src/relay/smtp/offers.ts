/** The extensions that a next hop offers in its answer to EHLO. */
import type { Reply } from './reply-parser.ts';

/** What the last EHLO offered. */
export type Offers = {
  /** RFC 2920. */
  isPipelining: boolean;
  /** RFC 6152. */
  hasEightBitMime: boolean;
  /** RFC 6531. */
  hasSmtpUtf8: boolean;
  /** RFC 3207. */
  hasStartTls: boolean;
  /** RFC 1870: null where not offered, 0 where offered without a limit. */
  maxBytes: number | null;
  /** RFC 4954, upper case. */
  authMechanisms: string[];
};

/** Reads the keywords of an EHLO reply (RFC 5321 §4.1.1.1); the first line is the greeting. */
export function readOffers(reply: Reply): Offers {
  const keywords = new Map<string, string>();
  for (const line of reply.lines.slice(1)) {
    // "AUTH=PLAIN" is how servers wrote it before RFC 2554.
    const [keyword = '', ...parameters] = line
      .toUpperCase()
      .replace('AUTH=', 'AUTH ')
      .trim()
      .split(/[ \t]+/);
    keywords.set(keyword, `${keywords.get(keyword) ?? ''} ${parameters.join(' ')}`.trim());
  }
  const size = keywords.get('SIZE');
  return {
    isPipelining: keywords.has('PIPELINING'),
    hasEightBitMime: keywords.has('8BITMIME'),
    hasSmtpUtf8: keywords.has('SMTPUTF8'),
    hasStartTls: keywords.has('STARTTLS'),
    maxBytes: size === undefined ? null : /^\d{1,15}$/.test(size) ? Number(size) : 0,
    authMechanisms: keywords.get('AUTH')?.split(' ') ?? [],
  };
}
