/** The part of the port about messages after their admission: look them up, decide again, change what has not left. */
import type { Attachment, MessageKind, Mode } from '../../core/message.ts';
import type { RecipientState } from '../../core/states.ts';
import type { Facts } from '../../policy/facts.ts';
import type { Send, SendRecipient } from '../../policy/send.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Admission, LaterVerdict, RecipientKind } from './admission.ts';
import type { EventRow } from './events.ts';
import type { Page } from './page.ts';
import type { StoredRoute } from './routing.ts';
import type { Space } from './space.ts';
import type { Waits } from './waits.ts';

export type StoredRecipient = {
  id: string;
  email: string;
  name: string | null;
  kind: RecipientKind;
  state: RecipientState;
  departAt: number;
  nextAttemptAt: number | null;
  attempts: number;
  possibleDuplicate: boolean;
  closedAt: number | null;
  /** The way out that it counts on; null where the tenant has none of its own, or nothing is counted. */
  route: StoredRoute | null;
  /** What it waits for beside its slot and its next attempt, or null. */
  waits: Waits | null;
  /** The decision at acceptance. */
  verdict: Verdict;
  later: LaterVerdict | null;
};

export type StoredMessage = {
  id: string;
  createdAt: number;
  requestId: string;
  policyVersion: number;
  engine: number;
  kind: MessageKind;
  from: { email: string; name: string | null };
  /** Handle of the sending identity, or null. */
  identity: string | null;
  subject: string;
  /** Tags, metadata and the like, as they were stored. */
  meta: Record<string, unknown>;
  agent: string | null;
  sendAt: number | null;
  expiresAt: number;
  contentHash: string | null;
  size: number;
  repeats: number;
  hasContent: boolean;
  scopes: Admission['scopes'];
  recipients: StoredRecipient[];
};

export type MessageName = { tenantNo: number; mode: Mode; id: string };

/** What a list of messages is narrowed to; null: by nothing. */
export type MessageFilter = {
  /** Of the message, or of any recipient. */
  status: RecipientState | 'partial' | null;
  /** Key of an address. */
  recipient: string | null;
  tag: string | null;
  /** Code of a reason of any recipient. */
  reason: string | null;
  /** Milliseconds; from this time on. */
  since: number | null;
  /** Milliseconds; before this time. */
  until: number | null;
  /** Part of the subject or of a recipient's address, in any letter case. */
  q: string | null;
};

/** A message with what was answered at its admission, and with all that happened to it, oldest first. */
export type MessageTimeline = { message: StoredMessage; admission: Admission; events: EventRow[] };

/** All that a recipient's decision followed from. */
export type StoredDecision = {
  email: string;
  recipient: SendRecipient;
  /** Null where they are no longer kept. */
  facts: Facts | null;
  verdict: Verdict;
  later: LaterVerdict | null;
  /** The policy it was decided under: the message's, or a later one for a recipient that came later. */
  policyVersion: number;
};

export type StoredVerdict = {
  messageId: string;
  policyVersion: number;
  send: Send;
  recipients: StoredDecision[];
};

export type RecipientDecision = { email: string; key: string; verdict: Verdict };

export type ChangeAnswer =
  /** How many recipients changed. */
  | { outcome: 'done'; recipients: number }
  | { outcome: 'not_found' }
  /** Nothing changed, because of this state of the message. */
  | { outcome: 'conflict'; state: RecipientState | 'partial' };

export type RescheduleAnswer =
  | ChangeAnswer
  | { outcome: 'invalid'; param: string; message: string }
  /** At the new time at least one recipient would be blocked: nothing changed. */
  | { outcome: 'refused'; now: number; recipients: RecipientDecision[] };

export type ContentAnswer =
  /** Blobs that nothing else holds any more. */
  { outcome: 'done'; unused: string[] } | Exclude<ChangeAnswer, { outcome: 'done' }>;

export type NewUpload = {
  /** Null: a new one. What has this id already stays as it is. */
  id: string | null;
  tenantNo: number;
  mode: Mode;
  sha256: string;
  size: number;
  filename: string;
  contentType: string;
};

/** `sha256`: of what is kept under the id. */
export type KeptUpload = { id: string; sha256: string; expiresAt: number; unused: string[] };

export interface MessagesWrites {
  /** Recipients that have not left become `cancelled` and give their places back. */
  cancelMessage(input: MessageName): Promise<ChangeAnswer>;
  /** Recipients that have not left get their places at a new time, all or none. Null: as soon as possible. */
  rescheduleMessage(input: MessageName & { sendAt: number | null }): Promise<RescheduleAnswer>;
  /** Frees body and attachments of a message of which nothing is still to leave. */
  removeContent(input: MessageName): Promise<ContentAnswer>;
  /** What would be decided now on each recipient; changes nothing. Null: no such message. */
  lookAgain(input: MessageName): Promise<{ now: number; recipients: RecipientDecision[] } | null>;
  /** Those of the blobs that no stored message and no upload holds. */
  unusedBlobs(input: { sha256s: string[] }): Promise<string[]>;
  /** Remembers an upload whose blob is stored; forgets some that have expired. */
  putUpload(input: NewUpload): Promise<KeptUpload>;
}

export interface MessagesReads {
  message(input: MessageName): Promise<StoredMessage | null>;
  /**
   * Newest first. A page looks at a bounded number of messages: it may hold fewer rows than asked for, or none, and still name
   * a next one.
   */
  messages(input: {
    tenantNo: number;
    mode: Mode;
    filter: MessageFilter;
    limit: number;
    cursor: string | null;
    /** Without a cursor: begins with what came before this message. */
    olderThan?: string | null;
  }): Promise<Page<StoredMessage>>;
  messageTimeline(input: MessageName): Promise<MessageTimeline | null>;
  storedVerdict(input: MessageName): Promise<StoredVerdict | null>;
  /** The content of a message as core/content-text.ts writes it; null: there is no such message, or it is no longer kept. */
  messageContent(input: MessageName): Promise<{ inline: Uint8Array } | { blob: string } | null>;
  /** Uploads of this space that still exist, by id. */
  attachments(input: Space & { ids: string[] }): Promise<Map<string, Attachment>>;
}
