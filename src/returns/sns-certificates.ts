/**
 * The certificates that SNS signs with, fetched once and kept.
 *
 * What holds: however many messages name certificates that are not there, few are fetched at once and few are kept, and one that
 * could not be read is not asked for again for a while, since anybody may post.
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { GuardedFetch } from '../base/guarded-fetch.ts';

/** `failed`: perhaps another time. `bad`: what lies there proves nothing. */
export type FoundKey = { outcome: 'found'; key: KeyObject } | { outcome: 'bad' | 'failed'; why: string };

const KEPT_MS = 24 * 60 * 60_000;
const BAD_KEPT_MS = 60_000;
const MOST_KEPT = 50;
const MOST_AT_ONCE = 4;
const MAX_BYTES = 16 * 1024;

export class SnsCertificates {
  readonly #fetch: GuardedFetch;
  readonly #now: () => number;
  readonly #known = new Map<string, { until: number; found: Promise<FoundKey> }>();
  #fetching = 0;

  constructor(fetch: GuardedFetch, now: () => number = Date.now) {
    this.#fetch = fetch;
    this.#now = now;
  }

  /** @param url one that `certificateUrl` has let through. */
  async keyAt(url: URL): Promise<FoundKey> {
    const known = this.#known.get(url.href);
    if (known !== undefined && known.until > this.#now()) return known.found;
    if (this.#fetching >= MOST_AT_ONCE) return { outcome: 'failed', why: 'too many certificates are being fetched' };
    const entry = { until: this.#now() + KEPT_MS, found: this.#load(url) };
    this.#known.delete(url.href);
    this.#known.set(url.href, entry);
    if (this.#known.size > MOST_KEPT) this.#known.delete(this.#known.keys().next().value!);
    const found = await entry.found;
    if (found.outcome === 'bad') entry.until = this.#now() + BAD_KEPT_MS;
    if (found.outcome === 'failed') this.#known.delete(url.href);
    return found;
  }

  async #load(url: URL): Promise<FoundKey> {
    this.#fetching += 1;
    try {
      const fetched = await this.#fetch(url, { maxBytes: MAX_BYTES });
      if (fetched.outcome !== 'answered') {
        return { outcome: fetched.outcome === 'refused' ? 'bad' : 'failed', why: fetched.why };
      }
      const { status, body } = fetched;
      if (status >= 500 || status === 429) return { outcome: 'failed', why: `SNS answered ${status}` };
      if (status !== 200) return { outcome: 'bad', why: `there is no certificate at this address (${status})` };
      return readCertificate(body, this.#now());
    } finally {
      this.#fetching -= 1;
    }
  }
}

function readCertificate(body: Buffer, now: number): FoundKey {
  try {
    const certificate = new X509Certificate(body);
    if (now < Date.parse(certificate.validFrom) || now > Date.parse(certificate.validTo)) {
      return { outcome: 'bad', why: 'the certificate is not valid at this time' };
    }
    return { outcome: 'found', key: certificate.publicKey };
  } catch {
    return { outcome: 'bad', why: 'what lies at this address is no certificate' };
  }
}
