/**
 * Where the mail of a domain goes: its mail hosts in order of preference (RFC 5321 §5.1), or that it takes none.
 *
 * Invariant: only what the DNS states is final (the domain does not exist, takes no mail, has no address); whatever could not be
 * found out is `failed`.
 */
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import type { Dns, MxRecord } from '../../base/dns.ts';

export type MailHosts =
  /** Hosts of equal preference stand together; the first group goes first. */
  | { outcome: 'hosts'; groups: readonly (readonly string[])[]; family: string }
  /** The domain takes no mail; `enhanced` as RFC 3463 and RFC 7505 have it. */
  | { outcome: 'none'; enhanced: '5.1.2' | '5.1.10'; why: string }
  | { outcome: 'failed'; why: string };

/** A domain may name hundreds; nobody needs more to get its mail. */
const MOST_HOSTS = 10;

export async function mailHostsOf(domain: string, dns: Pick<Dns, 'mx' | 'addresses'>): Promise<MailHosts> {
  if (domain.startsWith('[')) return hostsIn([{ exchange: domain, preference: 0 }]);
  const name = domainToASCII(domain);
  if (name === '') return { outcome: 'none', enhanced: '5.1.2', why: `${domain} is no domain name` };
  const found = await dns.mx(name);
  switch (found.outcome) {
    case 'failed':
      return { outcome: 'failed', why: `the mail hosts of ${domain} cannot be looked up now: ${found.message}` };
    case 'nxdomain':
      return { outcome: 'none', enhanced: '5.1.2', why: `the domain ${domain} does not exist` };
    case 'none':
      return implicitHost(name, dns);
    case 'found':
      return hostsOfRecords(domain, found.records);
  }
}

function hostsOfRecords(domain: string, records: readonly MxRecord[]): MailHosts {
  const named = records.filter(({ exchange }) => exchange !== '');
  if (named.length === 0) {
    return { outcome: 'none', enhanced: '5.1.10', why: `the domain ${domain} takes no mail (null MX)` };
  }
  // An address is no host name (RFC 1035 §3.3.9).
  const usable = named.filter(({ exchange }) => isIP(exchange) === 0);
  if (usable.length > 0) return hostsIn(usable);
  return { outcome: 'failed', why: `the MX records of ${domain} name addresses where host names belong` };
}

/** Without MX records the domain is its own mail host, if it has an address. */
async function implicitHost(domain: string, dns: Pick<Dns, 'addresses'>): Promise<MailHosts> {
  const { outcome, ...rest } = await dns.addresses(domain);
  if (outcome === 'found') return hostsIn([{ exchange: domain, preference: 0 }]);
  if (outcome === 'failed') {
    const said = 'message' in rest ? rest.message : '';
    return { outcome: 'failed', why: `the address of ${domain} cannot be looked up now: ${said}` };
  }
  return { outcome: 'none', enhanced: '5.1.2', why: `no MX records and no address: mail for ${domain} leads nowhere` };
}

function hostsIn(records: readonly MxRecord[]): MailHosts {
  const sorted = records.toSorted((one, other) => one.preference - other.preference).slice(0, MOST_HOSTS);
  const groups = Map.groupBy(sorted, ({ preference }) => preference);
  const hosts = [...groups.values()].map((group) => [...new Set(group.map(({ exchange }) => exchange))].sort());
  return { outcome: 'hosts', groups: hosts, family: familyOf(hosts[0]!) };
}

/** Second-level names under which others register theirs ("example.co.uk"); of country codes alone. */
const SHARED_SECOND = new Set(['ac', 'co', 'com', 'edu', 'gob', 'gov', 'gov', 'ne', 'net', 'or', 'org']);

/**
 * Who runs these hosts, as far as their names say: "google.com" for aspmx.l.google.com. Several are joined by "+". A guess, and
 * good for shaping traffic alone.
 */
function familyOf(hosts: readonly string[]): string {
  return [...new Set(hosts.map(ownerOf))].sort().join('+');
}

function ownerOf(host: string): string {
  if (host.startsWith('[')) return host;
  const labels = host.split('.');
  const [second = '', last = ''] = labels.slice(-2);
  const kept = last.length === 2 && SHARED_SECOND.has(second) ? 3 : 2;
  return labels.slice(-kept).join('.');
}
