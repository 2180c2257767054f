/**
 * Takes in mail with proof of what it is about: the address it came to, or a msg-id of ours that it answers. Read in a thread, then
 * kept and applied by the store in one transaction.
 *
 * Invariants: what this answers with `taken` is on the disk; what carries no proof is not taken. The same octets for the same target
 * are taken once.
 */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { encodeTypeId } from '../base/ids.ts';
import type { Tokens } from '../base/tokens.ts';
import type { Blobs } from '../data/blobs.ts';
import type { InboundAnswer, InboundMail, InboundTarget } from '../data/port/inbound.ts';
import type { ReturnChannel } from '../data/port/returns.ts';
import type { Store } from '../data/store.ts';
import type { InboundReader } from './inbound-reader.ts';

/** Larger mail lies in the blob folder. */
const INLINE_BYTES = 65_536;
/** A bounce can come back before the answer to the final dot is stored. */
const LATER_WITHIN_MS = 5000;
const LATER_EVERY_MS = 100;
/** Signed addresses are at home in domains of this name. */
const RETURN_HOST = 'bounces.';

export type InboxParts = {
  store: Pick<Store, 'takeInbound' | 'inboundTarget' | 'unusedBlobs'>;
  blobs: Blobs;
  reader: InboundReader;
  tokens: Tokens;
};

/** `mailFrom`: the envelope's, '' for the null sender; null where the mail came without an envelope. */
export type Arrived = { octets: Uint8Array; channel: ReturnChannel; mailFrom: string | null; rcptTo: string | null };

export class Inbox {
  readonly #parts: InboxParts;

  constructor(parts: InboxParts) {
    this.#parts = parts;
  }

  /** What an address names, if we have signed it. */
  targetOf(address: string): InboundTarget | null {
    const { tokens } = this.#parts;
    const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase();
    if (!domain.startsWith(RETURN_HOST)) return null;
    const path = tokens.parseReturnPath(address);
    if (path !== null) return ofRecipient(path, 'return_path');
    const unsubscribe = tokens.parseUnsubscribeAddress(address);
    if (unsubscribe !== null) return ofRecipient(unsubscribe, 'unsubscribe_address');
    const reply = tokens.parseReplyAddress(address);
    return reply && ofMessage(reply, 'reply_address');
  }

  /** Whether there still is what an address names. */
  exists(target: InboundTarget): Promise<boolean> {
    return this.#parts.store.inboundTarget(target);
  }

  /**
   * Takes a mail for what its address names. @throws StoreFault where the store cannot take it now.
   */
  async take(target: InboundTarget, arrived: Arrived): Promise<InboundAnswer> {
    const read = await this.#parts.reader.read(arrived.octets);
    return this.#store(target, arrived, read);
  }

  /**
   * Takes a mail that was found in a tenant's mailbox, if it answers or returns a message of that tenant: proven by a signed msg-id in
   * In-Reply-To or References, or in what it returns. @throws StoreFault
   */
  async takeFound(tenantNo: number, arrived: Arrived): Promise<InboundAnswer | { outcome: 'unproven' }> {
    const read = await this.#parts.reader.read(arrived.octets);
    if (read === null) return { outcome: 'unproven' };
    const ids = read.form === null ? read.answers : [...read.returns, ...read.answers];
    for (const id of ids) {
      const named = this.#parts.tokens.parseMessageId(id);
      if (named === null || named.tenant !== tenantNo) continue;
      const target = ofMessage(named, 'message_id');
      if (await this.exists(target)) return this.#store(target, arrived, read);
    }
    return { outcome: 'unproven' };
  }

  async #store(target: InboundTarget, arrived: Arrived, read: InboundMail['read']): Promise<InboundAnswer> {
    const { octets, ...envelope } = arrived;
    const sha256 = createHash('sha256').update(octets).digest('hex');
    const isLarge = octets.length > INLINE_BYTES;
    const mail: InboundMail = {
      ...target,
      ...envelope,
      digest: createHash('sha256')
        .update(`${target.proof} ${JSON.stringify(target.named)} ${sha256}`)
        .digest('base64url'),
      size: octets.length,
      raw: isLarge ? { blob: sha256 } : { inline: octets },
      read,
    };
    if (!isLarge) return this.#patiently(mail);
    const { blobs } = this.#parts;
    const release = blobs.hold([sha256]);
    let answer: InboundAnswer | null = null;
    try {
      await blobs.put(sha256, octets);
      answer = await this.#patiently(mail);
    } finally {
      release();
      if (answer?.outcome !== 'taken') await this.#forget([sha256]);
    }
    return answer;
  }

  async #patiently(mail: InboundMail): Promise<InboundAnswer> {
    const until = performance.now() + LATER_WITHIN_MS;
    for (;;) {
      const answer = await this.#parts.store.takeInbound(mail);
      if (answer.outcome === 'taken') await this.#forget(answer.unused);
      if (answer.outcome !== 'later' || performance.now() > until) return answer;
      await pause(LATER_EVERY_MS);
    }
  }

  async #forget(names: string[]): Promise<void> {
    const { blobs, store } = this.#parts;
    if (names.length > 0) await blobs.removeUnused(names, (sha256s) => store.unusedBlobs({ sha256s }));
  }
}

function ofRecipient(
  named: { recipientId: Uint8Array; tenant: number },
  proof: 'return_path' | 'unsubscribe_address',
): InboundTarget {
  return { tenantNo: named.tenant, proof, named: { recipientId: encodeTypeId('rcp', named.recipientId) } };
}

function ofMessage(
  named: { messageId: Uint8Array; tenant: number },
  proof: 'reply_address' | 'message_id',
): InboundTarget {
  return { tenantNo: named.tenant, proof, named: { messageId: encodeTypeId('msg', named.messageId) } };
}
