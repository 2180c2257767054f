/** The part of the port that gives out and erases what is known of one person. */
import type { ContactAddress } from './contacts.ts';
import type { EventRow } from './events.ts';
import type { Actor, Refused } from './management.ts';
import type { Space } from './space.ts';

export type Erased = {
  /** Messages to this person alone: gone. */
  removed: number;
  /** Messages to others too: without this person. */
  stripped: number;
  /** Of these, ones that others still wait for: their content names the person until a week after they closed. */
  open: number;
  /** Recipients that a worker has in hand just now: nothing of them was changed. */
  busy: number;
  /** Blobs that nothing holds any more. */
  unused: string[];
};

export interface ErasureWrites {
  /**
   * Forgets the contact, its suppressions and its captured mail, keeps a hash of the address that goes on blocking it, and takes
   * the address out of the audit log. From then on nothing new can be sent there. `unused`: blobs that nothing holds any more.
   */
  eraseContact(
    input: Space & ContactAddress & { note: string | null; actor: Actor },
  ): Promise<{ outcome: 'erased'; suppressionId: string; unused: string[] } | Refused>;
  /** Takes the person out of these messages; what has not left is cancelled for this person. A few dozen at once. */
  eraseMessages(input: Space & { key: string; ids: string[] }): Promise<Erased>;
  /** Removes from the archives what was brought back from there and changed or removed. */
  eraseArchived(input: Space & { ids: string[] }): Promise<null>;
  /** Empties events that name the address, from below a number (null: the newest); answers with the number reached, null at the end. */
  eraseEvents(
    input: Space & { key: string; beforeSeq: number | null },
  ): Promise<{ count: number; next: number | null }>;
}

export interface ErasureReads {
  /** Events that are about no message and name the address, newest first, from below a number; `next` null at the end. */
  eventsNaming(
    input: Space & { key: string; beforeSeq: number | null },
  ): Promise<{ events: EventRow[]; next: number | null }>;
}
