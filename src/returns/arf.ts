/** Feedback reports (RFC 5965; not-spam: RFC 6430; authentication failures: RFC 6591), and complaints that take their place. */
import { addressesIn, addressOfField } from './addresses.ts';
import { decodeWords, type MimeHeaders, type MimePart, readHeaders } from './mime.ts';

/** What a report is about. Only a complaint says that a person does not want this mail. */
export type FeedbackKind = 'complaint' | 'not_spam' | 'auth_report' | 'other';

export type Feedback = {
  kind: FeedbackKind;
  /** The type as written, in lower case. */
  type: string;
  /** Who complained, as far as the report says so (RFC 5965 §3.2: Original-Rcpt-To; others write Removal-Recipient). */
  recipients: string[];
};

const KINDS: Readonly<Record<string, FeedbackKind>> = {
  abuse: 'complaint',
  fraud: 'complaint',
  'opt-out': 'complaint',
  'opt-out-list': 'complaint',
  complaint: 'complaint',
  'not-spam': 'not_spam',
  'auth-failure': 'auth_report',
  dmarc: 'auth_report',
  virus: 'auth_report',
};

export function isFeedbackReport(part: MimePart): boolean {
  return part.type === 'message/feedback-report';
}

/** `original` holds the fields of the message that the report returns. */
export function parseArf(text: string, original: MimeHeaders): Feedback {
  const { headers } = readHeaders(text.trimStart());
  const type = /[a-z-]{1,30}/.exec(headers.get('feedback-type').toLowerCase())?.[0] ?? '';
  const named = [...headers.all('original-rcpt-to'), ...headers.all('removal-recipient')]
    .map((field) => addressOfField(decodeWords(field)))
    .filter((address) => address?.includes('@') === true);
  const returned = addressesIn(original.text('to'));
  const recipients = named.length > 0 ? named : returned.slice(0, 1);
  return { kind: KINDS[type] ?? 'other', type, recipients: [...new Set(recipients as string[])] };
}

/** Hotmail and its kin forward the message itself and name the person in a header of it. */
export function complainantOf(original: MimePart): string | null {
  const field = original.headers.get('x-hmxmroriginalrecipient');
  return field === '' ? null : addressOfField(field);
}
