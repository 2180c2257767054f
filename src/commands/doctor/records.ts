/**
 * The records that the world looks up about the gateway's domain: address, MX, SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489)
 * and PTR. Nothing is judged here that the receiver alone can judge; a record that is wrong for everybody is a failure.
 */
import { type DnsText, tagsOf } from '../../core/dns-answer.ts';
import { judgeDkim, judgeDmarc, judgeSpf } from '../../core/record-judgement.ts';
import type { RecordFinding } from '../../core/sender-records.ts';
import { type Finding, fail, ok, skip, warn } from './finding.ts';

/** Answers of look-ups; an empty list where the name or the record is not there. Rejects where nobody answers. */
export type Lookups = {
  addresses: (name: string) => Promise<string[]>;
  mx: (name: string) => Promise<string[]>;
  txt: (name: string) => Promise<string[]>;
  ptr: (address: string) => Promise<string[]>;
};

export type DnsQuestion = {
  domain: string;
  /** The public key's record as the gateway has it; null where no gateway runs that could tell. */
  dkim: { name: string; value: string } | null;
  /** Mail goes straight from here to the world, so that the address matters. */
  isDirect: boolean;
  lookups: Lookups;
};

const SELECTOR = 'postern';

export async function lookAtRecords(question: DnsQuestion): Promise<Finding[]> {
  const looks = [lookAtAddress, lookAtMx, lookAtSpf, lookAtDkim, lookAtDmarc, lookAtPtr];
  const found = await Promise.all(
    looks.map((look) => look(question).catch((fault: Error) => unanswered(look.name, fault))),
  );
  return found.flat();
}

const NAMES: Record<string, string> = {
  lookAtAddress: 'dns.a',
  lookAtMx: 'dns.mx',
  lookAtSpf: 'dns.spf',
  lookAtDkim: 'dns.dkim',
  lookAtDmarc: 'dns.dmarc',
  lookAtPtr: 'dns.ptr',
};

function unanswered(look: string, fault: Error): Finding[] {
  const remedy = 'Check POSTERN_DNS_SERVERS and the network: without look-ups nothing can be verified.';
  return [fail(NAMES[look]!, `The name servers do not answer (${fault.message}).`, remedy)];
}

async function lookAtAddress({ domain, lookups }: DnsQuestion): Promise<Finding[]> {
  const found = await lookups.addresses(domain);
  if (found.length > 0) return [ok('dns.a', `${domain} has the address ${found.join(', ')}.`)];
  const remedy = `Publish an A or AAAA record for ${domain}: it is the name the gateway greets with.`;
  return [warn('dns.a', `${domain} has no address.`, remedy)];
}

/** Bounces go to `bounces.<domain>`; answers of people go where the From address says. */
async function lookAtMx({ domain, lookups }: DnsQuestion): Promise<Finding[]> {
  const name = `bounces.${domain}`;
  const [bounces, own] = await Promise.all([lookups.mx(name), lookups.mx(domain)]);
  const findings: Finding[] = [];
  if (bounces.length > 0) findings.push(ok('dns.mx', `Bounces for ${name} go to ${bounces.join(', ')}.`));
  else {
    const remedy = `Publish an MX record for ${name} that leads to this gateway's inbound port.`;
    findings.push(warn('dns.mx', `${name} has no MX record: bounces do not come back.`, remedy));
  }
  if (own.length === 0) {
    const remedy = `Publish an MX record for ${domain}, or send from a domain that takes answers.`;
    findings.push(warn('dns.mx', `${domain} has no MX record: answers to its senders go nowhere.`, remedy));
  }
  return findings;
}

/** Receivers check SPF for the envelope sender, which is at home in `bounces.<domain>`. */
async function lookAtSpf({ domain, lookups }: DnsQuestion): Promise<Finding[]> {
  const name = `bounces.${domain}`;
  const remedy = `Publish one TXT record for ${name}: "v=spf1 …" with whatever sends for you, such as "v=spf1 include:your-relay.example -all".`;
  return [findingOf('dns.spf', name, judgeSpf(answerOf(await lookups.txt(name)), name, null), remedy)];
}

async function lookAtDkim({ domain, dkim, lookups }: DnsQuestion): Promise<Finding[]> {
  const name = dkim?.name ?? `${SELECTOR}._domainkey.${domain}`;
  const answer = answerOf(await lookups.txt(name));
  if (dkim !== null) {
    const expected = { algorithm: 'rsa', selector: SELECTOR, publicKey: tagsOf(dkim.value).get('p') ?? '' } as const;
    const remedy = `Publish a TXT record for ${name}: "${dkim.value}"`;
    return [findingOf('dns.dkim', name, judgeDkim(answer, name, expected), remedy)];
  }
  if (answer.outcome === 'found' && answer.records.some((text) => tagsOf(text).has('p'))) {
    const detail = `${name} has a key; no gateway runs to compare it with.`;
    return [warn('dns.dkim', detail, 'Run the check-up while the gateway runs.')];
  }
  const remedy = 'Start the gateway once: it makes a key and says which record to publish.';
  return [warn('dns.dkim', `${name} has no DKIM record: signatures cannot be verified.`, remedy)];
}

async function lookAtDmarc({ domain, lookups }: DnsQuestion): Promise<Finding[]> {
  const name = `_dmarc.${domain}`;
  const remedy = `Publish one TXT record for ${name}: "v=DMARC1; p=none; rua=mailto:postmaster@${domain}" to begin with.`;
  return [findingOf('dns.dmarc', name, judgeDmarc(answerOf(await lookups.txt(name)), name), remedy)];
}

/** A record that is wrong for everybody is worse than none. */
function findingOf(look: string, name: string, record: RecordFinding, remedy: string): Finding {
  if (record.state === 'found') return ok(look, `${name}: ${cut(record.found ?? '')}`);
  const detail = record.problem ?? '';
  return record.state === 'missing' ? warn(look, detail, remedy) : fail(look, `${name}: ${detail}`, remedy);
}

const answerOf = (records: string[]): DnsText =>
  records.length === 0 ? { outcome: 'none' } : { outcome: 'found', records };

/** A name for each address that leads back to it (RFC 8601 §3, "iprev"). */
async function lookAtPtr({ domain, isDirect, lookups }: DnsQuestion): Promise<Finding[]> {
  if (!isDirect)
    return [skip('dns.ptr', 'Mail leaves through a relay: the name of its address counts, not of this one.')];
  const addresses = await lookups.addresses(domain);
  const findings: Finding[] = [];
  for (const address of addresses) {
    const names = await lookups.ptr(address);
    const back = await Promise.all(names.map((name) => lookups.addresses(name)));
    const remedy = `Have whoever gave you ${address} set its PTR record to ${domain}.`;
    if (names.length === 0)
      findings.push(fail('dns.ptr', `${address} has no PTR record: most receivers refuse it.`, remedy));
    else if (!back.flat().includes(address)) {
      findings.push(
        fail('dns.ptr', `${address} is named ${names.join(', ')}, which does not lead back to it.`, remedy),
      );
    } else findings.push(ok('dns.ptr', `${address} is named ${names.join(', ')}.`));
  }
  return findings;
}

function cut(text: string): string {
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
