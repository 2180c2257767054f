/** A submission that was read, as the store is asked to decide on it. */
import { createHash } from 'node:crypto';
import { addressTraits } from '../base/address-traits.ts';
import { readDomain } from '../base/domain.ts';
import { type Channel, channelOf } from '../core/channel.ts';
import { contentText } from '../core/content-text.ts';
import type { Submission } from '../core/message.ts';
import { parseSimulatorAddress, SIMULATOR_DOMAIN } from '../core/simulator.ts';
import type { TemplateUse } from '../data/port/templates.ts';
import type { AdmitRecipient, AdmitRequest, Principal } from '../data/store.ts';
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
  const body = contentText(submission);
  const bodyBytes = Buffer.byteLength(body);
  const bytes = bodyBytes > INLINE_BYTES ? Buffer.from(body) : null;
  const large = bytes === null ? null : { sha256: sha256(bytes), bytes };
  const keyed = input.idempotencyKey !== null || submission.dedupeKey !== null;
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
    from: submission.from === null ? null : { email: submission.from.email, name: submission.from.name },
    subject: submission.subject,
    meta: metaOf(submission, template),
    recipients: recipientsOf(submission, input),
    body: large === null ? body : '',
    bodyBytes,
    bodyBlob: large === null ? null : { sha256: large.sha256, size: bodyBytes },
    blobs: submission.attachments.map(({ sha256: name, size }) => ({ sha256: name, size })),
    idempotency: input.idempotencyKey === null ? null : { key: input.idempotencyKey, fingerprint: print },
    dedupe:
      submission.dedupeKey === null
        ? null
        : { key: submission.dedupeKey, fingerprint: print, block: submission.onDuplicate === 'block' },
    contentHash: null,
    leaseToken: submission.leaseToken,
    template,
    ...(input.identities.length === 0 ? {} : { identities: input.identities }),
    ...(input.wholeOnly === true ? { wholeOnly: true } : {}),
    ...(input.untraced === true ? { untraced: true } : {}),
    content: featuresOf(submission),
    findings: scanContent({
      subject: submission.subject,
      text: submission.text,
      html: submission.html,
      senderDomain: submission.from?.domain ?? null,
      isAscii: bodyBytes === body.length,
    }),
  };
  return { request, files: large === null ? files : [...files, large] };
}

function recipientsOf(submission: Submission, { principal, channel }: SubmitInput): AdmitRecipient[] {
  const recipients: AdmitRecipient[] = [];
  for (const kind of ['to', 'cc', 'bcc'] as const) {
    for (const { email, name, key, domain } of submission[kind]) {
      const traits = addressTraits(key, domain);
      recipients.push({ kind, email, name, key, domain, ...judged(key, domain, principal.mode, channel), traits });
    }
  }
  return recipients;
}

function judged(
  key: string,
  domain: string,
  mode: Principal['mode'],
  channel: Channel = 'email',
): { undeliverable: string | null; simulated: string | null } {
  if (channelOf(domain) !== channel) return { undeliverable: 'no_mail_domain', simulated: null };
  if (domain !== SIMULATOR_DOMAIN) {
    const read = readDomain(domain);
    return { undeliverable: read.ok && read.isMixedScript ? 'mixed_scripts' : null, simulated: null };
  }
  if (mode === 'live') return { undeliverable: 'simulator', simulated: null };
  const meaning = parseSimulatorAddress(key.slice(0, key.lastIndexOf('@')));
  if (meaning === null) return { undeliverable: 'unknown_simulator_address', simulated: null };
  return { undeliverable: null, simulated: meaning.kind === 'blocked' ? meaning.code : null };
}

function metaOf(submission: Submission, template: TemplateUse | null): string | null {
  const { tags, metadata, threadId, purpose, dedupeKey, leaseToken } = submission;
  const found = template?.found ?? null;
  const labels = [threadId, purpose, dedupeKey, leaseToken, found];
  if (tags.length === 0 && metadata.length === 0 && labels.every((label) => label === null)) return null;
  return JSON.stringify({
    tags,
    metadata,
    thread_id: threadId,
    purpose,
    dedupe_key: dedupeKey,
    ...(leaseToken === null ? {} : { lease_token: leaseToken }),
    ...(found === null ? {} : { template: found }),
  });
}
