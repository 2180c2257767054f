/** Reads `direct:` addresses: delivery straight to the mail hosts of each recipient's domain. */
import { isEhloName } from '../smtp/settings.ts';

export type DirectOptions = {
  /** 25 but where the guard opens addresses, as in tests. */
  port: number;
  /** `required`: nothing is sent in plain text, nor to a host whose certificate does not prove its name. */
  tls: 'opportunistic' | 'required' | 'never';
  /** With `required`: false takes any certificate. */
  isVerified: boolean;
  /** Whether policies of recipients' domains (RFC 8461) are asked for. */
  hasMtaSts: boolean;
  /** Where policies are fetched. */
  stsPort: number;
  /** To one set of mail hosts. */
  maxConnections: number;
  ehloName: string | null;
};

const DEFAULTS: DirectOptions = {
  port: 25,
  tls: 'opportunistic',
  isVerified: true,
  hasMtaSts: true,
  stsPort: 443,
  maxConnections: 10,
  ehloName: null,
};

type Read = (value: string) => Partial<DirectOptions> | string;

const PARAMETERS: Record<string, Read> = {
  tls: (value) =>
    value === 'opportunistic' || value === 'required' || value === 'never'
      ? { tls: value }
      : 'The parameter tls must be required, opportunistic or never.',
  verify: (value) =>
    value === 'yes' || value === 'no' ? { isVerified: value === 'yes' } : 'The parameter verify must be yes or no.',
  sts: (value) =>
    value === 'yes' || value === 'no' ? { hasMtaSts: value === 'yes' } : 'The parameter sts must be yes or no.',
  port: (value) => (isPort(value) ? { port: Number(value) } : 'The parameter port must be a port.'),
  sts_port: (value) => (isPort(value) ? { stsPort: Number(value) } : 'The parameter sts_port must be a port.'),
  connections: (value) =>
    /^[1-9]\d{0,2}$/.test(value)
      ? { maxConnections: Number(value) }
      : 'The parameter connections must be a number from 1 to 999.',
  name: (value) =>
    isEhloName(value) ? { ehloName: value } : 'The parameter name must be a host name or an address literal.',
};

const isPort = (value: string): boolean => /^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65_535;

/** The options, or what is wrong in a sentence. */
export function parseDirectUrl(text: string): { options: DirectOptions } | { error: string } {
  const parts = /^direct:(?:\/\/)?(?:\?(.*))?$/s.exec(text);
  if (parts === null) {
    return { error: 'Write direct: with nothing but parameters behind it, as in direct:?tls=required.' };
  }
  let options = DEFAULTS;
  for (const [name, value] of new URLSearchParams(parts[1] ?? '')) {
    const read = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
    if (read === undefined) {
      return { error: `direct: has an unknown parameter; known are ${Object.keys(PARAMETERS).join(', ')}.` };
    }
    const change = read(value);
    if (typeof change === 'string') return { error: change };
    options = { ...options, ...change };
  }
  return { options };
}
