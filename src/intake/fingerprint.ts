/**
 * What tells whether two sends under one idempotency key are the same: a SHA-256 over the canonical submission. The order
 * of keys, white space, the spelling of defaults (absent, null, empty) and the form of an address field do not matter;
 * everything else does. It is made from the text that is stored anyway, which leaves out fields at their default.
 */
import { hash } from 'node:crypto';
import { contentText } from '../core/content-text.ts';
import type { Submission } from '../core/message.ts';

/** A program that sends the same mail once more may give it another id. */
const RENEWED = 'x-original-message-id';

/** SHA-256 of the canonical submission, 64 lower-case hex digits. `text`: its stored text, where that is known. */
export function fingerprint(submission: Submission, text?: string): string {
  if (submission.headers.some(isRenewed)) {
    return fingerprint({ ...submission, headers: submission.headers.filter((header) => !isRenewed(header)) });
  }
  return hash('sha256', isCanonical(submission) ? (text ?? contentText(submission)) : canonical(submission), 'hex');
}

function isRenewed([name]: readonly [name: string, value: string]): boolean {
  return name.toLowerCase() === RENEWED;
}

/** Whether nothing in it could stand in another order and mean the same. */
function isCanonical({ template, headers, metadata }: Submission): boolean {
  return template === null && headers.length < 2 && metadata.length < 2;
}

/** Headers, metadata and a template's data are objects in the body, so their order is none; that of lists is the caller's. */
function canonical(submission: Submission): string {
  const { template, headers, metadata } = submission;
  const sorted = {
    ...submission,
    template: null,
    headers: headers.toSorted(byKey),
    metadata: metadata.toSorted(byKey),
  };
  const text = contentText(sorted);
  return template === null ? text : `${text}\n${canonicalJson([template.id, template.version, template.data])}`;
}

/** JSON with the keys of every object in code-unit order and without white space, as RFC 8785 has it for plain JSON values. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.entries(value).toSorted(byKey);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`;
}

/** Keys of one object differ. */
function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}
