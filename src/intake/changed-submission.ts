/** A stored submission with some of its fields changed: written as a body again, so that one reader judges both. */
import type { Address, Submission } from '../core/message.ts';
import type { Fields } from './field-errors.ts';

/** Fields that make up what a person judges. */
export const JUDGED_FIELDS = [
  'from',
  'to',
  'cc',
  'bcc',
  'reply_to',
  'subject',
  'text',
  'html',
  'headers',
  'attachments',
] as const;

const written = (addresses: readonly Address[]): object[] => addresses.map(({ email, name }) => ({ email, name }));

/** The body that a send of the changed message would have, without the attachments that stay. */
export function changedBody(stored: Submission, patch: Fields): Fields {
  const { from, to, cc, bcc, replyTo, subject, text, html, template, headers, identity, expiresAt } = stored;
  return {
    from: from === null ? null : written([from])[0],
    to: written(to),
    cc: written(cc),
    bcc: written(bcc),
    reply_to: written(replyTo),
    subject: subject === '' ? null : subject,
    text,
    html,
    template: template === null ? null : { ...template },
    headers: Object.fromEntries(headers),
    identity,
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    ...patch,
  };
}

/** The stored submission with what the patch names taken from the reading. */
export function changedSubmission(
  stored: Submission,
  read: Submission,
  patch: Fields,
  sendAt: number | null,
): Submission {
  const attachments = patch['attachments'] === undefined ? stored.attachments : read.attachments;
  const { shown, ...kept } = stored;
  const isNamedAnew = patch['to'] !== undefined || patch['cc'] !== undefined;
  return {
    ...kept,
    ...(shown === undefined || isNamedAnew ? {} : { shown }),
    from: read.from,
    to: read.to,
    cc: read.cc,
    bcc: read.bcc,
    replyTo: read.replyTo,
    subject: read.subject,
    text: read.text,
    html: read.html,
    headers: read.headers,
    attachments,
    sendAt: patch['send_at'] === undefined ? sendAt : read.sendAt,
  };
}
