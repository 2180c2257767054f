/**
 * A look at the records of one sender domain: asks the DNS and says of each record what was found. Where one is missing, places
 * at which people put it by mistake are asked too, so that the sentence can name the mistake.
 */
import type { Dns, DnsAnswer, MxRecord } from '../base/dns.ts';
import { registeredDomain } from '../base/public-suffix.ts';
import { shown } from '../core/dns-answer.ts';
import {
  judgeDkim,
  judgeDmarc,
  judgeOwnership,
  judgeReturnPath,
  judgeSpf,
  unanswered,
} from '../core/record-judgement.ts';
import {
  isTheRecord,
  misplacements,
  type RecordFinding,
  returnDomainOf,
  type SenderRecord,
  senderRecords,
} from '../core/sender-records.ts';
import type { ManagedDomain } from '../data/port/domains.ts';

export type DomainDns = Pick<Dns, 'txt' | 'mx' | 'cname'>;

export type DomainLook = {
  findings: Record<string, RecordFinding>;
  /** Hosts that take the gateway's bounces, the first to be published first. */
  bounceHosts: string[];
};

export async function lookAtDomain(dns: DomainDns, domain: ManagedDomain, gateway: string): Promise<DomainLook> {
  const gatewayMx = await dns.mx(returnDomainOf(gateway));
  const bounceHosts = hostsOf(gatewayMx, gateway);
  const { name, token, keys } = domain;
  const records = senderRecords({ domain: name, token, keys, gateway, bounceHost: bounceHosts[0]! });
  const looked = await Promise.all(
    records.map(async (record): Promise<[string, RecordFinding]> => {
      const finding = await lookAt(dns, record, { domain, gateway, gatewayMx, bounceHosts });
      const isMissing = finding.state === 'missing';
      return [record.key, isMissing ? await explainMissing(dns, record, finding, domain.name) : finding];
    }),
  );
  return { findings: Object.fromEntries(looked), bounceHosts };
}

/** Where the operator has bounces taken, by preference, and the gateway itself. */
export function hostsOf(answer: DnsAnswer<MxRecord>, gateway: string): string[] {
  const listed = answer.outcome === 'found' ? [...answer.records].sort((a, b) => a.preference - b.preference) : [];
  const hosts = listed.map(({ exchange }) => exchange).filter((exchange) => exchange !== '');
  return [...new Set([...hosts, gateway])];
}

type About = {
  domain: ManagedDomain;
  gateway: string;
  gatewayMx: DnsAnswer<MxRecord>;
  bounceHosts: readonly string[];
};

async function lookAt(dns: DomainDns, record: SenderRecord, about: About): Promise<RecordFinding> {
  const { name, purpose } = record;
  const alias = returnDomainOf(about.gateway);
  if (purpose === 'return_path') {
    const [mx, cname] = await Promise.all([dns.mx(name), dns.cname(name)]);
    const { domain, bounceHosts: hosts, gatewayMx } = about;
    const finding = judgeReturnPath({ name, domain: domain.name, hosts, alias, mx, cname });
    // Where the gateway's own hosts are not known, none can be called a wrong one.
    return finding.state === 'mismatch' && gatewayMx.outcome === 'failed'
      ? unanswered(alias, gatewayMx.message)
      : finding;
  }
  const answer = await dns.txt(name);
  switch (purpose) {
    case 'ownership':
      return judgeOwnership(answer, name, record.value);
    case 'spf':
      return viaAlias(dns, name, alias, judgeSpf(answer, name, alias));
    case 'dmarc':
      return judgeDmarc(answer, name);
    default: {
      const { keys } = about.domain;
      const expected = keys.find(({ selector }) => name.startsWith(`${selector}.`))!;
      return judgeDkim(
        answer,
        name,
        expected,
        keys.filter((key) => key !== expected),
      );
    }
  }
}

/** An alias to the gateway's return path brings the gateway's own SPF record with it. */
async function viaAlias(dns: DomainDns, name: string, alias: string, finding: RecordFinding): Promise<RecordFinding> {
  if (finding.state !== 'missing' && finding.state !== 'mismatch') return finding;
  const cname = await dns.cname(name);
  if (cname.outcome === 'failed') return unanswered(name, cname.message);
  const isAlias = cname.outcome === 'found' && cname.records[0]?.replace(/\.$/, '').toLowerCase() === alias;
  return isAlias ? { state: 'found', found: `CNAME ${alias}`, problem: null } : finding;
}

async function explainMissing(
  dns: DomainDns,
  record: SenderRecord,
  finding: RecordFinding,
  domain: string,
): Promise<RecordFinding> {
  const places = misplacements(record, domain);
  const [cname, inherited, ...answers] = await Promise.all([
    dns.cname(record.name),
    record.purpose === 'dmarc' ? inheritedDmarc(dns, domain) : null,
    ...places.map(({ name }) => dns.txt(name)),
  ]);
  if (inherited !== null) return inherited;
  const at = answers.findIndex((answer) => isTheRecord(record, answer));
  const place = places[at];
  if (place !== undefined) {
    const found = shown((answers[at] as DnsAnswer<string> & { outcome: 'found' }).records.join(' | '));
    return { state: 'missing', found, problem: `It stands at ${place.name} in its place: ${place.remedy}.` };
  }
  if (record.type === 'TXT' && cname.outcome === 'found') {
    const target = shown(cname.records[0]!);
    const problem = `A CNAME leads from ${record.name} to ${target}, where it does not stand; beside a CNAME there can be no other record: remove that.`;
    return { state: 'mismatch', found: `CNAME ${target}`, problem };
  }
  const self = places.findIndex(({ name }) => name === domain);
  if (answers[self]?.outcome !== 'nxdomain') return finding;
  return { ...finding, problem: `${finding.problem} The DNS knows no domain ${domain} at all: is it registered?` };
}

/** Below a registered domain its policy holds (RFC 7489 §6.6.3). */
async function inheritedDmarc(dns: DomainDns, domain: string): Promise<RecordFinding | null> {
  const registered = registeredDomain(domain);
  if (registered === null || registered === domain) return null;
  const name = `_dmarc.${registered}`;
  const finding = judgeDmarc(await dns.txt(name), name);
  if (finding.state === 'unanswered') return finding;
  return finding.state === 'found' ? { ...finding, found: `${finding.found} (at ${name})` } : null;
}
