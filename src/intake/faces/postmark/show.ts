/** A stored message as Postmark's clients read it back. */
import type { Submission } from '../../../core/message.ts';
import type { RecipientState } from '../../../core/states.ts';
import { formatTime } from '../../../core/time.ts';
import type { EventRow, StoredMessage } from '../../../data/store.ts';
import { uuidOf } from '../face-ids.ts';

const STATUS: Record<RecipientState, string> = {
  accepted: 'Queued',
  scheduled: 'Queued',
  held: 'Queued',
  blocked: 'Blocked',
  sending: 'Processed',
  sent: 'Sent',
  delivered: 'Sent',
  deferred: 'Queued',
  bounced: 'Sent',
  failed: 'Failed',
  cancelled: 'Cancelled',
  expired: 'Failed',
  uncertain: 'Queued',
};

/** What Postmark has a word for; the others are no event of its. */
const EVENT: Readonly<Record<string, string>> = {
  'message.delivered': 'Delivered',
  'message.deferred': 'Transient',
  'message.bounced': 'Bounced',
  'message.opened': 'Opened',
  'message.clicked': 'LinkClicked',
  'message.unsubscribed': 'SubscriptionChanged',
  'message.complained': 'SubscriptionChanged',
};

export function shownInList(message: StoredMessage): Record<string, unknown> {
  const of = (kind: string) =>
    message.recipients
      .filter((one) => one.kind === kind)
      .map(({ email, name }) => ({ Email: email, Name: name ?? '' }));
  const { email, name } = message.from;
  const tags = (message.meta['tags'] ?? []) as string[];
  return {
    MessageID: uuidOf('msg', message.id),
    Tag: tags[0] ?? '',
    To: of('to'),
    Cc: of('cc'),
    Bcc: of('bcc'),
    Recipients: message.recipients.map((one) => one.email),
    ReceivedAt: formatTime(message.createdAt),
    From: name === null || name === '' ? email : `"${name}" <${email}>`,
    Subject: message.subject,
    Attachments: [],
    Status: STATUS[message.recipients[0]?.state ?? 'accepted'],
    TrackOpens: false,
    TrackLinks: 'None',
    Metadata: Object.fromEntries((message.meta['metadata'] ?? []) as [string, string][]),
    MessageStream: message.kind === 'marketing' ? 'broadcast' : 'outbound',
    Sandboxed: false,
  };
}

export function shownWhole(
  message: StoredMessage,
  events: readonly EventRow[],
  content: Submission | null,
): Record<string, unknown> {
  return {
    ...shownInList(message),
    Attachments: content?.attachments.map(({ filename }) => filename) ?? [],
    TextBody: content?.text ?? '',
    HtmlBody: content?.html ?? '',
    Body: '',
    MessageEvents: events.flatMap(({ type, createdAt, data }) => {
      const known = EVENT[type];
      if (known === undefined) return [];
      const details = { DeliveryMessage: String(data['reply'] ?? '') };
      return [{ Recipient: data['email'], Type: known, ReceivedAt: formatTime(createdAt), Details: details }];
    }),
  };
}
