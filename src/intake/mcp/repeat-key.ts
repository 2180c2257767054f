/**
 * The idempotency key of a send that names none: made from what its recipients get and from whom, so that a call repeated in doubt
 * sends once.
 *
 * A model writes its call anew each time, and not to the letter: white space, names beside addresses, letter case and the order of
 * recipients are not in the key. Neither is what a repeat may well say otherwise (times, a new lease token, labels, the purpose).
 * Such a repeat is told of the first send and sends nothing. A meant repeat has a word of its own, and that word too sends once.
 */
import { hash } from 'node:crypto';
import type { Address, Submission } from '../../core/message.ts';
import { fingerprint } from '../fingerprint.ts';

const DIGITS = 32;

/** `again`: the word of a meant repeat; null for the first send. */
export function repeatKey(submission: Submission, again: string | null): string {
  const { from, to, cc, bcc, replyTo, subject, text, html } = submission;
  const print = fingerprint({
    ...submission,
    from: from && bare(from),
    to: bareList(to),
    cc: bareList(cc),
    bcc: bareList(bcc),
    replyTo: bareList(replyTo),
    subject: words(subject),
    text: text && words(text),
    html: html && words(html),
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

function bare({ key, domain }: Address): Address {
  return { email: key, name: null, key, domain };
}

function bareList(addresses: readonly Address[]): Address[] {
  return addresses.map(bare).toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

function words(text: string): string {
  return text.trim().replace(/\s+/g, ' ');
}
