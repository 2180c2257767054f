/**
 * The idempotency key of a send that names none: made from what its recipients get and from whom, so that a call repeated in doubt
 * sends once.
 *
 * What a repeat may well say otherwise (times, a new lease token, labels, the purpose) is not in it: such a repeat is told of the
 * first send and sends nothing. A meant repeat has a word of its own, and that word too sends once.
 */
import { hash } from 'node:crypto';
import type { Submission } from '../../core/message.ts';
import { fingerprint } from '../fingerprint.ts';

const DIGITS = 32;

/** `again`: the word of a meant repeat; null for the first send. */
export function repeatKey(submission: Submission, again: string | null): string {
  const print = fingerprint({
    ...submission,
    tags: [],
    metadata: [],
    leaseToken: null,
    purpose: null,
    dedupeKey: null,
    onDuplicate: 'replay',
    sendAt: null,
    onLimit: 'reject',
    expiresAt: null,
  });
  if (again === null) return `mcp-${print.slice(0, DIGITS)}`;
  return `mcp-${hash('sha256', `${print} ${again}`, 'hex').slice(0, DIGITS)}`;
}
