/**
 * Reads of messages. A list walks one space's events backwards and stops at each acceptance, since messages of all tenants lie
 * in one table in order of arrival and have no index by tenant: each row in an accept costs.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Attachment } from '../../core/message.ts';
import { messageStatus } from '../../core/states.ts';
import type {
  MessageFilter,
  MessageName,
  MessagesReads,
  MessageTimeline,
  StoredDecision,
  StoredVerdict,
} from '../port/messages.ts';
import type { EventRow, Page, StoredMessage } from '../store.ts';
import { prepared } from './database.ts';
import { eventsBefore, eventsFrom } from './event-log.ts';
import { EVENT_COLUMNS, eventOf, LAST_ACCEPTANCE_TYPE, type LoggedEvent, type StoredMeta } from './event-rows.ts';
import { parsePublicId, publicId } from './row-id.ts';
import { spaceOf } from './spaces.ts';
import {
  factsOf,
  type MessageRow,
  messageRow,
  readAdmission,
  readStored,
  recipientRows,
  sendOfRow,
  sendRecipientOf,
} from './stored.ts';
import { contentOf } from './stored-content.ts';
import { verdictsOf } from './verdicts.ts';

/** Events that one page looks at. */
const MOST_LOOKED_AT = 10_000;
/** A clock that was set back may have left a later message with an earlier time; never by more than this. */
const CLOCK_SLACK_MS = 600_000;

/** The row that an id of this space names, or null. */
export function findMessage(db: DatabaseSync, { tenantNo, mode, id }: MessageName): MessageRow | null {
  const parsed = parsePublicId('msg', id);
  const row = parsed === null ? null : messageRow(db, parsed.row);
  return row !== null && row.nonce === parsed?.nonce && row.space === spaceOf(tenantNo, mode) ? row : null;
}

function messages(db: DatabaseSync, input: Parameters<MessagesReads['messages']>[0]): Page<StoredMessage> {
  const space = spaceOf(input.tenantNo, input.mode);
  const before = startOf(db, input);
  const rows: StoredMessage[] = [];
  let count = 0;
  let next: string | null = null;
  for (const { seq, type, recipient, data } of eventsBefore(db, space, before)) {
    count += 1;
    // An event about the first recipient names the message too: they share a number.
    const row = type <= LAST_ACCEPTANCE_TYPE && data === null && recipient !== null ? messageRow(db, recipient) : null;
    if (row !== null) {
      if (isBefore(row, input.filter)) break;
      const message = candidate(db, row, input.filter);
      if (message !== null) rows.push(message);
    }
    if (rows.length > input.limit || count >= MOST_LOOKED_AT) {
      next = seq.toString(36);
      break;
    }
  }
  if (rows.length <= input.limit) return { rows, next };
  // One more than asked for shows that there is a next page; that page starts with it.
  rows.pop();
  return { rows, next: next === null ? null : (Number.parseInt(next, 36) + 1).toString(36) };
}

/** The event before which a page begins. */
function startOf(
  db: DatabaseSync,
  { tenantNo, mode, cursor, olderThan = null }: Parameters<MessagesReads['messages']>[0],
): number {
  if (cursor !== null) return Number.parseInt(cursor, 36);
  const row = olderThan === null ? null : findMessage(db, { tenantNo, mode, id: olderThan });
  return row === null ? Number.MAX_SAFE_INTEGER : row.seq;
}

function isBefore(row: MessageRow, { since }: MessageFilter): boolean {
  return since !== null && row.created_at < since - CLOCK_SLACK_MS;
}

function candidate(db: DatabaseSync, row: MessageRow, filter: MessageFilter): StoredMessage | null {
  if (filter.since !== null && row.created_at < filter.since) return null;
  if (filter.until !== null && row.created_at >= filter.until) return null;
  if (filter.tag !== null && !tagsOf(row).includes(filter.tag)) return null;
  if (filter.recipient !== null && !hasRecipient(db, row, filter.recipient)) return null;
  const message = readStored(db, row);
  return matches(message, filter) ? message : null;
}

function tagsOf(row: MessageRow): string[] {
  return row.meta === null ? [] : ((JSON.parse(row.meta) as StoredMeta).tags ?? []);
}

function hasRecipient(db: DatabaseSync, row: MessageRow, key: string): boolean {
  return recipientRows(db, row.id).some((recipient) => (recipient.key ?? recipient.email) === key);
}

function matches({ subject, recipients }: StoredMessage, { status, reason, q }: MessageFilter): boolean {
  if (status !== null) {
    const states = recipients.map(({ state }) => state);
    if (messageStatus(states) !== status && !states.some((state) => state === status)) return false;
  }
  if (reason !== null && !recipients.some((one) => (one.later ?? one.verdict).reasons.some((r) => r.code === reason)))
    return false;
  if (q === null) return true;
  const sought = q.toLowerCase();
  return subject.toLowerCase().includes(sought) || recipients.some(({ email }) => email.toLowerCase().includes(sought));
}

function messageTimeline(db: DatabaseSync, input: MessageName): MessageTimeline | null {
  const row = findMessage(db, input);
  if (row === null) return null;
  return { message: readStored(db, row), admission: readAdmission(db, row.id)!, events: timelineOf(db, row) };
}

function timelineOf(db: DatabaseSync, row: MessageRow): EventRow[] {
  const count = recipientRows(db, row.id).length;
  // A held message may have got more recipients since: what then stands there is about others.
  const logged = eventsFrom(db, row.space, { first: row.seq, last: row.seq + count - 1 }).filter(
    ({ type, recipient, data }) =>
      type <= LAST_ACCEPTANCE_TYPE &&
      data === null &&
      recipient !== null &&
      recipient >= row.id &&
      recipient < row.id + count,
  );
  const later = prepared(
    db,
    `SELECT ${EVENT_COLUMNS} FROM event WHERE recipient >= ? AND recipient < ?
       AND recipient IS NOT NULL AND (type > 3 OR data IS NOT NULL)`,
  );
  logged.push(...(later.all(row.id, row.id + count) as unknown as LoggedEvent[]));
  logged.sort((a, b) => a.seq - b.seq);
  return logged.map((event) => eventOf(db, event, true));
}

function storedVerdict(db: DatabaseSync, input: MessageName): StoredVerdict | null {
  const row = findMessage(db, input);
  if (row === null) return null;
  return {
    messageId: publicId('msg', row.id, row.nonce),
    policyVersion: row.policy,
    send: sendOfRow(db, row),
    recipients: recipientRows(db, row.id).map((recipient): StoredDecision => {
      const facts = factsOf(recipient);
      const { first, later, policyVersion } = verdictsOf(recipient);
      const { email } = recipient;
      const decided = { facts, verdict: first, later, policyVersion: policyVersion ?? row.policy };
      return { email, recipient: sendRecipientOf(recipient, facts), ...decided };
    }),
  };
}

/** Those of the uploads that still exist, by id. */
function attachments(
  db: DatabaseSync,
  { tenantNo, mode, ids }: Parameters<MessagesReads['attachments']>[0],
): Map<string, Attachment> {
  const rows = prepared(
    db,
    `SELECT id, sha256, size, filename, content_type FROM attachment
     WHERE space = ? AND expires_at > ? AND id IN (SELECT value FROM json_each(?))`,
  ).all(spaceOf(tenantNo, mode), Date.now(), JSON.stringify(ids)) as unknown as {
    id: string;
    sha256: string;
    size: number;
    filename: string | null;
    content_type: string | null;
  }[];
  return new Map(
    rows.map(({ id, sha256, size, filename, content_type }) => [
      id,
      {
        filename: filename ?? 'attachment',
        contentType: content_type ?? 'application/octet-stream',
        contentId: null,
        sha256,
        size,
      },
    ]),
  );
}

export const MESSAGES_READS = {
  attachments,
  messages,
  messageTimeline,
  storedVerdict,
  message(db: DatabaseSync, input: MessageName): StoredMessage | null {
    const row = findMessage(db, input);
    return row === null ? null : readStored(db, row);
  },
  messageContent(db: DatabaseSync, input: MessageName): ReturnType<typeof contentOf> {
    const row = findMessage(db, input);
    return row === null ? null : contentOf(db, row.id);
  },
};
