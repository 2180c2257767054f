/**
 * Mail made ready for the wire: read, composed and signed once per message, however many recipients it has. Mail that holds a
 * link by which its recipient unsubscribes (all marketing mail, and whatever has the placeholder of the link), or whose opening or
 * clicks are counted, is made for each.
 *
 * What holds: at most `maxBytes` of content are in memory at once, a larger message waits until it is alone; of recipients
 * that ask at the same time one has it made; octets are kept only while a delivery uses them, or while other recipients
 * of the same message are likely to come, the least recently used going first.
 *
 * Absent on purpose: trying again. What could not be made is made anew for the next recipient or attempt.
 */
import { createHash } from 'node:crypto';
import { decodeTypeId } from '../base/ids.ts';
import type { Tokens } from '../base/tokens.ts';
import { readContentText } from '../core/content-text.ts';
import type { Submission } from '../core/message.ts';
import { UNSUBSCRIBE_PLACEHOLDER } from '../core/unsubscribe.ts';
import type { Blobs } from '../data/blobs.ts';
import type { Claimed } from '../data/store.ts';
import type { OutgoingAttachment, OutgoingMessage } from './compose.ts';
import { ComposeFault } from './compose-fault.ts';
import type { Composer } from './composer.ts';
import type { DkimKey } from './dkim.ts';
import { type Tracked, trackHtml } from './tracked-html.ts';

/** `madeFor`: the one recipient it is good for, or null. */
export type Mail = { bytes: Uint8Array; madeFor: number | null; release: () => void };

/** Ready, or why it never will be, or given up since the relay stops. */
export type MailAnswer = Mail | { problem: string } | 'stopped';

export type MailParts = {
  blobs: Blobs;
  composer: Composer;
  tokens: Tokens;
  /** Where Message-IDs are at home. */
  domain: string;
  /** Where signed addresses are at home that mail is taken for; null: none is taken. */
  mailDomain?: string | null;
  /** Where links lead to: `https://host`, without a slash at the end. */
  publicUrl: string;
  /** The keys to sign with. */
  keysFor: (claimed: Claimed) => Promise<readonly DkimKey[]>;
  maxBytes?: number;
};

/** `isPersonal`: good for one recipient alone. */
type Made = { bytes: Uint8Array; isPersonal: boolean } | { problem: string };

type Entry = {
  key: string;
  size: number;
  /** The recipient that had it made. */
  recipient: number;
  users: number;
  isShared: boolean;
  made: Promise<Made | 'stopped'>;
};

const MAX_BYTES = 32 * 1024 * 1024;
export class Mails {
  readonly #parts: MailParts;
  readonly #maxBytes: number;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #waiting: { size: number; go: (isFree: boolean) => void }[] = [];
  #isStopped = false;

  constructor(parts: MailParts) {
    this.#parts = parts;
    this.#maxBytes = parts.maxBytes ?? MAX_BYTES;
  }

  async take(claimed: Claimed): Promise<MailAnswer> {
    const mail = await this.#take(claimed, claimed.kind === 'marketing' || isTracked(claimed));
    const isAnothers =
      typeof mail === 'object' && 'madeFor' in mail && ![null, claimed.recipient].includes(mail.madeFor);
    if (!isAnothers) return mail;
    mail.release();
    return this.#take(claimed, true);
  }

  async #take(claimed: Claimed, isPersonal: boolean): Promise<MailAnswer> {
    const shared = `${claimed.message}.${claimed.possibleDuplicate ? 1 : 0}`;
    const key = isPersonal ? `${shared}.${claimed.recipient}` : shared;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const { size, recipient } = claimed;
      entry = { key, size, recipient, users: 0, isShared: false, made: Promise.resolve('stopped') };
      entry.made = this.#make(entry, claimed);
    } else this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.users += 1;
    const used = entry;
    const release = (): void => this.#release(used);
    try {
      const made = await entry.made;
      if (typeof made === 'object' && 'bytes' in made) {
        return { bytes: made.bytes, madeFor: made.isPersonal ? entry.recipient : null, release };
      }
      this.#forget(entry);
      return made;
    } catch (fault) {
      this.#forget(entry);
      throw fault;
    }
  }

  /** Nothing waits for memory any more. */
  stop(): void {
    this.#isStopped = true;
    for (const waiter of this.#waiting.splice(0)) waiter.go(false);
  }

  async #make(entry: Entry, claimed: Claimed): Promise<Made | 'stopped'> {
    if (!(await this.#room(entry.size))) return 'stopped';
    try {
      const submission = await this.#submission(claimed);
      if ('problem' in submission) return this.#without(entry, submission);
      const hasLink = claimed.kind === 'marketing' || hasPlaceholder(submission);
      const tracked = submission.html !== null && isTracked(claimed) ? this.#tracked(claimed) : null;
      const isPersonal = hasLink || tracked !== null;
      const recipients = submission.to.length + submission.cc.length + submission.bcc.length;
      entry.isShared = recipients > 1 && !isPersonal;
      const attachments = await this.#attachments(submission);
      if ('problem' in attachments) return this.#without(entry, attachments);
      const { bytes } = await this.#parts.composer.compose({
        message: outgoing(submission, claimed, attachments, {
          messageId: this.#messageId(claimed),
          ...(hasLink
            ? { unsubscribeUrl: this.#unsubscribeUrl(claimed), unsubscribeAddress: this.#unsubscribeAddress(claimed) }
            : { unsubscribeUrl: null, unsubscribeAddress: null }),
          replyAddress: this.#replyAddress(claimed),
          tracked,
        }),
        possibleDuplicate: claimed.possibleDuplicate,
        dkim: await this.#parts.keysFor(claimed),
      });
      return { bytes, isPersonal };
    } catch (fault) {
      this.#give(entry.size);
      if (fault instanceof ComposeFault) return { problem: `the message cannot be composed: ${fault.message}` };
      throw fault;
    }
  }

  #without(entry: Entry, problem: { problem: string }): { problem: string } {
    this.#give(entry.size);
    return problem;
  }

  #messageId({ messageId, tenantNo }: Claimed): string {
    return this.#parts.tokens.makeMessageId(
      { id: decodeTypeId('msg', messageId)!, tenant: tenantNo },
      this.#parts.domain,
    );
  }

  #unsubscribeUrl({ recipientId, tenantNo }: Claimed): string {
    const token = this.#parts.tokens.makeUnsubscribe({ id: decodeTypeId('rcp', recipientId)!, tenant: tenantNo });
    return `${this.#parts.publicUrl}/u/${token}`;
  }

  #tracked({ recipientId, tenantNo, tracking }: Claimed): Tracked {
    const { tokens, publicUrl } = this.#parts;
    const recipient = { id: decodeTypeId('rcp', recipientId)!, tenant: tenantNo };
    return {
      picture: tracking?.open === true ? `${publicUrl}/t/o/${tokens.makeOpen(recipient)}.gif` : null,
      link: tracking?.click === true ? (url) => `${publicUrl}/t/c/${tokens.makeClick(recipient, url)}` : null,
    };
  }

  #unsubscribeAddress({ recipientId, tenantNo }: Claimed): string | null {
    const { mailDomain = null, tokens } = this.#parts;
    if (mailDomain === null) return null;
    return tokens.makeUnsubscribeAddress({ id: decodeTypeId('rcp', recipientId)!, tenant: tenantNo }, mailDomain);
  }

  #replyAddress({ messageId, tenantNo, tracksReplies }: Claimed): string | null {
    const { mailDomain = null, tokens } = this.#parts;
    if (mailDomain === null || !tracksReplies) return null;
    return tokens.makeReplyAddress({ id: decodeTypeId('msg', messageId)!, tenant: tenantNo }, mailDomain);
  }

  async #submission({ content }: Claimed): Promise<Submission | { problem: string }> {
    if ('gone' in content) return { problem: 'the content is no longer stored' };
    const bytes = 'inline' in content ? content.inline : await this.#blob(content.blob);
    if (bytes === null) return { problem: 'the stored content is missing or damaged' };
    const submission = readSubmission(bytes);
    if (submission === null) return { problem: 'the stored content is damaged' };
    if (submission.template !== null && submission.text === null && submission.html === null) {
      return { problem: 'the template was never rendered' };
    }
    return submission;
  }

  async #attachments(submission: Submission): Promise<OutgoingAttachment[] | { problem: string }> {
    const found: OutgoingAttachment[] = [];
    for (const { filename, contentType, contentId, sha256 } of submission.attachments) {
      const bytes = await this.#blob(sha256);
      if (bytes === null) return { problem: `the attachment "${filename}" is missing or damaged` };
      found.push({ filename, contentType, contentId, bytes });
    }
    return found;
  }

  /** Null also where the octets are no longer those that were stored. */
  async #blob(sha256: string): Promise<Uint8Array | null> {
    const bytes = await this.#parts.blobs.get(sha256);
    if (bytes === null) return null;
    return createHash('sha256').update(bytes).digest('hex') === sha256 ? bytes : null;
  }

  async #room(size: number): Promise<boolean> {
    if (this.#isStopped) return false;
    if (this.#waiting.length === 0 && this.#fits(size)) {
      this.#bytes += size;
      return true;
    }
    return new Promise((resolve) => this.#waiting.push({ size, go: resolve }));
  }

  #fits(size: number): boolean {
    for (const entry of this.#entries.values()) {
      if (this.#bytes === 0 || this.#bytes + size <= this.#maxBytes) return true;
      if (entry.users === 0) this.#drop(entry);
    }
    return this.#bytes === 0 || this.#bytes + size <= this.#maxBytes;
  }

  #release(entry: Entry): void {
    entry.users -= 1;
    if (entry.users === 0 && !entry.isShared) this.#drop(entry);
    this.#letIn();
  }

  #drop(entry: Entry): void {
    this.#forget(entry);
    this.#bytes -= entry.size;
  }

  /** What could not be made holds no memory. */
  #forget(entry: Entry): void {
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
  }

  #give(size: number): void {
    this.#bytes -= size;
    this.#letIn();
  }

  #letIn(): void {
    for (let first = this.#waiting[0]; first !== undefined && this.#fits(first.size); first = this.#waiting[0]) {
      this.#waiting.shift();
      this.#bytes += first.size;
      first.go(true);
    }
  }
}

function readSubmission(bytes: Uint8Array): Submission | null {
  try {
    return readContentText(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    return null;
  }
}

function hasPlaceholder({ text, html }: Submission): boolean {
  return text?.includes(UNSUBSCRIBE_PLACEHOLDER) === true || html?.includes(UNSUBSCRIBE_PLACEHOLDER) === true;
}

function isTracked({ tracking }: Claimed): boolean {
  return tracking?.open === true || tracking?.click === true;
}

type Links = {
  messageId: string;
  unsubscribeUrl: string | null;
  unsubscribeAddress: string | null;
  replyAddress: string | null;
  tracked: Tracked | null;
};

function outgoing(
  submission: Submission,
  claimed: Claimed,
  attachments: OutgoingAttachment[],
  { messageId, unsubscribeUrl, unsubscribeAddress, replyAddress, tracked }: Links,
): OutgoingMessage {
  const { replyTo, subject, headers, inReplyTo, references } = submission;
  const { to, cc } = submission.shown ?? submission;
  const linked = (content: string | null): string | null =>
    unsubscribeUrl === null ? content : (content?.replaceAll(UNSUBSCRIBE_PLACEHOLDER, () => unsubscribeUrl) ?? null);
  return {
    from: claimed.from,
    to,
    cc,
    replyTo: withReplyAddress(replyTo, claimed, replyAddress),
    subject,
    text: linked(submission.text),
    html: linked(tracked === null || submission.html === null ? submission.html : trackHtml(submission.html, tracked)),
    attachments,
    headers,
    messageId,
    date: claimed.createdAt,
    inReplyTo,
    references,
    ...(unsubscribeUrl === null
      ? {}
      : { listUnsubscribe: waysOut(unsubscribeUrl, unsubscribeAddress), listUnsubscribePost: true }),
  };
}

/** The link first: one click is for the https URI (RFC 8058 §3.1), the address for programs that know no other way. */
function waysOut(url: string, address: string | null): string[] {
  return address === null ? [url] : [url, `mailto:${address}?subject=unsubscribe`];
}

/** The sender is answered as before, and this gateway hears of it: both stand in Reply-To (RFC 5322 §3.6.2). */
function withReplyAddress(
  replyTo: Submission['replyTo'],
  { from }: Claimed,
  address: string | null,
): OutgoingMessage['replyTo'] {
  if (address === null) return replyTo;
  return [...(replyTo.length === 0 ? [from] : replyTo), { email: address, name: null }];
}
