/**
 * A real name server for tests: UDP and TCP on one free port of loopback (long answers are truncated over UDP, as anywhere).
 *
 * What is set is what is answered: a name nobody set does not exist, one that is set without a type has none of it. A
 * CNAME is followed within what is set, as a resolver would follow it. Each name may be made to fail, and queries are counted.
 */
import { once } from 'node:events';
import DNS from 'dns2';

/** TXT: a string is split at 255 octets; a list of strings is one record of these strings. */
export type DnsRecords = {
  A?: string[];
  AAAA?: string[];
  MX?: (string | { exchange: string; preference: number })[];
  TXT?: (string | string[])[];
  CNAME?: string;
  PTR?: string[];
  /** Seconds that resolvers may keep it; 0 unless said. */
  ttl?: number;
};

/** `silent`: no answer at all. */
export type DnsFailure = 'servfail' | 'refused' | 'silent';

export type TestDns = {
  /** As POSTERN_DNS_SERVERS takes it: `127.0.0.1:port`. */
  address: string;
  /** What a name has, all of it; null: it does not exist. */
  set(name: string, records: DnsRecords | null): void;
  setAll(records: Record<string, DnsRecords | null>): void;
  get(name: string): DnsRecords | null;
  /** Makes a name fail until it is given null. `*`: every name. */
  fail(name: string, how: DnsFailure | null): void;
  /** How often was asked, for a name, for one type of it, or at all. */
  queries(name?: string, type?: string): number;
  close(): Promise<void>;
};

const { Packet } = DNS;
const TYPE_NAMES = new Map<number, string>(Object.entries(Packet.TYPE).map(([name, number]) => [number, name]));
const RCODES = { servfail: 2, nxdomain: 3, refused: 5 };
const MOST_LINKS = 8;
const TXT_OCTETS = 255;

export async function startTestDns(records: Record<string, DnsRecords | null> = {}): Promise<TestDns> {
  const zone = new Map<string, DnsRecords>();
  const failures = new Map<string, DnsFailure>();
  const asked: { name: string; type: string }[] = [];

  const answer: DNS.DnsHandler = (request, send) => {
    const question = request.questions[0];
    const response = Packet.createResponseFromRequest(request);
    response.header.ra = 1;
    response.additionals = [];
    if (question === undefined) return;
    const name = question.name.toLowerCase();
    const type = TYPE_NAMES.get(question.type) ?? String(question.type);
    asked.push({ name, type });
    const failure = failures.get(name) ?? failures.get('*');
    if (failure === 'silent') return;
    if (failure !== undefined) response.header.rcode = RCODES[failure];
    else {
      const found = answersOf(zone, name, type);
      if (found === null) response.header.rcode = RCODES.nxdomain;
      else response.answers.push(...found.map((one) => resourceOf(one)));
    }
    // Whoever asked may be gone by now.
    void Promise.resolve(send(response)).catch(() => undefined);
  };

  const servers = await listenOnOnePort(answer);
  const set = (name: string, given: DnsRecords | null): void => {
    if (given === null) zone.delete(name.toLowerCase());
    else zone.set(name.toLowerCase(), given);
  };
  const setAll = (given: Record<string, DnsRecords | null>): void => {
    for (const [name, one] of Object.entries(given)) set(name, one);
  };
  setAll(records);
  return {
    address: `127.0.0.1:${servers.port}`,
    set,
    setAll,
    get: (name) => zone.get(name.toLowerCase()) ?? null,
    fail(name, how) {
      if (how === null) failures.delete(name.toLowerCase());
      else failures.set(name.toLowerCase(), how);
    },
    queries: (name, type) =>
      asked.filter(
        (one) => (name === undefined || one.name === name.toLowerCase()) && (type === undefined || one.type === type),
      ).length,
    close: servers.close,
  };
}

type Found = {
  name: string;
  type: string;
  ttl: number;
  value: NonNullable<DnsRecords['MX'] | DnsRecords['TXT']>[number];
};

/** Null: the name does not exist. */
function answersOf(zone: ReadonlyMap<string, DnsRecords>, asked: string, type: string): Found[] | null {
  const found: Found[] = [];
  let name = asked;
  for (let links = 0; links < MOST_LINKS; links += 1) {
    const known = zone.get(name);
    if (known === undefined) return found.length === 0 && !hasBelow(zone, name) ? null : found;
    const ttl = known.ttl ?? 0;
    if (known.CNAME !== undefined && type !== 'CNAME') {
      found.push({ name, type: 'CNAME', ttl, value: known.CNAME });
      name = known.CNAME.toLowerCase();
      continue;
    }
    const values = type === 'CNAME' ? (known.CNAME === undefined ? [] : [known.CNAME]) : valuesOf(known, type);
    return [...found, ...values.map((value) => ({ name, type, ttl, value }))];
  }
  return found;
}

/** A name above others exists, with nothing of its own (RFC 8020). */
function hasBelow(zone: ReadonlyMap<string, DnsRecords>, name: string): boolean {
  for (const other of zone.keys()) if (other.endsWith(`.${name}`)) return true;
  return false;
}

function valuesOf(known: DnsRecords, type: string): Found['value'][] {
  switch (type) {
    case 'A':
    case 'AAAA':
    case 'MX':
    case 'TXT':
    case 'PTR':
      return known[type] ?? [];
    default:
      return [];
  }
}

function resourceOf({ name, type, ttl, value }: Found): DNS.Packet.Resource {
  const number = Packet.TYPE[type as keyof typeof Packet.TYPE];
  const head = { name, type: number, class: Packet.CLASS.IN, ttl };
  const resource = (data: Partial<DNS.Packet.Resource>) => new Packet.Resource({ ...head, ...data });
  if (type === 'MX') {
    const { exchange, preference } =
      typeof value === 'string'
        ? { exchange: value, preference: 10 }
        : (value as { exchange: string; preference: number });
    return resource({ exchange, priority: preference });
  }
  if (type === 'TXT') {
    const strings = typeof value === 'string' ? splitText(value) : (value as string[]);
    return resource({ data: strings });
  }
  if (type === 'CNAME' || type === 'PTR') return resource({ domain: value as string });
  return resource({ address: value as string });
}

function splitText(text: string): string[] {
  const strings: string[] = [];
  for (let at = 0; at < text.length; at += TXT_OCTETS) strings.push(text.slice(at, at + TXT_OCTETS));
  return strings.length === 0 ? [''] : strings;
}

async function listenOnOnePort(answer: DNS.DnsHandler): Promise<{ port: number; close: () => Promise<void> }> {
  const tcp = DNS.createTCPServer(answer);
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as { port: number };
  const udp = DNS.createUDPServer(answer);
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  const connections = new Set<{ destroy: () => void }>();
  tcp.on('connection', (connection: { destroy: () => void; once: (event: string, call: () => void) => void }) => {
    connections.add(connection);
    connection.once('close', () => connections.delete(connection));
  });
  for (const server of [tcp, udp]) server.on('requestError', () => undefined);
  return {
    port,
    async close() {
      const closed = [once(tcp, 'close'), once(udp, 'close')];
      tcp.close();
      udp.close();
      for (const connection of connections) connection.destroy();
      await Promise.all(closed);
    },
  };
}
