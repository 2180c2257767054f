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

type Mailbox = { Email: string; Name: string };

export type Shown = {
  MessageID: string;
  Tag: string;
  To: Mailbox[];
  Cc: Mailbox[];
  Bcc: Mailbox[];
  Recipients: string[];
  ReceivedAt: string;
  From: string;
  Subject: string;
  Attachments: string[];
  Status: string;
  TrackOpens: boolean;
  TrackLinks: 'None';
  Metadata: Record<string, string>;
  MessageStream: string;
  Sandboxed: boolean;
};

export function shownInList(message: StoredMessage): Shown {
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
    Status: STATUS[stateOf(message)],
    TrackOpens: false,
    TrackLinks: 'None',
    Metadata: Object.fromEntries((message.meta['metadata'] ?? []) as [string, string][]),
    MessageStream: message.kind === 'marketing' ? 'broadcast' : 'outbound',
    Sandboxed: false,
  };
}

/** Of the first recipient that was not refused. */
function stateOf({ recipients }: StoredMessage): RecipientState {
  return (recipients.find(({ state }) => state !== 'blocked') ?? recipients[0])?.state ?? 'accepted';
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
    MessageEvents: events.flatMap((event) => {
      const Type = EVENT[event.type];
      if (Type === undefined) return [];
      const { createdAt, data } = event;
      return [{ Recipient: data['email'], Type, ReceivedAt: formatTime(createdAt), Details: detailsOf(Type, event) }];
    }),
  };
}

function detailsOf(type: string, { data, seq }: EventRow): Record<string, unknown> {
  const text = (name: string) => String(data[name] ?? '');
  switch (type) {
    case 'Bounced':
      return { Summary: text('reply'), BounceID: seq };
    case 'Opened':
      return { Summary: text('proxy') };
    case 'LinkClicked':
      return { Summary: text('proxy'), Link: text('url'), ClickLocation: 'HTML' };
    case 'SubscriptionChanged':
      return { Origin: 'Recipient', SuppressSending: 'True' };
    default:
      return { DeliveryMessage: text('reply'), DestinationServer: '', DestinationIP: '' };
  }
}
