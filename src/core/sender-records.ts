/**
 * The DNS records that make a domain a sender domain: what is to be published where, and what each is for.
 *
 * - ownership: a TXT record at `_postern.<domain>` with a value of this tenant's alone, so that two tenants never verify by one.
 * - DKIM (RFC 6376 §3.6.1, RFC 8463 §4): a TXT record a selector, RSA and Ed25519.
 * - return path: an MX record for `bounces.<domain>`, where reports about its mail come back to.
 * - SPF (RFC 7208): receivers check it for the return path's domain (§2.4), so it stands there and the domain's own is left alone.
 * - DMARC (RFC 7489): any policy counts.
 *
 * Ownership and the RSA key are required: without the first anybody could claim the domain, without the second no signature speaks
 * for it. The rest is recommended: mail passes DMARC by its RSA signature alone.
 */
import type { DnsText } from './dns-answer.ts';

export type DkimAlgorithm = 'rsa' | 'ed25519';

export const RECORD_PURPOSES = ['ownership', 'dkim_rsa', 'dkim_ed25519', 'return_path', 'spf', 'dmarc'] as const;
export type RecordPurpose = (typeof RECORD_PURPOSES)[number];

/** `unanswered`: the last look could not tell, which is never taken for missing. */
export const RECORD_STATES = ['unchecked', 'found', 'missing', 'mismatch', 'unanswered'] as const;
export type RecordState = (typeof RECORD_STATES)[number];

export type SenderRecord = {
  /** What it is called among the findings: for DKIM with its selector, so that a rotation mixes nothing up. */
  key: string;
  purpose: RecordPurpose;
  type: 'TXT' | 'MX';
  name: string;
  value: string;
  isRequired: boolean;
};

/** What a look at one record showed. */
export type RecordFinding = {
  state: RecordState;
  /** What stands there, or null. */
  found: string | null;
  /** One sentence that says what is wrong, or null. */
  problem: string | null;
  /** Where nobody could say: what the last answer said. */
  before?: RecordState;
};

/** What the last answer said of a record: nothing follows from a look that nobody answered. */
export function settledState({ state, before }: RecordFinding): RecordState {
  return state === 'unanswered' ? (before ?? 'unchecked') : state;
}

export const UNCHECKED: RecordFinding = { state: 'unchecked', found: null, problem: null };

export type PublishedKey = {
  algorithm: DkimAlgorithm;
  selector: string;
  /** As the p= tag has it. */
  publicKey: string;
  /** `announced`: its record is awaited; `signing`; `retiring`: what it signed may still be on its way. */
  state: 'announced' | 'signing' | 'retiring';
};

export type SenderZone = {
  /** In A-labels. */
  domain: string;
  token: string;
  keys: readonly PublishedKey[];
  /** The gateway's own domain. */
  gateway: string;
  /** The host that takes the gateway's bounces. */
  bounceHost: string;
};

export const OWNERSHIP_LABEL = '_postern';
const OWNERSHIP_PREFIX = 'postern-verification=';

export const returnDomainOf = (domain: string): string => `bounces.${domain}`;

export function dkimRecordValue({ algorithm, publicKey }: { algorithm: DkimAlgorithm; publicKey: string }): string {
  return `v=DKIM1; k=${algorithm}; p=${publicKey}`;
}

export const dkimRecordName = (selector: string, domain: string): string => `${selector}._domainkey.${domain}`;

/** All records of a domain, in the order in which they matter. */
export function senderRecords({ domain, token, keys, gateway, bounceHost }: SenderZone): SenderRecord[] {
  const bounces = returnDomainOf(domain);
  return [
    {
      key: 'ownership',
      purpose: 'ownership',
      type: 'TXT',
      name: `${OWNERSHIP_LABEL}.${domain}`,
      value: `${OWNERSHIP_PREFIX}${token}`,
      isRequired: true,
    },
    ...keys.map((key) => dkimRecord(key, domain)),
    {
      key: 'return_path',
      purpose: 'return_path',
      type: 'MX',
      name: bounces,
      value: `10 ${bounceHost}`,
      isRequired: false,
    },
    {
      key: 'spf',
      purpose: 'spf',
      type: 'TXT',
      name: bounces,
      value: `v=spf1 include:${returnDomainOf(gateway)} ~all`,
      isRequired: false,
    },
    {
      key: 'dmarc',
      purpose: 'dmarc',
      type: 'TXT',
      name: `_dmarc.${domain}`,
      value: 'v=DMARC1; p=none',
      isRequired: false,
    },
  ];
}

function dkimRecord(key: PublishedKey, domain: string): SenderRecord {
  return {
    key: dkimKey(key.selector),
    purpose: key.algorithm === 'rsa' ? 'dkim_rsa' : 'dkim_ed25519',
    type: 'TXT',
    name: dkimRecordName(key.selector, domain),
    value: dkimRecordValue(key),
    isRequired: key.algorithm === 'rsa' && key.state === 'signing',
  };
}

export const dkimKey = (selector: string): string => `dkim:${selector}`;

/** Where one may have put a record by mistake. */
export type Misplacement = {
  name: string;
  /** What to do, for the sentence. */
  remedy: string;
};

/** Places at which a record that is missing is looked for, so that the sentence can name the mistake. */
export function misplacements({ name, purpose }: SenderRecord, domain: string): Misplacement[] {
  const host = name.slice(0, -domain.length - 1);
  const added = `the DNS provider adds ".${domain}" by itself: enter "${host}" as the host`;
  const places: Misplacement[] = [{ name: `${name}.${domain}`, remedy: added }];
  if (purpose === 'return_path' || purpose === 'spf') return places;
  places.push({ name: domain, remedy: `it belongs at the host "${host}", not at the domain itself` });
  if (host.includes('_')) {
    places.push({ name: name.replaceAll('_', ''), remedy: `the host is "${host}", underscore included` });
  }
  if (host.endsWith('._domainkey')) {
    const bare = host.slice(0, -'._domainkey'.length);
    places.push({ name: `${bare}.${domain}`, remedy: `the host is "${host}", "._domainkey" included` });
  }
  return places;
}

/** Whether the text at a wrong place is the record. */
export function isTheRecord({ value, purpose }: SenderRecord, answer: DnsText): boolean {
  if (answer.outcome !== 'found') return false;
  const plain = (text: string): string => text.replaceAll(/["\s\\]/g, '').toLowerCase();
  if (purpose === 'dmarc') return answer.records.some((text) => plain(text).startsWith('v=dmarc1'));
  return answer.records.some((text) => plain(text) === plain(value));
}
