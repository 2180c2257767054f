/**
 * Reads captured mail in a thread, so that no hostile message holds up a request of somebody else: one that takes longer
 * than its time ends the thread, and counts as unreadable.
 */
import { WatchedThread } from '../../base/watched-thread.ts';
import { type ReadMail, UNREADABLE } from './mail.ts';

const WITHIN_MS = 5000;

export class MailReader {
  readonly #thread = new WatchedThread<Uint8Array, ReadMail>(new URL('./mail-thread.ts', import.meta.url), WITHIN_MS);

  /** Never rejects. */
  async read(raw: Uint8Array): Promise<ReadMail> {
    return (await this.#thread.ask(raw)) ?? UNREADABLE;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}
