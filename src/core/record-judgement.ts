/**
 * What a record says that was found in the DNS, held against what should stand there: pure, one function a kind of record.
 *
 * Invariant: an answer that failed is `unanswered` and nothing else. A finding that is not `found` has a sentence that says what
 * is wrong, written for whoever edits the zone. Linear in the length of what was found. Deliberately absent: asking the DNS,
 * and what follows for the domain.
 */
import { type DnsText, hasStray, shown, tagsOf, unquoted } from './dns-answer.ts';
import type { DkimAlgorithm, RecordFinding } from './sender-records.ts';

const MOST_SPF_LOOKUPS = 10;
const SHOWN_KEY = 24;

type Texts = { finding: RecordFinding } | { records: string[] };

function textsOf(answer: DnsText, name: string): Texts {
  switch (answer.outcome) {
    case 'found':
      return { records: answer.records };
    case 'failed':
      return { finding: unanswered(name, answer.message) };
    default:
      return { finding: { state: 'missing', found: null, problem: `There is no TXT record at ${name}.` } };
  }
}

export function unanswered(name: string, message: string): RecordFinding {
  const problem = `Nobody could say what stands at ${name}: ${message}. That is not taken for missing, and asked again.`;
  return { state: 'unanswered', found: null, problem };
}

const fine = (text: string): RecordFinding => ({ state: 'found', found: shown(text), problem: null });

function mismatch(records: readonly string[], problem: string): RecordFinding {
  return { state: 'mismatch', found: shown(records.join(' | ')), problem };
}

const QUOTED = 'It holds quotation marks or backslashes that do not belong to the value: enter it without them.';

/** The record by which a tenant shows that the domain is its own: others may stand beside it. */
export function judgeOwnership(answer: DnsText, name: string, value: string): RecordFinding {
  const texts = textsOf(answer, name);
  if ('finding' in texts) return texts.finding;
  const { records } = texts;
  const isSame = (text: string): boolean => text.trim().toLowerCase() === value.toLowerCase();
  const exact = records.find(isSame);
  if (exact !== undefined) return fine(exact);
  if (records.some((text) => hasStray(text) && isSame(unquoted(text)))) return mismatch(records, QUOTED);
  const prefix = value.slice(0, value.indexOf('=') + 1);
  const other = records.filter((text) => unquoted(text).toLowerCase().startsWith(prefix));
  if (other.length === 0) return mismatch(records, `It holds something else: publish "${value}" beside it.`);
  const token = value.slice(prefix.length);
  const isCut = other.some((text) => token.startsWith(unquoted(text).toLowerCase().slice(prefix.length)));
  return mismatch(
    other,
    isCut
      ? 'The value is cut off: publish it whole.'
      : 'The value is of another registration or an earlier one: publish the one shown.',
  );
}

export type ExpectedKey = { algorithm: DkimAlgorithm; publicKey: string; selector: string };

const withoutBlanks = (text: string): string => text.replaceAll(/\s/g, '');

/** `others`: further keys of the domain, one of which may have been published here by mistake. */
export function judgeDkim(
  answer: DnsText,
  name: string,
  expected: ExpectedKey,
  others: readonly ExpectedKey[] = [],
): RecordFinding {
  const texts = textsOf(answer, name);
  if ('finding' in texts) return texts.finding;
  const { records } = texts;
  if (isInHalves(records, expected)) {
    return mismatch(records, 'The value was split into several records: it is one record, made of several strings.');
  }
  const keys = records.filter((text) => tagsOf(text).has('p') || /^\s*v\s*=\s*DKIM1/i.test(text));
  if (keys.length === 0) {
    const isQuoted = records.some((text) => hasStray(text) && tagsOf(unquoted(text)).has('p'));
    return mismatch(records, isQuoted ? QUOTED : 'It holds something else than a DKIM key.');
  }
  if (keys.length > 1) {
    return mismatch(keys, `${keys.length} DKIM records stand there, of which receivers may take any: leave one.`);
  }
  const problem = dkimProblem(keys[0]!, expected, others);
  return problem === null ? fine(keys[0]!) : mismatch(keys, problem);
}

/** One value over several records: their keys put together in some order make the whole. */
function isInHalves(records: readonly string[], { publicKey }: ExpectedKey): boolean {
  if (records.length !== 2) return false;
  const [first, second] = records.map((text) => withoutBlanks(unquoted(text))) as [string, string];
  const holds = (text: string): boolean => tagsOf(text).get('p') === publicKey;
  return !holds(first) && !holds(second) && [`${first}${second}`, `${second}${first}`].some(holds);
}

function dkimProblem(text: string, expected: ExpectedKey, others: readonly ExpectedKey[]): string | null {
  const tags = tagsOf(text);
  const p = withoutBlanks(tags.get('p') ?? '');
  if (p !== expected.publicKey) return keyProblem(text, tags, p, expected, others);
  const version = tags.get('v');
  if (version !== undefined && version !== 'DKIM1') return `Its version is "${shown(version)}", not DKIM1.`;
  const algorithm = tags.get('k') ?? 'rsa';
  if (algorithm !== expected.algorithm) {
    return `It says k=${shown(algorithm)}, and the key is of the kind ${expected.algorithm}: publish "k=${expected.algorithm}".`;
  }
  const hashes = tags.get('h');
  if (hashes !== undefined && !listOf(hashes).includes('sha256'))
    return 'Its h= leaves out sha256, which we sign with.';
  const services = tags.get('s');
  if (services !== undefined && !listOf(services).some((service) => service === '*' || service === 'email')) {
    return 'Its s= leaves out email.';
  }
  return null;
}

const listOf = (value: string): string[] => value.split(':').map((one) => one.trim().toLowerCase());

function keyProblem(
  text: string,
  tags: ReadonlyMap<string, string>,
  p: string,
  expected: ExpectedKey,
  others: readonly ExpectedKey[],
): string {
  const { publicKey } = expected;
  if (!tags.has('p')) return 'It has no key (p=).';
  if (p === '') return 'Its key is empty (p=), which says that it was revoked.';
  if (withoutBlanks(tagsOf(unquoted(text)).get('p') ?? '') === publicKey) return QUOTED;
  if (publicKey.startsWith(p)) {
    return `The key is cut off after ${p.length} of ${publicKey.length} characters: enter it as several strings of at most 255.`;
  }
  const other = others.find((key) => key.publicKey === p);
  if (other !== undefined) {
    return `It holds the key of the selector ${other.selector}: publish each key at its own selector.`;
  }
  if (p.toLowerCase() === publicKey.toLowerCase()) {
    return 'The key was turned to other letter case: publish it exactly as shown.';
  }
  return `It holds another key (it begins with ${shown(p.slice(0, SHOWN_KEY))}): publish the one shown.`;
}

/** An SPF record that allows what `include` allows. `include` null: any that is not open to all. */
export function judgeSpf(answer: DnsText, name: string, include: string | null): RecordFinding {
  const texts = textsOf(answer, name);
  if ('finding' in texts) return texts.finding;
  const { records } = texts;
  const policies = records.filter(isSpf);
  if (policies.length > 1) {
    return mismatch(
      policies,
      `${policies.length} SPF records stand there, which receivers take for an error: join them.`,
    );
  }
  const policy = policies[0];
  if (policy === undefined) return noSpf(records, name);
  const problem = spfProblem(policy, include);
  return problem === null ? fine(policy) : mismatch(policies, problem);
}

const isSpf = (text: string): boolean => /^v=spf1(?: |$)/i.test(text);

function noSpf(records: readonly string[], name: string): RecordFinding {
  const near = records.filter((text) => unquoted(text).toLowerCase().includes('spf1'));
  if (near.length === 0) {
    return { state: 'missing', found: null, problem: `None of the TXT records at ${name} is an SPF record.` };
  }
  if (near.some((text) => isSpf(unquoted(text)))) return mismatch(near, QUOTED);
  return mismatch(near, 'An SPF record begins with "v=spf1" and a blank; this one does not.');
}

const ASKING = new Set(['include', 'a', 'mx', 'ptr', 'exists', 'redirect']);

function spfProblem(policy: string, include: string | null): string | null {
  const terms = policy
    .toLowerCase()
    .split(/ +/)
    .filter((term) => term !== '')
    .slice(1);
  const all = terms.findIndex((term) => /^[-+~?]?all$/.test(term));
  if (all >= 0 && ['all', '+all'].includes(terms[all]!))
    return 'It allows everybody to send: end it with "~all" or "-all".';
  if (terms.some((term) => term.startsWith('-include:') && term.slice(9) === include)) {
    return `It forbids what ${include} allows: write "include:${include}".`;
  }
  const asking = terms.filter((term) => ASKING.has(term.replace(/^[-+~?]/, '').split(/[:=/]/)[0]!)).length;
  if (asking > MOST_SPF_LOOKUPS) {
    return `It asks for ${asking} look-ups, and receivers stop with an error at more than ${MOST_SPF_LOOKUPS}.`;
  }
  if (include === null) return null;
  const at = terms.findIndex((term) => term === `include:${include}` || term === `+include:${include}`);
  if (at < 0) {
    const isRedirect = all < 0 && terms.includes(`redirect=${include}`);
    return isRedirect ? null : `It does not hold "include:${include}".`;
  }
  return all >= 0 && at > all
    ? 'The include stands behind "all", where nothing is read any more: put it before.'
    : null;
}

/** Any DMARC policy that receivers accept; what it asks of them is for the domain's owner. */
export function judgeDmarc(answer: DnsText, name: string): RecordFinding {
  const texts = textsOf(answer, name);
  if ('finding' in texts) return texts.finding;
  const { records } = texts;
  const policies = records.filter((text) => /^v\s*=\s*DMARC1\s*(?:;|$)/.test(text));
  if (policies.length > 1) {
    return mismatch(
      policies,
      `${policies.length} DMARC records stand there, so receivers use none of them: leave one.`,
    );
  }
  const policy = policies[0];
  if (policy === undefined) {
    const isQuoted = records.some((text) => hasStray(text) && /^v\s*=\s*DMARC1/i.test(unquoted(text)));
    if (isQuoted) return mismatch(records, QUOTED);
    return mismatch(records, 'It is no DMARC record: one begins with "v=DMARC1;", in capitals.');
  }
  const asked = tagsOf(policy).get('p')?.toLowerCase();
  if (asked === undefined) return mismatch(policies, 'It has no policy: add "p=none", "p=quarantine" or "p=reject".');
  if (!['none', 'quarantine', 'reject'].includes(asked)) {
    return mismatch(policies, `Its policy "${shown(asked)}" is none: it is "none", "quarantine" or "reject".`);
  }
  return fine(policy);
}

export type MailHosts =
  | { outcome: 'found'; records: { exchange: string; preference: number }[] }
  | { outcome: 'none' }
  | { outcome: 'nxdomain' }
  | { outcome: 'failed'; message: string };

export type ReturnPathInput = {
  name: string;
  /** The sender domain, which DNS panels add to what is not ended with a dot. */
  domain: string;
  /** Hosts that take the gateway's bounces, the one to publish first. */
  hosts: readonly string[];
  /** What an alias in place of the MX leads to. */
  alias: string;
  mx: MailHosts;
  cname: DnsText;
};

/** The MX of the return path, or the alias that stands in its place. */
export function judgeReturnPath(input: ReturnPathInput): RecordFinding {
  const { name, domain, hosts, alias, mx, cname } = input;
  if (cname.outcome === 'found') {
    const target = rootless(cname.records[0]!);
    if (target === alias) return fine(`CNAME ${target}`);
    if (target === `${alias}.${domain}`) {
      return mismatch(
        [`CNAME ${target}`],
        `The target has the domain added: enter "${alias}." with the dot at its end.`,
      );
    }
  }
  if (mx.outcome === 'failed') return unanswered(name, mx.message);
  if (mx.outcome !== 'found') {
    if (cname.outcome === 'failed') return unanswered(name, cname.message);
    if (cname.outcome === 'found') {
      const problem = `A CNAME leads from there to ${shown(cname.records[0]!)}, where no mail is taken: no MX can stand beside it.`;
      return mismatch([`CNAME ${cname.records[0]!}`], problem);
    }
    return { state: 'missing', found: null, problem: `There is no MX record at ${name}.` };
  }
  const listed = [...mx.records].sort((a, b) => a.preference - b.preference);
  const found = listed.map(({ exchange, preference }) => `${preference} ${exchange}`);
  const problem = exchangeProblem(listed, domain, hosts);
  return problem === null ? fine(found.join(' | ')) : mismatch(found, problem);
}

const rootless = (name: string): string => (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();

function exchangeProblem(
  listed: readonly { exchange: string; preference: number }[],
  domain: string,
  hosts: readonly string[],
): string | null {
  const best = listed.filter(({ preference }) => preference === listed[0]!.preference);
  const exchanges = best.map(({ exchange }) => rootless(exchange));
  if (exchanges.every((exchange) => hosts.includes(exchange))) return null;
  const other = exchanges.find((exchange) => !hosts.includes(exchange))!;
  if (other === '') return 'It says that no mail is taken there (a null MX).';
  if (hosts.some((host) => other === `${host}.${domain}`)) {
    return `The target has the domain added: enter "${hosts[0]}." with the dot at its end.`;
  }
  if (/^[0-9.]+$/.test(other)) return `An MX record names a host, not an address: enter "${hosts[0]}".`;
  const first = best.length === listed.length ? '' : ' first';
  return `Its mail goes${first} to ${shown(other)}, not to ${hosts[0]}.`;
}
