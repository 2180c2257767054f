/**
 * One mailbox, watched: read from where the last reading ended, told of more by IDLE (RFC 2177) or asked from time to time, and given
 * copies of what was sent through it where that is wanted.
 *
 * What holds: nothing in the mailbox is changed, marked or deleted, since it is opened read-only; a UID is passed only after what its
 * mail proves is stored, and what is read twice has an effect once; what proves nothing stays where it is and changes nothing. An end
 * of the connection is no fault: the next one goes on.
 */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { ImapFlow } from 'imapflow';
import type { Credentials } from '../../base/credentials.ts';
import type { ImapNote, ImapPlace, ReadMailbox } from '../../data/port/imap.ts';
import type { Store } from '../../data/store.ts';
import type { Inbox } from '../inbox.ts';
import { type ConnectionParts, openImap, whyNot } from './connection.ts';
import type { SentCopies } from './sent-copies.ts';

export type SessionParts = ConnectionParts & {
  store: Pick<Store, 'noteImap'>;
  inbox: Pick<Inbox, 'takeFound'>;
  copies: Pick<SentCopies, 'put'>;
  credentials: (mailbox: ReadMailbox) => Credentials | null;
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  times: SessionTimes;
};

export type SessionTimes = {
  /** Between tries that fail: the first pause, doubled up to the last. */
  firstPauseMs: number;
  lastPauseMs: number;
  /** Between questions to a server without IDLE, and to one with it, which may have forgotten. */
  pollMs: number;
  idleMs: number;
  /** From an event to the copies that it may ask for; others that come meanwhile go with it. */
  copyMs: number;
};

export const TIMES: SessionTimes = {
  firstPauseMs: 5000,
  lastPauseMs: 15 * 60_000,
  pollMs: 60_000,
  idleMs: 5 * 60_000,
  copyMs: 2000,
};

const FOLDER = 'INBOX';
/** Where a mailbox is read for the first time, or its UIDs were made anew: mail of these days. */
const FIRST_DAYS = 14;
const AT_ONCE = 20;
/** More of a mail is not looked at. */
const MAX_BYTES = 4 * 1024 * 1024;
const SEEN_EVERY_MS = 60_000;
const LATER_MS = 5000;

export class ImapSession {
  readonly mailbox: ReadMailbox;
  readonly #parts: SessionParts;
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;
  #place: ImapPlace | null;
  #copiedSeq: number | null;
  #noted: Pick<ImapNote, 'state' | 'error'> & { seenAt: number } = { state: 'waiting', error: null, seenAt: 0 };
  #client: ImapFlow | null = null;
  #wake: () => void = () => undefined;
  #waking: NodeJS.Timeout | null = null;
  /** In the connection at hand. */
  #wasRead = false;

  constructor(mailbox: ReadMailbox, parts: SessionParts) {
    this.mailbox = mailbox;
    this.#parts = parts;
    this.#place = mailbox.place;
    this.#copiedSeq = mailbox.copiedSeq;
    this.#running = this.#run();
  }

  /** There may be something to put into its folder. */
  wake(): void {
    if (!this.mailbox.imap.appendToSent || this.#waking !== null || this.#ended.signal.aborted) return;
    this.#waking = setTimeout(() => {
      this.#waking = null;
      this.#wake();
    }, this.#parts.times.copyMs);
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    clearTimeout(this.#waking ?? undefined);
    this.#client?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { firstPauseMs, lastPauseMs } = this.#parts.times;
    const { signal } = this.#ended;
    let failures = 0;
    while (!signal.aborted) {
      const { why, isRefused, wasRead } = await this.#once();
      if (signal.aborted) return;
      // Servers end connections that were idle for long: no failure as long as the next one is made.
      failures = wasRead ? 0 : failures + 1;
      if (!wasRead) await this.#note({ state: 'failing', error: why });
      const steps = isRefused ? failures + 3 : Math.max(0, failures - 1);
      const ms = Math.min(lastPauseMs, firstPauseMs * 2 ** Math.min(steps, 20));
      await pause(ms * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Never rejects: why it ended, and whether the mailbox was read to the end before. */
  async #once(): Promise<{ why: string; isRefused: boolean; wasRead: boolean }> {
    const credentials = this.#parts.credentials(this.mailbox);
    if (credentials === null) {
      return { why: 'its credentials cannot be opened: give them again', isRefused: true, wasRead: false };
    }
    this.#wasRead = false;
    try {
      const opened = await openImap(this.mailbox.imap.url, credentials, this.#parts);
      if (opened.outcome === 'failed') return { ...opened, wasRead: false };
      this.#client = opened.client;
      await this.#watch(opened.client);
      return { why: 'the server ended the connection', isRefused: false, wasRead: this.#wasRead };
    } catch (fault) {
      return { ...whyNot(fault), wasRead: this.#wasRead };
    } finally {
      this.#client?.close();
      this.#client = null;
    }
  }

  async #watch(client: ImapFlow): Promise<void> {
    const closed = once(client, 'close', { signal: this.#ended.signal }).catch(() => undefined);
    let isClosed = false;
    void closed.then(() => {
      isClosed = true;
      this.#wake();
    });
    client.on('exists', () => this.#wake());
    for (;;) {
      let wait = client.capabilities.has('IDLE') ? this.#parts.times.idleMs : this.#parts.times.pollMs;
      const more = this.#wakened();
      // First, since mail is waited for in the folder that was opened last.
      const error = await this.#copySent(client);
      if (!(await this.#readNew(client))) wait = LATER_MS;
      await this.#note({ state: 'watching', error, seenAt: Date.now() });
      this.#wasRead = true;
      if (isClosed || this.#ended.signal.aborted) return;
      // Ends with the next command.
      if (client.capabilities.has('IDLE')) void client.idle().catch(() => undefined);
      await more(wait);
      if (isClosed || this.#ended.signal.aborted) return;
      await client.noop();
    }
  }

  /** What has come since is not missed: it is listened from the call on, and waited for later. */
  #wakened(): (ms: number) => Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    return async (ms) => {
      const timer = new AbortController();
      const signal = AbortSignal.any([timer.signal, this.#ended.signal]);
      await Promise.race([woken, pause(ms, undefined, { signal }).catch(() => undefined)]);
      timer.abort();
    };
  }

  /** False: something is on the wire at this moment, and is to be read again soon. */
  async #readNew(client: ImapFlow): Promise<boolean> {
    const isOpen = client.mailbox !== false && client.mailbox.path === FOLDER;
    const box = isOpen ? client.mailbox : await client.mailboxOpen(FOLDER, { readOnly: true });
    if (box === false) throw new Error('there is no INBOX');
    const uidValidity = String(box.uidValidity);
    const { url } = this.mailbox.imap;
    const known = this.#place;
    const isSame = known !== null && known.url === url && known.uidValidity === uidValidity;
    const after = isSame ? known.uid : 0;
    const since = new Date(Date.now() - FIRST_DAYS * 86_400_000);
    const found = await client.search(isSame ? { uid: `${after + 1}:*` } : { since }, { uid: true });
    // A range that begins beyond the last UID means the last one (RFC 9051 §9).
    const uids = (found || []).filter((uid) => uid > after).sort((a, b) => a - b);
    for (let from = 0; from < uids.length; from += AT_ONCE) {
      const part = uids.slice(from, from + AT_ONCE);
      const upTo = await this.#take(client, part);
      if (upTo !== null) await this.#pass({ url, uidValidity, uid: upTo });
      if (upTo !== part.at(-1)) return false;
    }
    // Older mail is never looked at.
    if (!isSame && uids.length === 0) await this.#pass({ url, uidValidity, uid: Math.max(0, box.uidNext - 1) });
    return true;
  }

  /** The last UID that is done with, or null. */
  async #take(client: ImapFlow, uids: number[]): Promise<number | null> {
    let done: number | null = null;
    for (const uid of uids) {
      const query = { uid: true, source: { start: 0, maxLength: MAX_BYTES } };
      const mail = await client.fetchOne(String(uid), query, { uid: true });
      const octets = mail === false ? undefined : mail?.source;
      if (octets !== undefined) {
        const arrived = { octets, channel: 'imap', mailFrom: null, rcptTo: null } as const;
        const { outcome } = await this.#parts.inbox.takeFound(this.mailbox.tenantNo, arrived);
        if (outcome === 'later') return done;
      }
      done = uid;
    }
    return done;
  }

  async #pass(place: ImapPlace): Promise<void> {
    this.#place = place;
    await this.#write({ state: this.#noted.state, error: this.#noted.error, seenAt: null, place, copiedSeq: null });
  }

  /** What is wrong with the folder for sent mail, in words, or null. That alone keeps nobody from reading. */
  async #copySent(client: ImapFlow): Promise<string | null> {
    if (!this.mailbox.imap.appendToSent) return null;
    try {
      const seq = await this.#parts.copies.put(client, this.mailbox, this.#copiedSeq);
      if (seq !== this.#copiedSeq) {
        this.#copiedSeq = seq;
        await this.#write({ ...this.#noted, seenAt: null, place: null, copiedSeq: seq });
      }
      return null;
    } catch (fault) {
      if (!client.usable) throw fault;
      return `copies cannot be put into the folder for sent mail: ${whyNot(fault).why}`;
    }
  }

  async #note(told: { state: ImapNote['state']; error: string | null; seenAt?: number }): Promise<void> {
    const { state, error, seenAt = null } = told;
    const isNews = state !== this.#noted.state || error !== this.#noted.error;
    const isDue = seenAt !== null && seenAt - this.#noted.seenAt >= SEEN_EVERY_MS;
    if (!isNews && !isDue) return;
    if (isNews) this.#tell(state, error);
    this.#noted = { state, error, seenAt: seenAt ?? this.#noted.seenAt };
    await this.#write({ state, error, seenAt, place: null, copiedSeq: null });
  }

  #tell(state: ImapNote['state'], error: string | null): void {
    const about = { mailbox: this.mailbox.id };
    if (state === 'failing') this.#parts.log.warn({ ...about, why: error }, 'the mail of a mailbox cannot be read now');
    else if (this.#noted.state === 'failing') this.#parts.log.info(about, 'the mail of a mailbox is read again');
  }

  /** A store that cannot take it now is a reason to begin again, but none to fail while telling of a failure. */
  async #write(note: Omit<ImapNote, 'mailbox'>): Promise<void> {
    const written = this.#parts.store.noteImap({ mailbox: this.mailbox.no, ...note });
    if (note.state === 'failing') await written.catch(() => false);
    else await written;
  }
}
