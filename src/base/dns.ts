/**
 * Look-ups in the DNS with answers as values: found, nothing there, no such name, or nobody could say.
 *
 * What holds: only `none` and `nxdomain` are statements of the DNS from which something may follow; whatever else went wrong is
 * `failed`, and is to be asked again. Every look-up ends within `MOST_MS`. Names in the hosts file, `localhost` (RFC 6761 §6.3)
 * and addresses written as such are never asked for.
 *
 * Aliases are followed by the resolver; where it only names the alias they are followed here, and a ring of them is `failed`.
 * Deliberately absent: a cache (whoever asks often keeps what it needs), search domains, DNSSEC.
 */
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

export type DnsAnswer<T> =
  | { outcome: 'found'; records: T[] }
  /** The name exists and has no such record. */
  | { outcome: 'none' }
  | { outcome: 'nxdomain' }
  /** No answer, or one that says nothing of the name: nothing may follow from it. */
  | { outcome: 'failed'; message: string };

/** An empty `exchange` is the root: this domain takes no mail (RFC 7505). */
export type MxRecord = { exchange: string; preference: number };
export type HostAddress = { address: string; family: 4 | 6 };

export type Dns = {
  mx(name: string): Promise<DnsAnswer<MxRecord>>;
  /** The strings of one record joined; one character an octet. */
  txt(name: string): Promise<DnsAnswer<string>>;
  cname(name: string): Promise<DnsAnswer<string>>;
  /** IPv4 before IPv6. */
  addresses(name: string): Promise<DnsAnswer<HostAddress>>;
};

export type DnsOptions = {
  /** Hosts file; null: none. */
  hostsFile?: string | null;
  /** The first try's patience with one server; the second has twice as much. */
  tryMs?: number;
};

const HOSTS_FILE = '/etc/hosts';
const TRY_MS = 2500;
const TRIES = 2;
const MOST_MS = 15_000;
const MOST_ALIASES = 8;
const HOSTS_FRESH_MS = 5000;

/** `servers` as POSTERN_DNS_SERVERS has them: addresses with a port or without; none: the system's. */
export function openDns(servers: readonly string[], options: DnsOptions = {}): Dns {
  const tryMs = options.tryMs ?? TRY_MS;
  const resolver = new Resolver({ timeout: tryMs, tries: TRIES });
  if (servers.length > 0) resolver.setServers(servers);
  const hosts = hostsIn(options.hostsFile === undefined ? HOSTS_FILE : options.hostsFile);
  const ask = <T>(name: string, look: (name: string) => Promise<T[]>): Promise<DnsAnswer<T>> =>
    answerTo(look, rootless(name), Math.min(MOST_MS, tryMs * 6));

  const cname = (name: string): Promise<DnsAnswer<string>> => ask(name, (asked) => resolver.resolveCname(asked));
  const mx = (name: string): Promise<DnsAnswer<MxRecord>> =>
    ask(name, async (asked) =>
      (await resolver.resolveMx(asked)).map(({ exchange, priority }) => ({
        exchange: rootless(exchange).toLowerCase(),
        preference: priority,
      })),
    );
  const look = async (name: string): Promise<DnsAnswer<HostAddress>> => {
    const [four, six] = await Promise.all([
      ask(name, async (asked) => asFamily(await resolver.resolve4(asked), 4)),
      ask(name, async (asked) => asFamily(await resolver.resolve6(asked), 6)),
    ]);
    return joined(four, six);
  };
  return {
    cname,
    mx: (name) => through(name, mx, cname),
    txt: (name) => ask(name, async (asked) => (await resolver.resolveTxt(asked)).map((strings) => strings.join(''))),
    addresses: async (name) => {
      const host = rootless(name).toLowerCase();
      const family = isIP(host);
      if (family === 4 || family === 6) return { outcome: 'found', records: [{ address: host, family }] };
      const known = (await hosts()).get(host) ?? (isLocalhost(host) ? LOCALHOST : undefined);
      return known === undefined ? through(host, look, cname) : { outcome: 'found', records: [...known] };
    },
  };
}

const LOCALHOST: readonly HostAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

function isLocalhost(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}

function rootless(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

function asFamily(addresses: string[], family: 4 | 6): HostAddress[] {
  return addresses.map((address) => ({ address, family }));
}

async function answerTo<T>(look: (name: string) => Promise<T[]>, name: string, mostMs: number): Promise<DnsAnswer<T>> {
  // What can be no name in the DNS is not there; an answer to a question for the root would be one to another question.
  if (name === '' || name.length > 253) return { outcome: 'nxdomain' };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), mostMs);
  });
  try {
    const records = await Promise.race([look(name), late]);
    if (records === 'late') return { outcome: 'failed', message: `no answer for ${name} in time` };
    return records.length > 0 ? { outcome: 'found', records } : { outcome: 'none' };
  } catch (fault) {
    return ofFault((fault as { code?: string }).code ?? String(fault), name);
  } finally {
    clearTimeout(timer);
  }
}

const FAULTS: Record<string, string> = {
  ESERVFAIL: 'the name server failed (SERVFAIL)',
  EREFUSED: 'the name server refused to answer',
  ETIMEOUT: 'the name server did not answer in time',
  ECONNREFUSED: 'no name server could be reached',
  EFORMERR: 'the name server called the question malformed',
  EBADRESP: 'the name server answered with something that cannot be read',
};

function ofFault(code: string, name: string): DnsAnswer<never> {
  if (code === 'ENODATA') return { outcome: 'none' };
  if (code === 'ENOTFOUND' || code === 'EBADNAME') return { outcome: 'nxdomain' };
  return { outcome: 'failed', message: `${FAULTS[code] ?? `the look-up failed (${code})`} for ${name}` };
}

/** One family that is there is enough; that none is there needs both answers. */
function joined(four: DnsAnswer<HostAddress>, six: DnsAnswer<HostAddress>): DnsAnswer<HostAddress> {
  const records = [four, six].flatMap((answer) => (answer.outcome === 'found' ? answer.records : []));
  if (records.length > 0) return { outcome: 'found', records };
  if (four.outcome === 'failed') return four;
  if (six.outcome === 'failed') return six;
  return four.outcome === 'nxdomain' ? four : six;
}

/** Asks for a name, and where nothing is there but an alias, for what that leads to. */
async function through<T>(
  name: string,
  look: (name: string) => Promise<DnsAnswer<T>>,
  cname: Dns['cname'],
): Promise<DnsAnswer<T>> {
  const seen = new Set<string>();
  for (let at = rootless(name).toLowerCase(); ; ) {
    const answer = await look(at);
    if (answer.outcome !== 'none') return answer;
    const alias = await cname(at);
    if (alias.outcome === 'failed') return alias;
    if (alias.outcome !== 'found') return answer;
    seen.add(at);
    at = rootless(alias.records[0]!).toLowerCase();
    if (seen.has(at) || seen.size >= MOST_ALIASES) {
      return { outcome: 'failed', message: `the aliases of ${name} run in a ring or are too many` };
    }
  }
}

/** The hosts file (hosts(5)), read again after a few seconds. */
function hostsIn(file: string | null): () => Promise<ReadonlyMap<string, HostAddress[]>> {
  let readAt = Number.NEGATIVE_INFINITY;
  let hosts: Promise<ReadonlyMap<string, HostAddress[]>> = Promise.resolve(new Map());
  return () => {
    if (file !== null && performance.now() - readAt > HOSTS_FRESH_MS) {
      readAt = performance.now();
      hosts = readFile(file, 'utf8').then(parseHosts, () => new Map());
    }
    return hosts;
  };
}

function parseHosts(text: string): ReadonlyMap<string, HostAddress[]> {
  const hosts = new Map<string, HostAddress[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = (line.split('#')[0] ?? '').split(/\s/).filter((word) => word !== '');
    const family = isIP(address);
    if (family !== 4 && family !== 6) continue;
    for (const name of names) {
      const known = hosts.get(name.toLowerCase()) ?? [];
      hosts.set(name.toLowerCase(), known);
      known.push({ address, family });
    }
  }
  for (const known of hosts.values()) known.sort((one, other) => one.family - other.family);
  return hosts;
}
