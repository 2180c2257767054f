/**
 * In whose name mail is signed, and where its reports come back to: a tenant's own verified domain, else the gateway.
 *
 * Invariant: a key belongs to its tenant and mode. A message of anybody else with a From address in that domain is signed as the
 * gateway's, never as the domain's. What is known is kept for `FRESH_MS`, and forgotten at once where this process changed it;
 * key objects are kept for good, since each new one crosses to the composing threads and stays there.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readDomain } from '../base/domain.ts';
import type { Secrets } from '../base/secrets.ts';
import { returnDomainOf } from '../core/sender-records.ts';
import type { SigningDomain } from '../data/port/domains.ts';
import type { Claimed, Store } from '../data/store.ts';
import type { DkimKey } from './dkim.ts';

export type SenderKeysParts = {
  store: Pick<Store, 'signingDomain'>;
  secrets: Pick<Secrets, 'open'>;
  /** The gateway's own domain, and its keys. */
  domain: string;
  gatewayKeys: () => Promise<readonly DkimKey[]>;
  log: { error(fields: object, message: string): void };
};

/** Of a claim: who sends, and as whom. */
export type Sending = Pick<Claimed, 'tenantNo' | 'mode' | 'from'>;

type Entry = { tenantNo: number; until: number; found: Promise<SigningDomain | null> };

const FRESH_MS = 30_000;
const MOST_KNOWN = 5000;

export class SenderKeys {
  readonly #parts: SenderKeysParts;
  readonly #known = new Map<string, Entry>();
  /** Opened keys by number; null: sealed under a secret that is gone. */
  readonly #opened = new Map<number, KeyObject | null>();

  constructor(parts: SenderKeysParts) {
    this.#parts = parts;
  }

  /** RSA and Ed25519 of the tenant's domain as far as their records stand, else the gateway's. */
  async keysFor(sending: Sending): Promise<readonly DkimKey[]> {
    const found = await this.#find(sending);
    const own = (found?.keys ?? []).flatMap(({ no, selector, sealed, context }): DkimKey[] => {
      const privateKey = this.#open(no, sealed, context);
      return privateKey === null ? [] : [{ domain: found!.domain, selector, privateKey }];
    });
    return own.length > 0 ? own : this.#parts.gatewayKeys();
  }

  /** `bounces.<tenant's domain>` where its record was found, else the gateway's. */
  async returnDomainFor(sending: Sending): Promise<string> {
    const found = await this.#find(sending);
    return returnDomainOf(found?.hasReturnPath === true ? found.domain : this.#parts.domain);
  }

  /** A domain of this tenant was changed. */
  forget(tenantNo: number): void {
    for (const [key, entry] of this.#known) if (entry.tenantNo === tenantNo) this.#known.delete(key);
  }

  #find({ tenantNo, mode, from }: Sending): Promise<SigningDomain | null> {
    const domain = domainOf(from.email);
    if (domain === this.#parts.domain) return Promise.resolve(null);
    const key = `${tenantNo} ${mode} ${domain}`;
    const known = this.#known.get(key);
    const now = performance.now();
    if (known !== undefined && known.until > now) return known.found;
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    const found = this.#parts.store.signingDomain({ tenantNo, mode, domain });
    const entry = { tenantNo, until: now + FRESH_MS, found };
    this.#known.set(key, entry);
    // What could not be read is asked for again by the next message.
    found.catch(() => {
      if (this.#known.get(key) === entry) this.#known.delete(key);
    });
    return found;
  }

  #open(no: number, sealed: Uint8Array, context: string): KeyObject | null {
    let opened = this.#opened.get(no);
    if (opened === undefined) {
      const pem = this.#parts.secrets.open(sealed, context);
      opened = pem === null ? null : createPrivateKey(Buffer.from(pem).toString());
      this.#opened.set(no, opened);
      if (opened === null) {
        this.#parts.log.error(
          { key: context },
          'a DKIM key was sealed under another master secret: rotate the keys of its domain',
        );
      }
    }
    return opened;
  }
}

function domainOf(email: string): string {
  const domain = email.slice(email.lastIndexOf('@') + 1);
  const read = readDomain(domain);
  return read.ok ? read.domain : domain.toLowerCase();
}
