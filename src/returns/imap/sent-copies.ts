/**
 * Copies of what was sent through a mailbox, put into its folder for sent mail.
 *
 * What holds: deliveries neither wait for it nor hear of it; a message is put there once, since the folder is asked for its Message-ID
 * before, and the event up to which that was done is stored after. A copy that cannot be made any more is left out.
 */
import type { ImapFlow } from 'imapflow';
import type { ReadMailbox } from '../../data/port/imap.ts';
import type { Claimed, Store } from '../../data/store.ts';

export type CopyParts = {
  store: Pick<Store, 'events' | 'sentCopy'>;
  /** The mail as it was sent, or null where it cannot be made; with its Message-ID. */
  compose: (claimed: Claimed) => Promise<{ octets: Uint8Array; messageId: string } | null>;
};

const AT_ONCE = 100;
/** A folder by this name where the server marks none (RFC 6154). */
const USUAL = ['Sent', 'Sent Items', 'Sent Messages', 'INBOX.Sent', 'Gesendet'];

export class SentCopies {
  readonly #parts: CopyParts;

  constructor(parts: CopyParts) {
    this.#parts = parts;
  }

  /** Up to which event it is done. `after` null: what was sent before is not put there. */
  async put(client: ImapFlow, { id, address, tenantNo, mode }: ReadMailbox, after: number | null): Promise<number> {
    const { store } = this.#parts;
    const ask = (afterSeq: number, limit: number) =>
      store.events({ tenantNo, mode, afterSeq, types: ['message.sent'], limit });
    if (after === null) return (await ask(Number.MAX_SAFE_INTEGER, 1)).newestSeq;
    let seq = after;
    let folder: string | null = null;
    for (;;) {
      const page = await ask(seq, AT_ONCE);
      const own = page.events.filter(({ data }) => data['mailbox'] === id || data['mailbox'] === address);
      for (const { data } of own) {
        const claimed = await store.sentCopy({ tenantNo, recipientId: String(data['recipient_id']) });
        const mail = claimed === null ? null : await this.#parts.compose(claimed);
        if (mail === null) continue;
        folder ??= await sentFolder(client);
        if (folder === null) throw new Error('there is none');
        await putOnce(client, folder, mail, new Date(claimed!.createdAt));
      }
      seq = Math.max(seq, page.lastSeq);
      if (page.events.length < AT_ONCE || page.lastSeq >= page.newestSeq) return seq;
    }
  }
}

async function sentFolder(client: ImapFlow): Promise<string | null> {
  const folders = await client.list();
  const marked = folders.find(({ specialUse }) => specialUse === '\\Sent');
  const named = USUAL.flatMap((name) => folders.find(({ path }) => path.toLowerCase() === name.toLowerCase()) ?? []);
  return (marked ?? named[0])?.path ?? null;
}

async function putOnce(
  client: ImapFlow,
  folder: string,
  { octets, messageId }: { octets: Uint8Array; messageId: string },
  at: Date,
): Promise<void> {
  await client.mailboxOpen(folder, { readOnly: true });
  const found = await client.search({ header: { 'message-id': messageId } }, { uid: true });
  if (found !== false && found !== undefined && found.length > 0) return;
  await client.append(folder, octets, ['\\Seen'], at);
}
