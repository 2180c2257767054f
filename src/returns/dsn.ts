/**
 * Delivery status notifications (RFC 3464, in the container of RFC 6522), and what is left of broken ones.
 *
 * Invariant: one entry for each recipient that the report names, in its order; fields that are missing are null, and nothing is
 * invented. Deliberately absent: what the fields mean for an address; see classify-return.ts.
 */
import { addressOfField } from './addresses.ts';
import { decodeWords, type MimeHeaders, type MimePart, readHeaders } from './mime.ts';

export type DsnAction = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

export type DsnRecipient = {
  /** Whom the reporting server dealt with; null where the field is missing or says nothing. */
  finalRecipient: string | null;
  /** Whom the sender named (RFC 3464 §2.3.1). */
  originalRecipient: string | null;
  /** Null where it is missing or is no word of RFC 3464 §2.3.3. */
  action: DsnAction | null;
  /** As in RFC 3463, or null. */
  status: string | null;
  /** What the remote server said, without the type before it. */
  diagnostic: string;
};

const MAX_RECIPIENTS = 1_000;
const RECIPIENT_FIELDS = ['final-recipient', 'original-recipient', 'action', 'status', 'diagnostic-code'];

export function isDeliveryStatus(part: MimePart): boolean {
  return part.type === 'message/delivery-status' || part.type === 'message/global-delivery-status';
}

/** The recipients of a delivery-status body, or of a text that holds the same fields because its wrapping was lost. */
export function parseDsn(text: string): DsnRecipient[] {
  const recipients: DsnRecipient[] = [];
  for (const fields of groupsOf(text)) {
    if (recipients.length >= MAX_RECIPIENTS) break;
    if (!RECIPIENT_FIELDS.some((name) => fields.has(name))) continue;
    const read = readRecipient(fields);
    const last = recipients.at(-1);
    const isRest = read.finalRecipient === null && read.originalRecipient === null && last !== undefined;
    if (isRest) complete(last, read);
    else recipients.push(read);
  }
  return recipients;
}

/** Whether a text holds the fields of a report, though nothing around it says so. */
export function looksLikeDsn(text: string): boolean {
  return /^final-recipient:/im.test(text) && /^(?:action|status):/im.test(text);
}

/** Groups are parted by blank lines (RFC 3464 §2.1); a second Final-Recipient begins one of its own where the blank was lost. */
function groupsOf(text: string): MimeHeaders[] {
  const groups: MimeHeaders[] = [];
  const lines: string[] = [];
  let hasFinal = false;
  const flush = () => {
    if (lines.length > 0) groups.push(readHeaders(lines.join('\n')).headers);
    lines.length = 0;
    hasFinal = false;
  };
  for (const raw of text.split('\n')) {
    const line = raw.trimEnd();
    const isFinal = /^final-recipient:/i.test(line);
    if (line === '') flush();
    else {
      if (isFinal && hasFinal) flush();
      hasFinal ||= isFinal;
      // A line that is no field would end the group for a reader of headers; here it is passed over.
      if (/^(?:[!-9;-~]{1,60}\s{0,4}:|[ \t])/.test(line) && !(lines.length === 0 && /^[ \t]/.test(line)))
        lines.push(line);
      else if (!line.includes(':') && lines.length > 0) lines.push(` ${line}`);
    }
  }
  flush();
  return groups;
}

function readRecipient(fields: MimeHeaders): DsnRecipient {
  const named = utf8(fields.get('final-recipient'));
  // A source route (RFC 5321 appendix C) names a way inside the reporter's walls and nobody that mail was sent to.
  const final = /;\s{0,9}<?@[^:]{1,255}:/.test(named) ? null : addressOfField(named);
  const original = addressOfField(utf8(fields.get('original-recipient')));
  const actual = addressOfField(utf8(fields.get('x-actual-recipient')));
  return {
    finalRecipient: final ?? actual,
    originalRecipient: original,
    action: readAction(fields.get('action')),
    status: /(?<![\d.])([245]\.\d{1,3}\.\d{1,3})/.exec(fields.get('status'))?.[1] ?? null,
    diagnostic: readDiagnostic(fields.all('diagnostic-code'), fields.get('status')),
  };
}

/** Addresses may be UTF-8 (RFC 6533 §3), and are never encoded words (RFC 2047 §5). */
function utf8(field: string): string {
  return field.includes('=?') ? field : decodeWords(field);
}

function complete(last: DsnRecipient, rest: DsnRecipient): void {
  last.action ??= rest.action;
  last.status ??= rest.status;
  if (last.diagnostic === '') last.diagnostic = rest.diagnostic;
}

/** Words outside the standard are those that servers use for the same. */
function readAction(value: string): DsnAction | null {
  const word = /^[a-z]{1,20}/.exec(value.trim().toLowerCase())?.[0] ?? '';
  if (/^(?:fail|expire|error|undeliver|denied|dropped|reject)/.test(word)) return 'failed';
  if (/^(?:delay|deferred|warning)/.test(word)) return 'delayed';
  if (/^(?:delivered|deliverable)/.test(word)) return 'delivered';
  if (/^relay/.test(word)) return 'relayed';
  return /^expand/.test(word) ? 'expanded' : null;
}

/** The words after a status are the reporter's reading of it: "5.2.1 (mailbox disabled, not accepting messages)". */
function readDiagnostic(fields: readonly string[], status: string): string {
  const comment = /^\s{0,9}[245]\.\d{1,3}\.\d{1,3}\s{0,9}(\(.{1,300}\))/.exec(status)?.[1] ?? '';
  const said = fields.map((field) =>
    decodeWords(field).replace(/^\s{0,9}[A-Za-z][A-Za-z0-9-]{0,30}\s{0,9};\s{0,9}/, ''),
  );
  return [...said, comment].join(' ').trim().slice(0, 10_000);
}
