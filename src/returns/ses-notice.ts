/**
 * Notices of Amazon SES that a topic of SNS sends by mail: JSON inside JSON in the text of the mail, broken over lines by the way.
 * What comes to the endpoint of a topic is another road, with a signature to check.
 */
import type { DsnRecipient } from './dsn.ts';

export type SesNotice = {
  kind: 'bounce' | 'delay' | 'complaint' | 'not_spam' | 'delivered';
  recipients: DsnRecipient[];
};

type Fields = Record<string, unknown>;

const MAX_CHARS = 256 * 1024;
const MAX_RECIPIENTS = 100;

/** Null where the text is no such notice. */
export function parseSesNotice(text: string): SesNotice | null {
  const from = text.indexOf('{');
  if (from === -1 || text.slice(0, from).trim() !== '' || text.length > MAX_CHARS) return null;
  const outer = parseObject(text.slice(from, text.lastIndexOf('}') + 1));
  if (outer === null) return null;
  const notice = typeof outer['Message'] === 'string' ? parseObject(outer['Message']) : outer;
  const type = notice?.['notificationType'] ?? notice?.['eventType'];
  if (notice === null || typeof type !== 'string') return null;
  const bounce = asObject(notice['bounce']);
  const complaint = asObject(notice['complaint']);
  if (type === 'Bounce' && bounce !== null) {
    const isPermanent = bounce['bounceType'] === 'Permanent';
    return { kind: 'bounce', recipients: readBounced(bounce['bouncedRecipients'], isPermanent) };
  }
  if (type === 'Complaint' && complaint !== null) {
    const kind = complaint['complaintFeedbackType'] === 'not-spam' ? 'not_spam' : 'complaint';
    return { kind, recipients: readNames(complaint['complainedRecipients']).map((email) => named(email, 'failed')) };
  }
  const delivery = asObject(notice['delivery']);
  if (type !== 'Delivery' || delivery === null) return null;
  return { kind: 'delivered', recipients: readNames(delivery['recipients']).map((email) => named(email, 'delivered')) };
}

/** A line end inside a string is none of JSON: mail programs broke the line there. */
function parseObject(json: string): Fields | null {
  for (const attempt of [json, json.replace(/\n /g, ''), json.replace(/\n/g, '')]) {
    try {
      return asObject(JSON.parse(attempt));
    } catch {
      // Not JSON in this reading; the next one may be.
    }
  }
  return null;
}

function asObject(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

function readBounced(value: unknown, isPermanent: boolean): DsnRecipient[] {
  return list(value).flatMap((one) => {
    const fields = asObject(one);
    const email = fields?.['emailAddress'];
    if (fields === null || typeof email !== 'string') return [];
    const status = textOf(fields['status']);
    // A transient bounce is final for SES, and says nothing against the address.
    const isDoubted = !isPermanent && status?.startsWith('5') === true;
    const diagnostic = (textOf(fields['diagnosticCode']) ?? '').replace(/^smtp;\s{0,5}/i, '');
    return [{ ...named(email, 'failed'), status: isDoubted ? null : status, diagnostic: isDoubted ? '' : diagnostic }];
  });
}

function named(email: string, action: DsnRecipient['action']): DsnRecipient {
  return { finalRecipient: email, originalRecipient: null, action, status: null, diagnostic: '' };
}

function readNames(value: unknown): string[] {
  return list(value).flatMap((one) => textOf(one) ?? textOf(asObject(one)?.['emailAddress']) ?? []);
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value.slice(0, MAX_RECIPIENTS) : [];
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value.slice(0, 10_000) : null;
}
