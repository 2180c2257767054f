/**
 * MTA-STS (RFC 8461): what a domain asks of whoever delivers to it. A policy is found by a TXT record, fetched over HTTPS with
 * the certificate of `mta-sts.<domain>` checked, and kept for as long as it says.
 *
 * What holds: a policy that is kept stands until its `max_age` is over, whatever the DNS or the web server say meanwhile, unless
 * a new one was fetched whole; it is kept in the store too, so that a restart forgets none, and fetched anew long before it ends; a
 * domain whose policy cannot be fetched is asked again after some minutes at the earliest; what is in memory is bounded.
 */
import type { Dns } from '../../base/dns.ts';
import type { GuardedFetch } from '../../base/guarded-fetch.ts';
import type { KeptStsPolicy } from '../../data/port/sts-policies.ts';

export type StsPolicy = {
  mode: 'enforce' | 'testing' | 'none';
  /** Host names in lower case, some with `*.` in front. */
  mx: readonly string[];
  maxAgeMs: number;
};

/** Where policies outlast the process. */
export type StsShelf = {
  stsPolicy(input: { domain: string }): Promise<KeptStsPolicy | null>;
  keepStsPolicy(policy: KeptStsPolicy): Promise<null>;
};

export type StsParts = {
  dns: Pick<Dns, 'txt'>;
  fetch: GuardedFetch;
  /** Where policies are fetched; 443 but in tests. */
  port: number;
  /** Null: in memory alone. */
  shelf?: () => StsShelf | null;
  /** Milliseconds since the Unix epoch. */
  now?: () => number;
};

/** RFC 8461 §3.2. */
const LONGEST_AGE_MS = 31_557_600_000;
const MAX_BYTES = 64 * 1024;
const FETCH_MS = 30_000;
const AGAIN_MS = 5 * 60_000;
/** RFC 8461 §3.3 and §10.2: fetched anew now and then, so that nobody gains by keeping it from us until it ends. */
const FRESH_MS = 86_400_000;
const MOST_KEPT = 2000;
const MOST_MX = 100;

/** `askAt`: not to be fetched again before. */
type Kept = { id: string; policy: StsPolicy | null; fetchedAt: number; until: number; askAt: number };

export class StsPolicies {
  readonly #parts: StsParts;
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();

  constructor(parts: StsParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  /** The policy in force for a domain; null where there is none. */
  async policyOf(domain: string): Promise<StsPolicy | null> {
    const kept = this.#kept.get(domain) ?? (await this.#shelved(domain));
    const valid = kept !== null && kept.until > this.#now() ? kept : null;
    const answer = await this.#parts.dns.txt(`_mta-sts.${domain}`);
    const id = answer.outcome === 'found' ? parseStsRecord(answer.records) : null;
    if (id === null || (valid !== null && this.#isFresh(valid, id))) return valid?.policy ?? null;
    const policy = await this.#fetch(domain);
    const now = this.#now();
    if (policy !== null) {
      const fresh = { id, policy, fetchedAt: now, until: now + policy.maxAgeMs, askAt: 0 };
      this.#keep(domain, fresh);
      await this.#shelve(domain, fresh);
    } else if (valid !== null) this.#keep(domain, { ...valid, askAt: now + AGAIN_MS });
    else this.#keep(domain, { id, policy: null, fetchedAt: now, until: now + AGAIN_MS, askAt: 0 });
    return policy ?? valid?.policy ?? null;
  }

  /** Whether there is nothing to fetch now. */
  #isFresh({ id, policy, fetchedAt, askAt }: Kept, current: string): boolean {
    const now = this.#now();
    if (askAt > now || policy === null) return true;
    return id === current && now - fetchedAt < Math.min(FRESH_MS, policy.maxAgeMs / 2);
  }

  /** As the store has it. One that cannot be read, or written, is as one that was never met: mail goes on. */
  async #shelved(domain: string): Promise<Kept | null> {
    const found = await this.#parts
      .shelf?.()
      ?.stsPolicy({ domain: this.#nameOf(domain) })
      .catch(() => null);
    if (found == null || found.until <= this.#now()) return null;
    const { id, mode, mx, maxAgeMs, fetchedAt, until } = found;
    const kept = { id, policy: { mode, mx, maxAgeMs }, fetchedAt, until, askAt: 0 };
    this.#keep(domain, kept);
    return kept;
  }

  async #shelve(domain: string, { id, policy, fetchedAt, until }: Kept & { policy: StsPolicy }): Promise<void> {
    const kept = { domain: this.#nameOf(domain), id, ...policy, fetchedAt, until };
    await this.#parts
      .shelf?.()
      ?.keepStsPolicy(kept)
      .catch(() => null);
  }

  #nameOf(domain: string): string {
    const { port } = this.#parts;
    return port === 443 ? domain : `${domain}:${port}`;
  }

  async #fetch(domain: string): Promise<StsPolicy | null> {
    const { fetch } = this.#parts;
    const url = `https://mta-sts.${this.#nameOf(domain)}/.well-known/mta-sts.txt`;
    if (!URL.canParse(url)) return null;
    const fetched = await fetch(new URL(url), { maxBytes: MAX_BYTES, timeoutMs: FETCH_MS });
    if (fetched.outcome !== 'answered' || fetched.status !== 200) return null;
    return parseStsPolicy(fetched.body.toString('utf8'));
  }

  #keep(domain: string, kept: Kept): void {
    this.#kept.delete(domain);
    this.#kept.set(domain, kept);
    const first = this.#kept.keys().next();
    if (this.#kept.size > MOST_KEPT && !first.done) this.#kept.delete(first.value);
  }
}

/** The id in the one record that is of this kind (RFC 8461 §3.1); null where there is none, or more than one. */
export function parseStsRecord(records: readonly string[]): string | null {
  const ours = records.filter((record) => /^v=STSv1[ \t]*(?:;|$)/.test(record));
  if (ours.length !== 1) return null;
  for (const field of ours[0]!.split(';')) {
    const id = /^[ \t]*id[ \t]*=[ \t]*([A-Za-z0-9]{1,32})[ \t]*$/.exec(field)?.[1];
    if (id !== undefined) return id;
  }
  return null;
}

/** RFC 8461 §3.2. Null where the text is no policy. */
export function parseStsPolicy(text: string): StsPolicy | null {
  const fields = new Map<string, string>();
  const mx: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon === -1) continue;
    const key = line.slice(0, colon).trim();
    const value = line.slice(colon + 1).trim();
    if (key === 'mx') mx.push(value.toLowerCase());
    else if (!fields.has(key)) fields.set(key, value);
  }
  const mode = (['enforce', 'testing', 'none'] as const).find((known) => known === fields.get('mode'));
  const maxAge = fields.get('max_age') ?? '';
  if (fields.get('version') !== 'STSv1' || mode === undefined || !/^\d{1,10}$/.test(maxAge)) return null;
  if (mode !== 'none' && (mx.length === 0 || mx.length > MOST_MX)) return null;
  return { mode, mx, maxAgeMs: Math.min(Number(maxAge) * 1000, LONGEST_AGE_MS) };
}

/** Whether a policy names a mail host; `*.` stands for one label (RFC 8461 §4.1). */
export function isNamed(policy: StsPolicy, host: string): boolean {
  const dot = host.indexOf('.');
  const parent = dot === -1 ? null : `*${host.slice(dot)}`;
  return policy.mx.some((pattern) => pattern === host || pattern === parent);
}
