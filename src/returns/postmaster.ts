/**
 * Mail for whoever runs the gateway: postmaster@ (RFC 5321 §4.5.1 has every server take it) and abuse@ (RFC 2142 §4), at the
 * gateway's domain, below `bounces.` of it and of sender domains, and `postmaster` alone.
 *
 * What holds: it is kept for the operator to read and changes nothing. It is passed on to nobody, so that no loop can come of it.
 */
import { createHash } from 'node:crypto';
import type { Store } from '../data/store.ts';
import type { InboundReader } from './inbound-reader.ts';
import type { Arrived } from './inbox.ts';

/** People write there in a few kilobytes. */
export const MOST_OPERATOR_BYTES = 1024 * 1024;
const NAMES: ReadonlySet<string> = new Set(['postmaster', 'abuse']);
const RETURN_HOST = 'bounces.';

export type PostmasterParts = {
  store: Pick<Store, 'keepOperatorMail' | 'isSenderDomain'>;
  reader: InboundReader;
  /** The gateway's own domain. */
  domain: string;
};

export class Postmaster {
  readonly #parts: PostmasterParts;

  constructor(parts: PostmasterParts) {
    this.#parts = parts;
  }

  /** Whether an address is the operator's. @throws StoreFault */
  async takes(address: string): Promise<boolean> {
    const at = address.lastIndexOf('@');
    const name = (at === -1 ? address : address.slice(0, at)).toLowerCase();
    if (!NAMES.has(name)) return false;
    if (at === -1) return name === 'postmaster';
    const host = address.slice(at + 1).toLowerCase();
    const { domain, store } = this.#parts;
    if (host === domain || host === RETURN_HOST + domain) return true;
    return host.startsWith(RETURN_HOST) && store.isSenderDomain({ name: host.slice(RETURN_HOST.length) });
  }

  /** Keeps a mail, and answers once it is on the disk: with its id. @throws StoreFault */
  async keep({ octets, mailFrom, rcptTo }: Arrived): Promise<string> {
    const read = await this.#parts.reader.read(octets);
    return this.#parts.store.keepOperatorMail({
      mailFrom: mailFrom ?? '',
      rcptTo: rcptTo ?? 'postmaster',
      from: read?.from ?? null,
      subject: read?.subject ?? '',
      text: read?.text ?? null,
      digest: createHash('sha256').update(`${rcptTo} `).update(octets).digest('base64url'),
      raw: octets,
    });
  }
}
