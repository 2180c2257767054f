/** A submission that was read, as the store is asked to decide on it. */
import { createHash } from 'node:crypto';
import { addressTraits } from '../base/address-traits.ts';
import { readDomain } from '../base/domain.ts';
import { octetsIn } from '../base/text.ts';
import { channelOf } from '../core/channel.ts';
import { contentText } from '../core/content-text.ts';
import type { Address, Submission } from '../core/message.ts';
import { parseSimulatorAddress, SIMULATOR_DOMAIN } from '../core/simulator.ts';
import type { TemplateUse } from '../data/port/templates.ts';
import type { AdmitRecipient, AdmitRequest } from '../data/store.ts';
import { scanContent } from '../policy/content/scan.ts';
import { featuresOf } from '../policy/risk/features.ts';
import type { AttachedFile } from './attachments.ts';
import { fingerprint } from './fingerprint.ts';
import type { SubmitInput } from './submit-input.ts';

/** Bodies beyond this many octets lie in the blob folder. */
export const INLINE_BYTES = 65_536;

export type ReadSubmission = {
  /** As it was sent: what tells whether two sends under one key are the same. */
  sent: Submission;
  /** As it is decided and stored: the same, unless a template was filled in. */
  submission: Submission;
  template: TemplateUse | null;
  files: AttachedFile[];
};

const hashes = new WeakMap<Uint8Array, string>();

/** In lower-case hex. What several submissions share is hashed once. */
export function sha256(bytes: Uint8Array): string {
  const known = hashes.get(bytes);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(bytes).digest('hex');
  hashes.set(bytes, hash);
  return hash;
}

/** `files`: what has to be in the blob store before the request is made. */
export function admitRequest(
  input: SubmitInput,
  { sent, submission, template, files }: ReadSubmission,
): { request: AdmitRequest; files: readonly AttachedFile[] } {
  const { idempotencyKey, identities } = input;
  const { from, subject, text, html, dedupeKey, attachments } = submission;
  const body = contentText(submission);
  const bodyBytes = octetsIn(body);
  const large = bodyBytes > INLINE_BYTES ? blobOf(body) : null;
  const keyed = idempotencyKey !== null || dedupeKey !== null;
  const print = keyed ? fingerprint(sent, sent === submission ? body : undefined) : '';
  const request: AdmitRequest = {
    principal: input.principal,
    requestId: input.requestId,
    kind: submission.kind,
    onLimit: submission.onLimit,
    sendAt: submission.sendAt,
    expiresAt: submission.expiresAt,
    agent: submission.agent,
    identity: submission.identity,
    from: from === null ? null : { email: from.email, name: from.name },
    subject,
    meta: metaOf(submission, template),
    recipients: recipientsOf(submission, input),
    body: large === null ? body : '',
    bodyBytes,
    bodyBlob: large === null ? null : { sha256: large.sha256, size: bodyBytes },
    blobs: attachments.length === 0 ? [] : attachments.map(({ sha256: name, size }) => ({ sha256: name, size })),
    idempotency: idempotencyKey === null ? null : { key: idempotencyKey, fingerprint: print },
    dedupe:
      dedupeKey === null ? null : { key: dedupeKey, fingerprint: print, block: submission.onDuplicate === 'block' },
    contentHash: null,
    leaseToken: submission.leaseToken,
    template,
    identities: identities.length === 0 ? undefined : identities,
    wholeOnly: input.wholeOnly,
    untraced: input.untraced,
    content: featuresOf(submission),
    findings: scanContent({
      subject,
      text,
      html,
      senderDomain: from?.domain ?? null,
      isAscii: bodyBytes === body.length,
    }),
    canaries: null,
  };
  return { request, files: large === null ? files : [...files, large] };
}

function blobOf(body: string): AttachedFile {
  const bytes = Buffer.from(body);
  return { sha256: sha256(bytes), bytes };
}

function recipientsOf({ to, cc, bcc }: Submission, input: SubmitInput): AdmitRecipient[] {
  const recipients: AdmitRecipient[] = [];
  for (const address of to) recipients.push(recipientOf('to', address, input));
  for (const address of cc) recipients.push(recipientOf('cc', address, input));
  for (const address of bcc) recipients.push(recipientOf('bcc', address, input));
  return recipients;
}

function recipientOf(
  kind: AdmitRecipient['kind'],
  { email, name, key, domain }: Address,
  { principal, channel }: SubmitInput,
): AdmitRecipient {
  let undeliverable: string | null = null;
  let simulated: string | null = null;
  if (channelOf(domain) !== (channel ?? 'email')) undeliverable = 'no_mail_domain';
  else if (domain === SIMULATOR_DOMAIN) {
    if (principal.mode === 'live') undeliverable = 'simulator';
    else {
      const meaning = parseSimulatorAddress(key.slice(0, key.lastIndexOf('@')));
      if (meaning === null) undeliverable = 'unknown_simulator_address';
      else if (meaning.kind === 'blocked') simulated = meaning.code;
    }
  } else if (isMixedScript(domain)) undeliverable = 'mixed_scripts';
  return { kind, email, name, key, domain, undeliverable, simulated, traits: addressTraits(key, domain) };
}

/** A domain in A-labels that has none but plain ones mixes nothing. */
function isMixedScript(domain: string): boolean {
  if (!domain.includes('xn--')) return false;
  const read = readDomain(domain);
  return read.ok && read.isMixedScript;
}

function metaOf(submission: Submission, template: TemplateUse | null): string | null {
  const { tags, metadata, threadId, purpose, dedupeKey, leaseToken } = submission;
  const found = template?.found ?? undefined;
  const isPlain = threadId === null && purpose === null && dedupeKey === null && leaseToken === null;
  if (isPlain && found === undefined && tags.length === 0 && metadata.length === 0) return null;
  // JSON leaves out what is undefined.
  return JSON.stringify({
    tags,
    metadata,
    thread_id: threadId,
    purpose,
    dedupe_key: dedupeKey,
    lease_token: leaseToken ?? undefined,
    template: found,
  });
}
