/** Bodies of sends for tests. */

import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import type { Submission } from '../../src/core/message.ts';
import type { FieldError } from '../../src/intake/field-errors.ts';
import { readSubmission, type SubmissionReading } from '../../src/intake/submission.ts';

export const options = { sha256: (bytes: Uint8Array) => hash('sha256', bytes, 'hex') };

/** The least that is a send, with fields added or replaced. */
export function body(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { to: 'bob@example.com', subject: 'Your quote', text: 'Dear Bob', ...fields };
}

export function read(fields: Record<string, unknown> = {}): SubmissionReading {
  return readSubmission(body(fields), options);
}

export function submissionOf(fields: Record<string, unknown> = {}): Submission {
  const reading = read(fields);
  assert.ok(reading.ok, reading.ok ? '' : JSON.stringify(reading.errors));
  return reading.submission;
}

export function errorsOf(value: unknown): FieldError[] {
  const reading = readSubmission(value, options);
  return reading.ok ? [] : reading.errors;
}

/** "code param" of each error, in order. */
export function told(fields: Record<string, unknown>): string[] {
  return errorsOf(body(fields)).map(({ code, param }) => `${code} ${param}`);
}
