/** Addresses for peers that know ASCII alone. */
import { domainToASCII } from 'node:url';

/** The address with its domain in A-labels (RFC 5890 §2.3.2.1); null where its local part is beyond ASCII, which has no such form. */
export function asciiAddress(email: string): string | null {
  const at = email.lastIndexOf('@');
  const local = email.slice(0, at);
  if (!/^\p{ASCII}*$/u.test(local)) return null;
  const domain = email.slice(at + 1);
  return `${local}@${domainToASCII(domain) || domain}`;
}
