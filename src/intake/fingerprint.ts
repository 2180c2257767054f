/**
 * What tells whether two sends under one idempotency key are the same: a SHA-256 over the canonical submission. The order
 * of keys, white space, the spelling of defaults (absent, null, empty) and the form of an address field do not matter;
 * everything else does. Fields at their default are left out, so that a new field with a default changes no older
 * fingerprint.
 */
import { hash } from 'node:crypto';
import type { Address, Submission } from '../core/message.ts';

/** SHA-256 of the canonical submission, 64 lower-case hex digits. */
export function fingerprint(submission: Submission): string {
  return hash('sha256', canonical(submission), 'hex');
}

/**
 * Every field at its default is undefined, which JSON leaves out. Headers and metadata are objects in the body, so their
 * order is none; that of recipients, tags and references is the caller's. The bodies follow the frame as they are, told
 * apart by their lengths in it: escaping them took longer than hashing them.
 */
function canonical(submission: Submission): string {
  const { template, attachments, headers, metadata, text, html } = submission;
  const frame = JSON.stringify({
    agent: submission.agent ?? undefined,
    attachments: some(attachments)?.map((file) => [file.filename, file.contentType, file.contentId, file.sha256]),
    bcc: mailboxes(submission.bcc),
    cc: mailboxes(submission.cc),
    dedupeKey: submission.dedupeKey ?? undefined,
    expiresAt: submission.expiresAt ?? undefined,
    from: submission.from === null ? undefined : mailbox(submission.from),
    headers: some(headers)?.toSorted(byKey),
    html: html?.length,
    identity: submission.identity ?? undefined,
    inReplyTo: submission.inReplyTo ?? undefined,
    kind: submission.kind === 'transactional' ? undefined : submission.kind,
    leaseToken: submission.leaseToken ?? undefined,
    metadata: some(metadata)?.toSorted(byKey),
    onDuplicate: submission.onDuplicate === 'replay' ? undefined : submission.onDuplicate,
    onLimit: submission.onLimit === 'reject' ? undefined : submission.onLimit,
    purpose: submission.purpose ?? undefined,
    references: some(submission.references),
    replyTo: mailboxes(submission.replyTo),
    sendAt: submission.sendAt ?? undefined,
    subject: submission.subject,
    tags: some(submission.tags),
    template: template === null ? undefined : [template.id, template.version, canonicalJson(template.data)],
    text: text?.length,
    threadId: submission.threadId ?? undefined,
    to: mailboxes(submission.to),
  });
  return `${frame}\n${text ?? ''}${html ?? ''}`;
}

function some<Element>(list: Element[]): Element[] | undefined {
  return list.length === 0 ? undefined : list;
}

function mailboxes(addresses: Address[]): unknown[] | undefined {
  return some(addresses)?.map(mailbox);
}

function mailbox(address: Address): unknown {
  return address.name === null ? address.email : [address.email, address.name];
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
