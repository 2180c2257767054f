/**
 * Which names anybody may register below (the public suffix list, with names of private owners such as hosting companies), and
 * which the DNS of the world does not know.
 */
import { parse } from 'tldts';

const OPTIONS = { allowPrivateDomains: true, validateHostname: false } as const;

/** Names of RFC 6761, RFC 6762 and RFC 7686: nobody can publish records there that others see. */
const LOCAL = new Set(['localhost', 'local', 'invalid', 'onion', 'alt', 'arpa', 'internal']);

/** A name below which others register theirs, such as `co.uk` or `github.io`. `domain` in lower-case A-labels. */
export function isPublicSuffix(domain: string): boolean {
  return parse(domain, OPTIONS).publicSuffix === domain;
}

/** The name that somebody registered at or above this one (RFC 7489 §3.2), or null. */
export function registeredDomain(domain: string): string | null {
  return parse(domain, OPTIONS).domain;
}

export function isLocalName(domain: string): boolean {
  return LOCAL.has(domain.slice(domain.lastIndexOf('.') + 1));
}
