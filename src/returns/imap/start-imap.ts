/** The reading of mailboxes as a whole. */
import { openCredentials } from '../../base/credentials.ts';
import type { Secrets } from '../../base/secrets.ts';
import type { Store } from '../../data/store.ts';
import type { Inbox } from '../inbox.ts';
import type { ConnectionParts } from './connection.ts';
import { type CopyParts, SentCopies } from './sent-copies.ts';
import { type SessionParts, type SessionTimes, TIMES } from './session.ts';
import { type ImapWatch, watchMailboxes } from './watch.ts';

/** What a test puts in the place of the usual. */
export type ImapOutside = { ca?: string; times?: SessionTimes; lookAfterEventMs?: number };

export type ImapParts = ConnectionParts & {
  store: Store;
  secrets: Secrets;
  inbox: Inbox;
  compose: CopyParts['compose'];
  log: SessionParts['log'];
  outside: ImapOutside;
};

const LOOK_EVERY_MS = 15_000;
const LOOK_AFTER_EVENT_MS = 3000;
/** Connections to mailboxes at a time. */
const MOST = 200;

export function startImap({ store, secrets, inbox, compose, dns, guard, log, outside }: ImapParts): ImapWatch {
  return watchMailboxes({
    ...{ store, inbox, dns, guard, log, most: MOST },
    ...(outside.ca === undefined ? {} : { ca: outside.ca }),
    times: outside.times ?? TIMES,
    lookEveryMs: LOOK_EVERY_MS,
    lookAfterEventMs: outside.lookAfterEventMs ?? LOOK_AFTER_EVENT_MS,
    copies: new SentCopies({ store, compose }),
    credentials: ({ id, imap }) =>
      imap.sealed === null ? null : openCredentials(secrets, imap.sealed, `mailbox/${id}/imap`),
  });
}
