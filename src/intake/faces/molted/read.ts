/** A send of Molted's as a submission. What it does not know is left out; what it cannot have is an issue, in its own names. */
import type { Issue } from '../../../core/explain.ts';
import { type Fields, isFields, isGiven } from '../../field-errors.ts';

/**
 * `defers`: whether a warm-up may put it off; null: as its kind says. `templateId`: of a stored template. `error`: its own word for what
 * is wrong, where it has one.
 */
export type MoltedRead =
  | { ok: true; body: Fields; defers: boolean | null; templateId: string | null }
  | { ok: false; error: string; errors: Issue[] };

/** Names with this before them are no stored templates: the content comes in the payload. */
const INLINE = '_';

/** Fields that need no look: their names here. */
const SAME: readonly (readonly [theirs: string, ours: string])[] = [
  ['mailboxId', 'identity'],
  ['threadId', 'thread_id'],
  ['sendReason', 'purpose'],
  ['scheduledAt', 'send_at'],
  ['leaseToken', 'lease_token'],
];

/** `defaults`: what a batch says for each of its sends. */
export function readMolted(value: unknown, defaults: Fields = {}): MoltedRead {
  if (!isFields(value)) return refusedRead('invalid_params', '', 'A send must be a JSON object.');
  const given = { ...defaults, ...value };
  const recipient = given['recipientEmail'];
  if (typeof recipient !== 'string' || recipient.trim() === '') {
    return refusedRead('recipient_email_required', 'recipientEmail', 'It must be one address.');
  }
  const dedupeKey = dedupeKeyOf(given);
  if (dedupeKey === null)
    return refusedRead('dedupe_key_required', 'dedupeKey', 'It must be a text that is not blank.');
  const { templateId, payload } = given;
  if (typeof templateId !== 'string' || templateId === '') {
    return refusedRead('invalid_params', 'templateId', 'It must be the slug or id of a template, or "_default".');
  }
  if (isGiven(payload) && !isFields(payload)) return refusedRead('invalid_params', 'payload', 'It must be an object.');
  const { deferOnWarmup } = given;
  if (isGiven(deferOnWarmup) && typeof deferOnWarmup !== 'boolean') {
    return refusedRead('invalid_params', 'deferOnWarmup', 'It must be true or false.');
  }
  const content = contentOf(templateId, isFields(payload) ? payload : {});
  const body: Record<string, unknown> = {
    to: recipient,
    dedupe_key: dedupeKey,
    on_duplicate: 'block',
    on_limit: 'reject',
    ...content,
  };
  for (const [theirs, ours] of SAME) if (isGiven(given[theirs])) body[ours] = given[theirs];
  const { attachments } = given;
  if (isGiven(attachments)) body['attachments'] = Array.isArray(attachments) ? attachments.map(uploadOf) : attachments;
  const stored = templateId.startsWith(INLINE) ? null : templateId;
  return { ok: true, body, defers: (deferOnWarmup as boolean | null | undefined) ?? null, templateId: stored };
}

/** Null: none, or a blank one. */
export function dedupeKeyOf(given: Fields): string | null {
  const key = given['dedupeKey'] ?? given['idempotencyKey'];
  return typeof key === 'string' && key.trim() !== '' ? key : null;
}

function contentOf(templateId: string, payload: Fields): Fields {
  if (!templateId.startsWith(INLINE)) return { template: { id: templateId, data: payload } };
  const { subject, html, text } = payload;
  return { subject, html, text };
}

function uploadOf(value: unknown): unknown {
  if (!isFields(value)) return value;
  const { id, filename } = value;
  return isGiven(filename) ? { attachment_id: id, filename } : { attachment_id: id };
}

export function refusedRead(error: string, param: string, message: string): MoltedRead {
  const code = error === 'invalid_params' ? 'invalid_parameter' : 'missing_parameter';
  return { ok: false, error, errors: [{ code, param, message }] };
}

/** Our names of fields at the start of a place, and theirs. */
const PLACES: readonly (readonly [ours: RegExp, theirs: string])[] = [
  [/^to(?:\[0\])?(?:\.email)?(?=$)/, 'recipientEmail'],
  [/^template\.data\b/, 'payload'],
  [/^template(?:\.id)?(?=$)/, 'templateId'],
  [/^(subject|html|text)(?=$|\.)/, 'payload.$1'],
  [/^dedupe_key\b/, 'dedupeKey'],
  [/^send_at\b/, 'scheduledAt'],
  [/^identity\b/, 'mailboxId'],
  [/^thread_id\b/, 'threadId'],
  [/^purpose\b/, 'sendReason'],
  [/^lease_token\b/, 'leaseToken'],
  [/^contact\b/, 'contactEmail'],
  [/^agent\b/, 'agentId'],
  [/^ttl_seconds\b/, 'durationMinutes'],
  [/^expires_at\b/, 'expiresAt'],
  [/^(attachments\[\d+\])\.attachment_id\b/, '$1.id'],
];

/** Where something stands in the request, in its names. */
export function moltedParam(param: string | null): string | null {
  if (param === null) return null;
  for (const [ours, theirs] of PLACES) if (ours.test(param)) return param.replace(ours, theirs);
  return param;
}
