/**
 * What an address tells by itself, before anybody has written to it: a role in place of a person, a domain that gives out
 * addresses to be thrown away, a slip of the keyboard. Hints for warnings, in time linear in the address.
 *
 * The list of disposable domains is data (disposable-domains.txt, in the public domain, see its licence beside it).
 */
import { readFileSync } from 'node:fs';

export type AddressTraits = {
  /** The role that the local part names, or null. */
  role: string | null;
  isDisposable: boolean;
  /** The address that may have been meant, or null. */
  suggestion: string | null;
};

/** Names of roles and services: RFC 2142 §3 to §5. Longer lists name many people as well. */
const ROLES: ReadonlySet<string> = new Set([
  'info',
  'marketing',
  'sales',
  'support',
  'abuse',
  'noc',
  'security',
  'postmaster',
  'hostmaster',
  'usenet',
  'news',
  'webmaster',
  'www',
  'uucp',
  'ftp',
]);

const LONGEST_ROLE = Math.max(...[...ROLES].map((role) => role.length));

/** Providers that many people have addresses at, long enough that a slip is likelier than another domain. */
const WELL_KNOWN: readonly string[] = [
  'gmail.com',
  'googlemail.com',
  'yahoo.com',
  'yahoo.co.uk',
  'yahoo.fr',
  'yahoo.de',
  'yahoo.co.jp',
  'hotmail.com',
  'hotmail.co.uk',
  'hotmail.fr',
  'outlook.com',
  'live.com',
  'icloud.com',
  'comcast.net',
  'verizon.net',
  'protonmail.com',
  'proton.me',
  't-online.de',
  'freenet.de',
  'web.de',
  'gmx.de',
  'gmx.net',
  'orange.fr',
  'wanadoo.fr',
  'laposte.net',
  'libero.it',
  'yandex.ru',
  'rambler.ru',
  'aol.com',
  'msn.com',
  'mail.ru',
  'qq.com',
  '163.com',
];
const KNOWN: ReadonlySet<string> = new Set(WELL_KNOWN);
/** Shorter names have neighbours that are domains in their own right. */
const LEAST_LENGTH = 9;
const TARGETS = WELL_KNOWN.filter((domain) => domain.length >= LEAST_LENGTH);
/** One slip away from a well-known name, and real. */
const NEIGHBOURS: ReadonlySet<string> = new Set([
  'mail.com',
  'email.com',
  'ymail.com',
  'gmx.com',
  'yahoo.co',
  'live.co',
]);

/** No listed domain has more. */
const MOST_LABELS = 5;

let disposable: ReadonlySet<string> | null = null;

function disposableDomains(): ReadonlySet<string> {
  disposable ??= new Set(
    readFileSync(new URL('disposable-domains.txt', import.meta.url), 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
  );
  return disposable;
}

/** Whether the domain, or one that it lies below, gives out addresses to be thrown away. */
function isDisposable(domain: string): boolean {
  const domains = disposableDomains();
  let dot = domain.lastIndexOf('.');
  for (let labels = 2; labels <= MOST_LABELS && dot > 0; labels += 1) {
    dot = domain.lastIndexOf('.', dot - 1);
    if (domains.has(domain.slice(dot + 1))) return true;
  }
  return false;
}

/** Whether one letter left out, put in, put in place of another, or changed with its neighbour makes `a` of `b`. */
export function isOneSlipApart(a: string, b: string): boolean {
  if (a === b || Math.abs(a.length - b.length) > 1) return false;
  const short = Math.min(a.length, b.length);
  let start = 0;
  while (start < short && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < short - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const restA = a.slice(start, a.length - end);
  const restB = b.slice(start, b.length - end);
  if (restA.length <= 1 && restB.length <= 1) return true;
  return restA.length === 2 && restB.length === 2 && restA[0] === restB[1] && restA[1] === restB[0];
}

function meantDomain(domain: string): string | null {
  if (KNOWN.has(domain) || NEIGHBOURS.has(domain)) return null;
  return TARGETS.find((target) => isOneSlipApart(domain, target)) ?? null;
}

type DomainTraits = { isDisposable: boolean; meant: string | null };

const MOST_KNOWN = 10_000;
const known = new Map<string, DomainTraits>();

function domainTraits(domain: string): DomainTraits {
  let traits = known.get(domain);
  if (traits === undefined) {
    if (known.size >= MOST_KNOWN) known.clear();
    traits = { isDisposable: isDisposable(domain), meant: meantDomain(domain) };
    known.set(domain, traits);
  }
  return traits;
}

/**
 * The role of the local part that the first `length` units of a key are, whatever stands behind a `+`; `-request` is that of a
 * mailing list (RFC 2142 §6).
 */
function roleOf(key: string, length: number): string | null {
  const plus = key.indexOf('+');
  const end = plus === -1 ? length : Math.min(plus, length);
  if (end <= LONGEST_ROLE) {
    const name = key.slice(0, end);
    if (ROLES.has(name)) return name;
  }
  return key.endsWith('-request', end) ? 'list' : null;
}

/** What the key of an address tells; null where that is nothing, as for most. */
export function addressTraits(key: string, domain: string): AddressTraits | null {
  const length = key.length - domain.length - 1;
  const role = roleOf(key, length);
  const { isDisposable, meant } = domainTraits(domain);
  if (role === null && !isDisposable && meant === null) return null;
  return { role, isDisposable, suggestion: meant === null ? null : `${key.slice(0, length)}@${meant}` };
}
