/**
 * The body of a send, read into the canonical submission, or into everything that is wrong with it at once.
 *
 * Written by hand because it lies on the accept path; submission-schema.ts says the same in the words of JSON Schema, and
 * tests hold the two together. Invariant: whatever value comes in, nothing is thrown, the time is linear in its size, and
 * a submission that comes out holds no lone surrogate, no U+0000, and nothing that can end a header line.
 * Deliberately absent: everything that needs to know more than the body (whether the sender is verified, the template
 * exists, `send_at` lies in the future), and I/O: bytes are hashed by a given function, uploads are looked up before.
 */
import { findFlaws } from '../base/json.ts';
import { hasControl, isStorable, isWithinOctets } from '../base/text.ts';
import type { Submission, TemplateRef } from '../core/message.ts';
import { readMetadata, readTags } from './annotations.ts';
import { type AttachedFile, type AttachmentOptions, readAttachments } from './attachments.ts';
import { type FieldError, FieldErrors, type Fields, isFields, isGiven } from './field-errors.ts';
import { readBody, readLabel, readMessageId, readTime, readWord } from './fields.ts';
import { readHeaders } from './headers.ts';
import { readFrom, readRecipients, readReplyTo } from './recipients.ts';

export type SubmissionReading =
  | {
      ok: true;
      submission: Submission;
      /** The bytes of attachments that came in the body; store them before the submission is admitted. */
      files: AttachedFile[];
    }
  | {
      ok: false;
      /** The reason for the whole request: the special ones only where nothing else is wrong. */
      reason: 'validation_failed' | 'attachment_rejected' | 'payload_too_large';
      /** At least one, at most a hundred, in the order of the fields. */
      errors: FieldError[];
    };

const maxSubjectOctets = 998;
const maxReferences = 100;

const known: ReadonlySet<string> = new Set(
  (
    'from to cc bcc reply_to subject text html template attachments headers tags metadata kind identity thread_id ' +
    'in_reply_to references agent lease_token purpose dedupe_key on_duplicate send_at on_limit expires_at'
  ).split(' '),
);
const templateFields: ReadonlySet<string> = new Set(['id', 'version', 'data']);

/** Reads one body of POST /v1/messages, or one element of a batch. */
export function readSubmission(body: unknown, options: AttachmentOptions): SubmissionReading {
  const errors = new FieldErrors();
  if (!isFields(body)) {
    errors.invalid('', 'The body must be a JSON object.');
    return { ok: false, reason: 'validation_failed', errors: errors.list };
  }
  errors.unknown(body, known, '');
  const from = readFrom(body['from'], errors);
  const recipients = readRecipients(body, errors);
  const replyTo = readReplyTo(body['reply_to'], errors);
  const subject = readSubject(body, errors);
  const text = readBody(body['text'], 'text', errors);
  const html = readBody(body['html'], 'html', errors);
  const template = readTemplate(body['template'], errors);
  if (!isGiven(body['text']) && !isGiven(body['html']) && !isGiven(body['template'])) {
    errors.add('missing_parameter', 'text', 'A message needs at least one of "text", "html" and "template".');
  }
  const { attachments, files } = readAttachments(body['attachments'], options, errors);
  const submission: Submission = {
    from,
    to: recipients.to,
    cc: recipients.cc,
    bcc: recipients.bcc,
    replyTo,
    subject,
    text,
    html,
    template,
    attachments,
    headers: readHeaders(body['headers'], errors),
    tags: readTags(body['tags'], errors),
    metadata: readMetadata(body['metadata'], errors),
    kind: readWord(body['kind'], ['transactional', 'marketing'], 'kind', errors),
    identity: readLabel(body['identity'], 255, 'identity', errors),
    threadId: readLabel(body['thread_id'], 255, 'thread_id', errors),
    inReplyTo: readMessageId(body['in_reply_to'], 'in_reply_to', errors),
    references: readReferences(body['references'], errors),
    agent: readLabel(body['agent'], 255, 'agent', errors),
    leaseToken: readLabel(body['lease_token'], 255, 'lease_token', errors),
    purpose: readLabel(body['purpose'], 255, 'purpose', errors),
    dedupeKey: readLabel(body['dedupe_key'], 255, 'dedupe_key', errors),
    onDuplicate: readWord(body['on_duplicate'], ['replay', 'block'], 'on_duplicate', errors),
    sendAt: readTime(body['send_at'], 'send_at', errors),
    onLimit: readWord(body['on_limit'], ['reject', 'defer'], 'on_limit', errors),
    expiresAt: readTime(body['expires_at'], 'expires_at', errors),
  };
  if (submission.sendAt !== null && submission.expiresAt !== null && submission.expiresAt <= submission.sendAt) {
    errors.invalid('expires_at', 'It must lie after "send_at".');
  }
  return errors.list.length === 0 ? { ok: true, submission, files } : refused(errors.list);
}

function refused(errors: FieldError[]): SubmissionReading {
  const first = errors[0]!.code;
  const isSpecial = first === 'attachment_rejected' || first === 'payload_too_large';
  const reason = isSpecial && errors.every(({ code }) => code === first) ? first : 'validation_failed';
  return { ok: false, reason, errors };
}

/** Only a template brings a subject of its own; the submission's is then empty. */
function readSubject(body: Fields, errors: FieldErrors): string {
  const subject = body['subject'];
  if (!isGiven(subject)) {
    if (!isGiven(body['template'])) errors.add('missing_parameter', 'subject', 'A message needs a subject.');
    return '';
  }
  if (typeof subject !== 'string') errors.invalid('subject', 'It must be a string.');
  else if (subject === '' || !isWithinOctets(subject, maxSubjectOctets)) {
    errors.invalid('subject', `A subject has 1 to ${maxSubjectOctets} octets.`);
  } else if (hasControl(subject)) {
    errors.invalid('subject', 'A subject holds no control characters and none that change the direction of text.');
  } else if (!isStorable(subject)) errors.invalid('subject', 'It holds a lone surrogate.');
  else return subject;
  return '';
}

function readTemplate(value: unknown, errors: FieldErrors): TemplateRef | null {
  if (!isGiven(value)) return null;
  if (!isFields(value)) {
    errors.invalid('template', 'It must be an object with an "id".');
    return null;
  }
  errors.unknown(value, templateFields, 'template');
  const id = readLabel(value['id'], 128, 'template.id', errors);
  if (!isGiven(value['id']))
    errors.add('missing_parameter', 'template.id', 'It needs the id or the slug of a template.');
  const { version, data } = value;
  if (isGiven(version) && !isVersion(version)) errors.invalid('template.version', 'It must be a whole number from 1.');
  if (isGiven(data) && !isFields(data)) errors.invalid('template.data', 'It must be an object.');
  else for (const { param, message } of findFlaws(data, 'template.data')) errors.invalid(param, message);
  if (id === null) return null;
  return { id, version: isVersion(version) ? version : null, data: isFields(data) ? data : {} };
}

function isVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1;
}

function readReferences(value: unknown, errors: FieldErrors): string[] {
  if (!isGiven(value)) return [];
  if (!Array.isArray(value) || value.length > maxReferences) {
    errors.invalid('references', `It must be a list of at most ${maxReferences} Message-IDs.`);
    return [];
  }
  const references: string[] = [];
  for (const [index, entry] of value.entries()) {
    const id = readMessageId(entry ?? '', `references[${index}]`, errors);
    if (id !== null) references.push(id);
  }
  return references;
}
