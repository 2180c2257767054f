/** The part of the port about conversations: a message, those that joined it, and what was answered. */
import type { InboundRow } from './inbound.ts';
import type { StoredMessage } from './messages.ts';
import type { Page } from './page.ts';
import type { Space } from './space.ts';

/** What a send says of the conversation that it belongs to. */
export type ThreadClaim = Space & {
  threadId: string | null;
  /** Ids of messages, from msg-ids of ours that it answers. */
  messageIds: string[];
  /** Msg-ids that are not ours. */
  foreignIds: string[];
};

export type ThreadFound = {
  threadId: string;
  /** Its first message, and its last one that was not refused. */
  first: string;
  last: string;
  /** The msg-id of the last letter that came in, where that is newer than the last message. */
  answered: string | null;
};

export type ThreadRow = {
  id: string;
  subject: string;
  identity: string | null;
  /** Addresses written to, in order, at most 100. */
  contacts: string[];
  createdAt: number;
  lastAt: number;
  messages: number;
  replies: number;
  archivedAt: number | null;
  /** Who wrote last. */
  last: 'message' | 'reply' | 'auto_reply';
};

export type ThreadEntry =
  | { type: 'message'; at: number; message: StoredMessage; content: ThreadContent | null }
  | { type: 'reply' | 'auto_reply'; at: number; reply: InboundRow };

/** The content of a message as core/content-text.ts writes it: in its row, or in the blob store. */
export type ThreadContent = { inline: Uint8Array } | { blob: string };

/** A conversation was put aside, or taken back. */
export type Archiving = { at: number; archived: boolean };

export type ThreadTimeline = { thread: ThreadRow; entries: ThreadEntry[]; archivings: Archiving[] };

export type ThreadFilter = {
  /** Key of an address. */
  contact: string | null;
  /** Handle or id. */
  identity: string | null;
  archived: boolean | null;
  /** Milliseconds: something happened in it from then on. */
  since: number | null;
};

export interface ThreadsWrites {
  /** Short names of conversations, in their order: 16 hexadecimal digits, given to each once and kept as long as it is. */
  nameThreads(input: Space & { ids: string[] }): Promise<string[]>;
  /** Has `message.no_reply` told unless somebody answers in time; a later message's takes the place of an earlier one's. */
  awaitReply(input: Space & { id: string; messageId: string; dueAt: number; waitMs: number }): Promise<null>;
  /** Puts a conversation aside, or takes it back. Null: there is none. */
  archiveThread(input: Space & { id: string; archived: boolean }): Promise<{ archivedAt: number | null } | null>;
}

export interface ThreadsReads {
  /** The conversation that a short name stands for. */
  threadNamed(input: Space & { name: string }): Promise<string | null>;
  /** The conversation that a send belongs to; `unknown`: it names one that does not exist. Null: none of those known. */
  threadFor(claim: ThreadClaim): Promise<ThreadFound | 'unknown' | null>;
  /** The one in which something happened last comes first. A page looks at a bounded number of events, as that of messages does. */
  threads(input: Space & { filter: ThreadFilter; limit: number; cursor: string | null }): Promise<Page<ThreadRow>>;
  thread(input: Space & { id: string }): Promise<ThreadTimeline | null>;
}
