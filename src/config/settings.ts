/**
 * Settings: the environment, its defaults and checks. One table is the documentation, the reader and the reference page.
 * A bad value is one sentence that names the variable and the remedy.
 */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';

export type Settings = {
  port: number;
  host: string;
  smtpPort: number | null;
  inboundPort: number | null;
  dataDir: string;
  databaseUrl: string | null;
  operatorKey: string | null;
  secret: string | null;
  domain: string;
  publicUrl: string | null;
  outbound: string;
  dnsServers: string[];
  webhookAllow: string[];
  providerAllow: string[];
  tlsCert: string | null;
  tlsKey: string | null;
  trustProxy: string[];
  billingUrl: string | null;
  supportUrl: string | null;
  operatorEmail: string | null;
  failpoint: string | null;
  role: 'all' | 'api' | 'worker';
  graceMs: number;
  logLevel: string;
};

export type Variable = {
  name: string;
  default: string | null;
  meaning: string;
  read: (text: string) => { value: unknown } | { problem: string };
  field: keyof Settings;
};

const OPERATOR_KEY = /^pst_op_[A-Za-z0-9_]{32,}$/;
const DOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/;

const text = (value: string) => ({ value });

function port(value: string): { value: number } | { problem: string } {
  const number = Number(value);
  return /^\d{1,5}$/.test(value) && number <= 65_535 ? { value: number } : { problem: 'a port from 0 to 65535' };
}

function portOrOff(value: string): { value: number | null } | { problem: string } {
  if (value === 'off') return { value: null };
  const read = port(value);
  return 'value' in read ? read : { problem: 'a port from 0 to 65535, or off' };
}

function url(schemes: readonly string[]) {
  return (value: string): { value: string } | { problem: string } => {
    if (URL.canParse(value) && schemes.includes(new URL(value).protocol)) return { value: value.replace(/\/+$/, '') };
    return { problem: `an absolute URL starting with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}` };
  };
}

function list(check: (part: string) => boolean, wanted: string) {
  return (value: string): { value: string[] } | { problem: string } => {
    const parts = value.split(',').map((part) => part.trim());
    return parts.every(check) ? { value: parts } : { problem: wanted };
  };
}

function isCidr(part: string): boolean {
  const [address, bits, more] = part.split('/');
  const version = isIP(address ?? '');
  if (version === 0 || more !== undefined) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

function isServer(part: string): boolean {
  if (isIP(part) !== 0) return true;
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(part);
  return match !== null && isIP(match[1] ?? match[2] ?? '') !== 0 && Number(match[3]) <= 65_535;
}

function oneOf(words: readonly string[]) {
  return (value: string): { value: string } | { problem: string } =>
    words.includes(value) ? { value } : { problem: `one of ${words.join(', ')}` };
}

function seconds(value: string): { value: number } | { problem: string } {
  const number = Number(value);
  return /^\d+(\.\d+)?$/.test(value) && number <= 3600
    ? { value: number * 1000 }
    : { problem: 'seconds, from 0 to 3600' };
}

function file(value: string): { value: string } | { problem: string } {
  return existsSync(value) ? { value } : { problem: 'the path of a file that exists' };
}

function outbound(value: string): { value: string } | { problem: string } {
  const isKnown =
    value === 'sink:' || /^direct:/.test(value) || (/^(?:smtps?|ses):\/\//.test(value) && URL.canParse(value));
  return isKnown ? { value } : { problem: OUTBOUND };
}

const OUTBOUND = 'sink:, smtp://user:pass@host:port, smtps://user:pass@host:port, ses://region or direct:';

const CIDRS = 'address ranges like 10.0.0.0/8, separated by commas';

/** Every variable, in the order of the reference page. */
export const VARIABLES: readonly Variable[] = [
  {
    name: 'POSTERN_PORT',
    field: 'port',
    default: '8480',
    read: port,
    meaning: 'Port of the HTTP API, the page, /mcp and what comes back over HTTP. 0 takes a free one.',
  },
  {
    name: 'POSTERN_HOST',
    field: 'host',
    default: '127.0.0.1',
    read: text,
    meaning: 'Address that all listeners bind to.',
  },
  {
    name: 'POSTERN_SMTP_PORT',
    field: 'smtpPort',
    default: '2525',
    read: portOrOff,
    meaning: 'Port of SMTP submission. 0 takes a free one, off opens none.',
  },
  {
    name: 'POSTERN_INBOUND_PORT',
    field: 'inboundPort',
    default: '2526',
    read: portOrOff,
    meaning: 'Port of SMTP for bounces, complaints and replies. 0 takes a free one, off opens none.',
  },
  {
    name: 'POSTERN_DATA_DIR',
    field: 'dataDir',
    default: './data',
    read: text,
    meaning: 'Folder of the SQLite files, blobs and keys. Locked while in use.',
  },
  {
    name: 'POSTERN_DATABASE_URL',
    field: 'databaseUrl',
    default: null,
    read: url(['postgres:', 'postgresql:']),
    meaning: 'Puts the state into PostgreSQL instead. Not built into this version: setting it stops the start.',
  },
  {
    name: 'POSTERN_OPERATOR_KEY',
    field: 'operatorKey',
    default: null,
    read: (value) => (OPERATOR_KEY.test(value) ? { value } : { problem: 'pst_op_ and 32 or more of A-Z a-z 0-9 _' }),
    meaning:
      "The operator's key: pst_op_ and 32 or more of A-Z a-z 0-9 _. When not given it is made on the first start and kept as operator.key in the data folder.",
  },
  {
    name: 'POSTERN_SECRET',
    field: 'secret',
    default: null,
    read: (value) => (value.length >= 32 ? { value } : { problem: 'at least 32 characters' }),
    meaning:
      'Master secret, 32 characters or more: signs return paths, encrypts stored credentials. When not given it is made on the first start and kept as master.secret in the data folder.',
  },
  {
    name: 'POSTERN_DOMAIN',
    field: 'domain',
    default: 'postern.localhost',
    read: (value) =>
      DOMAIN.test(value) ? { value } : { problem: 'a domain name in lower case with at least one dot' },
    meaning:
      "The gateway's own domain: EHLO name, Message-ID, default senders, DKIM d=, bounces.<domain> for return paths.",
  },
  {
    name: 'POSTERN_PUBLIC_URL',
    field: 'publicUrl',
    default: null,
    read: url(['http:', 'https:']),
    meaning: 'Address used in links. Default: http://host:port.',
  },
  {
    name: 'POSTERN_OUTBOUND',
    field: 'outbound',
    default: 'sink:',
    read: outbound,
    meaning:
      'The default provider: sink:, smtp://user:pass@host:port, smtps://user:pass@host:port, ses://region, direct: (see docs/transports.md).',
  },
  {
    name: 'POSTERN_DNS_SERVERS',
    field: 'dnsServers',
    default: null,
    read: list(isServer, 'addresses like 127.0.0.1:5353, separated by commas'),
    meaning: "Resolvers for look-ups, such as 127.0.0.1:5353, separated by commas. Default: the system's.",
  },
  {
    name: 'POSTERN_WEBHOOK_ALLOW',
    field: 'webhookAllow',
    default: null,
    read: list(isCidr, CIDRS),
    meaning: 'Address ranges (10.1.0.0/16, separated by commas) that webhooks may reach besides public ones.',
  },
  {
    name: 'POSTERN_PROVIDER_ALLOW',
    field: 'providerAllow',
    default: null,
    read: list(isCidr, CIDRS),
    meaning:
      'Address ranges (10.1.0.0/16, separated by commas) that hosts named by tenants, and mail hosts that direct: finds, may be in besides public ones; there at any port.',
  },
  {
    name: 'POSTERN_TLS_CERT',
    field: 'tlsCert',
    default: null,
    read: file,
    meaning: 'File with the certificate (PEM) for HTTP and SMTP; with it HTTP is HTTPS alone.',
  },
  {
    name: 'POSTERN_TLS_KEY',
    field: 'tlsKey',
    default: null,
    read: file,
    meaning: 'File with the private key (PEM) of the certificate.',
  },
  {
    name: 'POSTERN_TRUST_PROXY',
    field: 'trustProxy',
    default: null,
    read: list(isCidr, CIDRS),
    meaning: 'Address ranges of proxies whose X-Forwarded-For is believed, separated by commas.',
  },
  {
    name: 'POSTERN_BILLING_URL',
    field: 'billingUrl',
    default: null,
    read: url(['http:', 'https:']),
    meaning: 'Address of the page where a tenant clears a payment block.',
  },
  {
    name: 'POSTERN_SUPPORT_URL',
    field: 'supportUrl',
    default: null,
    read: url(['http:', 'https:', 'mailto:']),
    meaning: 'Address (http, https or mailto) where 500 and 503 send people with the request id.',
  },
  {
    name: 'POSTERN_OPERATOR_EMAIL',
    field: 'operatorEmail',
    default: null,
    read: text,
    meaning: 'E-mail address of who is told of appeals and of what the operator must see to.',
  },
  {
    name: 'POSTERN_FAILPOINT',
    field: 'failpoint',
    default: null,
    read: text,
    meaning: 'For tests: stops at a named point. Refused unless POSTERN_TESTING=1.',
  },
  {
    name: 'POSTERN_ROLE',
    field: 'role',
    default: 'all',
    read: oneOf(['all', 'api', 'worker']),
    meaning: 'What this process does: api accepts, worker delivers, all does both.',
  },
  {
    name: 'POSTERN_GRACE',
    field: 'graceMs',
    default: '25',
    read: seconds,
    meaning: 'Seconds that a stop waits for what is in flight.',
  },
  {
    name: 'POSTERN_LOG',
    field: 'logLevel',
    default: 'info',
    read: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    meaning: 'Level of the log, on standard error: trace, debug, info, warn, error, fatal, silent.',
  },
];

/** Of clients and tests, which may run in the same environment. */
const OTHER_NAMES = new Set([
  'POSTERN_TESTING',
  'POSTERN_KEY',
  'POSTERN_URL',
  'POSTERN_AGENT',
  'POSTERN_WEBHOOK_SECRET',
]);

export type SettingsReading = { ok: true; settings: Settings } | { ok: false; message: string };

/** Reads the environment. The first thing wrong is answered as one sentence. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): SettingsReading {
  const known = new Set(VARIABLES.map((variable) => variable.name));
  for (const name of Object.keys(environment)) {
    if (name.startsWith('POSTERN_') && !known.has(name) && !OTHER_NAMES.has(name)) {
      return { ok: false, message: `${name} is no setting of Postern: correct its name or remove it.` };
    }
  }
  const settings: Record<string, unknown> = {};
  for (const variable of VARIABLES) {
    const given = environment[variable.name];
    const written = given === undefined || given === '' ? variable.default : given;
    if (written === null) {
      settings[variable.field] =
        variable.meaning.includes('ranges') || variable.field === 'dnsServers' || variable.field === 'trustProxy'
          ? []
          : null;
      continue;
    }
    const read = variable.read(written);
    if ('problem' in read)
      return { ok: false, message: `${variable.name} is "${shown(variable, written)}": set it to ${read.problem}.` };
    settings[variable.field] = read.value;
  }
  return crossCheck(settings as Settings, environment);
}

function shown(variable: Variable, written: string): string {
  const secret = variable.field === 'operatorKey' || variable.field === 'secret' || variable.field === 'outbound';
  return secret ? '…' : written.slice(0, 100);
}

function crossCheck(settings: Settings, environment: Readonly<Record<string, string | undefined>>): SettingsReading {
  if (settings.databaseUrl !== null) {
    return {
      ok: false,
      message:
        'POSTERN_DATABASE_URL is set, and PostgreSQL is not built into this version: remove it to use the embedded store.',
    };
  }
  if ((settings.tlsCert === null) !== (settings.tlsKey === null)) {
    return { ok: false, message: 'POSTERN_TLS_CERT and POSTERN_TLS_KEY belong together: set both or none.' };
  }
  if (settings.failpoint !== null && environment['POSTERN_TESTING'] !== '1') {
    return { ok: false, message: 'POSTERN_FAILPOINT is for tests: remove it, or set POSTERN_TESTING=1 as well.' };
  }
  return { ok: true, settings };
}
