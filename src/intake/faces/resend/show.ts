/** A stored message as Resend's clients read it back. */
import type { Submission } from '../../../core/message.ts';
import type { RecipientState } from '../../../core/states.ts';
import { formatTime } from '../../../core/time.ts';
import type { EventRow, StoredMessage } from '../../../data/store.ts';
import { uuidOf } from '../face-ids.ts';

const LAST_EVENT: Record<RecipientState, string> = {
  accepted: 'queued',
  scheduled: 'scheduled',
  held: 'queued',
  blocked: 'suppressed',
  sending: 'queued',
  sent: 'sent',
  delivered: 'delivered',
  deferred: 'delivery_delayed',
  bounced: 'bounced',
  failed: 'failed',
  cancelled: 'canceled',
  expired: 'failed',
  uncertain: 'delivery_delayed',
};

/** What comes back after a delivery, by the event that told of it. */
const LATER: Readonly<Record<string, string>> = {
  'message.complained': 'complained',
  'message.clicked': 'clicked',
  'message.opened': 'opened',
};

/** `msgId`: the Message-ID that it went out with. */
export function shownInList(
  message: StoredMessage,
  msgId: string,
  lastEvent = lastEventOf(message, []),
): Record<string, unknown> {
  const of = (kind: string): string[] =>
    message.recipients.filter((one) => one.kind === kind).map(({ email }) => email);
  const orNull = (emails: string[]): string[] | null => (emails.length === 0 ? null : emails);
  const { email, name } = message.from;
  return {
    id: uuidOf('msg', message.id),
    message_id: msgId,
    to: of('to'),
    from: name === null || name === '' ? email : `${name} <${email}>`,
    created_at: formatTime(message.createdAt),
    subject: message.subject,
    bcc: orNull(of('bcc')),
    cc: orNull(of('cc')),
    reply_to: null,
    last_event: lastEvent,
    scheduled_at: scheduledAt(message),
  };
}

export function shownWhole(
  message: StoredMessage,
  msgId: string,
  events: readonly EventRow[],
  content: Submission | null,
): Record<string, unknown> {
  const metadata = (message.meta['metadata'] ?? []) as [name: string, value: string][];
  const replyTo = content?.replyTo.map(({ email }) => email) ?? [];
  return {
    object: 'email',
    ...shownInList(message, msgId, lastEventOf(message, events)),
    reply_to: replyTo.length === 0 ? null : replyTo,
    html: content?.html ?? null,
    text: content?.text ?? null,
    tags: metadata.map(([name, value]) => ({ name, value })),
  };
}

/** The latest that is known of the recipient that got furthest from being delivered. */
function lastEventOf({ recipients }: StoredMessage, events: readonly EventRow[]): string {
  const later = events.findLast(({ type }) => LATER[type] !== undefined);
  if (later !== undefined) return LATER[later.type]!;
  const states = recipients.map(({ state }) => state);
  const telling = states.find((state) => state === 'bounced' || state === 'failed') ?? states[0];
  return telling === undefined ? 'queued' : LAST_EVENT[telling];
}

function scheduledAt({ recipients }: StoredMessage): string | null {
  const waiting = recipients.filter(({ state }) => state === 'scheduled').map(({ departAt }) => departAt);
  return waiting.length === 0 ? null : formatTime(Math.min(...waiting));
}
