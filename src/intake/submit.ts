/**
 * The road of a submission, whichever door it came through: read, simulator, key, admit. The answer is a value; each
 * door renders it in its caller's own words.
 */
import { createHash } from 'node:crypto';
import { addressTraits } from '../base/address-traits.ts';
import { readDomain } from '../base/domain.ts';
import { type Channel, channelOf } from '../core/channel.ts';
import { contentText, readContentText } from '../core/content-text.ts';
import type { Address, Submission } from '../core/message.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { REASONS } from '../core/reasons.ts';
import { parseSimulatorAddress, SIMULATOR_DOMAIN } from '../core/simulator.ts';
import type { Blobs } from '../data/blobs.ts';
import type { HeldMessage, ReplaceAnswer } from '../data/port/approvals.ts';
import type { MessageName } from '../data/port/messages.ts';
import type { PlanViewAnswer } from '../data/port/plans.ts';
import type { TemplateUse } from '../data/port/templates.ts';
import type { AdmitAnswer, AdmitRecipient, AdmitRequest, CheckAnswer, Principal, Store } from '../data/store.ts';
import { scanContent } from '../policy/content/scan.ts';
import { featuresOf } from '../policy/risk/features.ts';
import { Templates } from '../templates/templates.ts';
import { type AttachedFile, type AttachmentOptions, attachmentIds } from './attachments.ts';
import { CanarySearch } from './canary-search.ts';
import { changedBody, changedSubmission } from './changed-submission.ts';
import type { FieldError, Fields } from './field-errors.ts';
import { fingerprint } from './fingerprint.ts';
import { readSubmission } from './submission.ts';
import { type MessageIds, namesThread, Threads } from './threads.ts';

/** Bodies beyond this many octets lie in the blob folder. */
const INLINE_BYTES = 65_536;
const WAIT_FOR_FIRST_MS = 2000;

export type SubmitInput = {
  principal: Principal;
  requestId: string;
  /** The agent a key belongs to, or the request's header. */
  agent: string | null;
  /** Whether it is the key's: then a body cannot name another. */
  isAgentBound?: boolean;
  /** Identities the key may send as, by handle or id; empty: all. */
  identities: readonly string[];
  body: unknown;
  idempotencyKey: string | null;
  /** All recipients or none: where one would be blocked, nothing is stored. */
  wholeOnly?: boolean;
  /** In a check: without what each rule found. */
  untraced?: boolean;
  /** What To and Cc show, where that is not who gets it. */
  shown?: { to: Address[]; cc: Address[] };
  /** `sms`: its recipients are telephone numbers, in the form that core/channel.ts gives them. Mail unless said. */
  channel?: Channel;
  /** While the first request with the key is running: answered at once rather than waited for. */
  waitsForFirst?: false;
  /** Templates with phrases of spam are refused, whatever the policy says. */
  refusesSpamPhrases?: true;
};

export type Submitted =
  | { outcome: 'answer'; answer: AdmitAnswer }
  | {
      outcome: 'malformed';
      reason: 'validation_failed' | 'attachment_rejected' | 'payload_too_large';
      errors: FieldError[];
    }
  | { outcome: 'simulated'; code: ReasonCode }
  | { outcome: 'forbidden_agent'; agent: string }
  | { outcome: 'in_progress' };

export type Checked =
  | { outcome: 'answer'; answer: CheckAnswer }
  | Exclude<Submitted, { outcome: 'answer' } | { outcome: 'in_progress' }>;

export type Changed = ReplaceAnswer | Exclude<Submitted, { outcome: 'answer' } | { outcome: 'in_progress' }>;
export type PlanSeen =
  | { outcome: 'answer'; answer: PlanViewAnswer }
  | Exclude<Submitted, { outcome: 'answer' } | { outcome: 'in_progress' }>;

const STRANGER: AdmitRecipient = {
  kind: 'to',
  email: '',
  name: null,
  key: '',
  domain: '',
  undeliverable: null,
  simulated: null,
};

type Reading =
  | {
      ok: true;
      /** As it was sent: what tells whether two sends under one key are the same. */
      sent: Submission;
      /** As it is decided and stored: the same, unless a template was filled in. */
      submission: Submission;
      template: TemplateUse | null;
      files: { sha256: string; bytes: Uint8Array }[];
    }
  | { ok: false; result: Exclude<Submitted, { outcome: 'answer' }> };

type Uploads = NonNullable<AttachmentOptions['uploads']>;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export class Intake {
  private readonly store: Store;
  private readonly blobs: Blobs;
  private readonly templates: Templates;
  private readonly threads: Threads;
  private readonly canaries = new CanarySearch();
  /** Keys whose first request is still running. */
  private readonly running = new Map<string, Promise<void>>();

  constructor(store: Store, blobs: Blobs, ids: MessageIds | null = null) {
    this.store = store;
    this.blobs = blobs;
    this.templates = new Templates(store);
    this.threads = new Threads(store, ids);
  }

  async submit(input: SubmitInput): Promise<Submitted> {
    const read = this.read(input);
    const reading = read instanceof Promise ? await read : read;
    if (!reading.ok) return reading.result;
    if (input.idempotencyKey === null) return this.admit(input, reading);
    const name = `${input.principal.installationNo}.${input.principal.mode}.${input.idempotencyKey}`;
    const first = this.running.get(name);
    if (first !== undefined) {
      const isOver = input.waitsForFirst !== false && (await within(first, WAIT_FOR_FIRST_MS));
      if (!isOver) return { outcome: 'in_progress' };
    }
    const mine = this.admit(input, reading);
    const done = mine.then(nothing, nothing);
    this.running.set(name, done);
    try {
      return await mine;
    } finally {
      if (this.running.get(name) === done) this.running.delete(name);
    }
  }

  /** The submission as its sender means it; null where it cannot be read, which `submit` says in full. */
  async canonical(input: SubmitInput): Promise<Submission | null> {
    const reading = await this.read(input);
    return reading.ok ? reading.sent : null;
  }

  async check(input: SubmitInput): Promise<Checked> {
    const reading = await this.read(input);
    if (!reading.ok) return reading.result as Checked;
    const { request } = this.request(input, reading);
    const check = (searched: AdmitRequest) => this.store.check(searched);
    return { outcome: 'answer', answer: await this.canaries.send<CheckAnswer>(reading.submission, request, check) };
  }

  /**
   * Another envelope or content for a message that waits for a person: `patch` has fields of a submission, those left out stay.
   * It is read, judged and bound to a new approval as a send of its own would be.
   */
  async change(input: SubmitInput, name: MessageName, patch: Fields): Promise<Changed> {
    const known = await this.store.heldMessage(name);
    if (known === null) return { outcome: 'not_found' };
    const { held } = known;
    const stored = held === null ? null : await this.contentOf(held);
    // What a template was filled in with is the message's own content now.
    const content = stored === null ? null : { ...stored, template: null };
    if (held === null || content === null) return { outcome: 'conflict', state: known.status };
    const reading = await this.read({ ...input, agent: content.agent, body: changedBody(content, patch) });
    if (!reading.ok) return reading.result as Changed;
    const submission = changedSubmission(content, reading.submission, patch, held.sendAt);
    const channel = channelOf(content.to[0]?.domain ?? '');
    const { request, large } = this.request({ ...input, idempotencyKey: null, channel }, { ...reading, submission });
    const files = large === null ? reading.files : [...reading.files, large];
    const named = [...files, ...request.blobs].map(({ sha256: blob }) => blob);
    const release = this.blobs.hold(named);
    let answer: ReplaceAnswer;
    try {
      await Promise.all(files.map(({ sha256: blob, bytes }) => this.blobs.put(blob, bytes)));
      answer = await this.canaries.send<ReplaceAnswer>(submission, request, (searched) =>
        this.store.replaceHeld({ ...name, request: searched, approval: held.approval }),
      );
    } finally {
      release();
    }
    await this.forget(answer.outcome === 'done' ? answer.unused : named);
    return answer;
  }

  /** The content of a stored message; null where there is none, or none any more. */
  async content(name: MessageName): Promise<Submission | null> {
    return this.contentOf({ content: await this.store.messageContent(name) });
  }

  private async contentOf({ content }: Pick<HeldMessage, 'content'>): Promise<Submission | null> {
    if (content === null) return null;
    const bytes = 'inline' in content ? content.inline : await this.blobs.get(content.blob);
    return bytes === null ? null : readContentText(Buffer.from(bytes).toString());
  }

  /** What a plan of such sends starts from. `strangers`: each goes to somebody else, of whom nothing is known. */
  async planView(input: SubmitInput, strangers: boolean): Promise<PlanSeen> {
    const reading = await this.read(input);
    if (!reading.ok) return reading.result as PlanSeen;
    const { request } = this.request(input, reading);
    if (strangers) request.recipients = [STRANGER];
    return { outcome: 'answer', answer: await this.store.planView(request) };
  }

  /** At once, unless an upload, a template or a conversation has to be asked for. */
  private read(input: SubmitInput): Reading | Promise<Reading> {
    const ids = attachmentIds(input.body);
    if (ids.length === 0) return this.readWith(input, new Map());
    return this.store.attachments({ ...input.principal, ids }).then((uploads) => this.readWith(input, uploads));
  }

  private readWith(input: SubmitInput, uploads: Uploads): Reading | Promise<Reading> {
    const reading = readSubmission(input.body, { sha256, uploads });
    if (!reading.ok)
      return { ok: false, result: { outcome: 'malformed', reason: reading.reason, errors: reading.errors } };
    const { submission, files } = reading;
    if (input.shown !== undefined) submission.shown = input.shown;
    if (submission.agent === null) submission.agent = input.agent;
    else if (input.isAgentBound === true && submission.agent !== input.agent) {
      return { ok: false, result: { outcome: 'forbidden_agent', agent: submission.agent } };
    }
    const simulated = input.principal.mode === 'test' ? simulatedRequest(submission) : null;
    if (simulated !== null) return { ok: false, result: { outcome: 'simulated', code: simulated } };
    if (submission.template !== null || namesThread(submission)) return this.completed(input, submission, files);
    return { ok: true, sent: submission, submission, template: null, files };
  }

  /** With its template filled in, and in its conversation. */
  private async completed(input: SubmitInput, sent: Submission, files: AttachedFile[]): Promise<Reading> {
    const filled = await this.filledIn(input, sent);
    const joined = await this.threads.join(input.principal, filled.submission);
    if (joined === 'unknown') return { ok: false, result: unknownThread() };
    return { ok: true, sent, ...filled, submission: joined, files };
  }

  /**
   * The submission with its template filled in. What the caller gives itself stands in place of the template's; where the template
   * cannot be filled in, the rules refuse the message.
   */
  private async filledIn(
    { principal, refusesSpamPhrases }: SubmitInput,
    submission: Submission,
  ): Promise<{ submission: Submission; template: TemplateUse | null }> {
    const { template: asked, subject, text, html } = submission;
    if (asked === null) return { submission, template: null };
    const overrides = subject !== '' || text !== null || html !== null;
    const found = await this.templates.use(principal, asked, submission.kind, overrides);
    const { content, kind } = found;
    const use = refusesSpamPhrases ? { ...found.use, refusesSpamPhrases } : found.use;
    if (content === null) return { submission: { ...submission, kind }, template: use };
    const { id, version } = use.found!;
    const filled = {
      ...submission,
      kind,
      subject: subject === '' ? content.subject : subject,
      text: text ?? content.text,
      html: html ?? content.html,
      // The content is whole now; the data may hold what need not be kept.
      template: { id, version, data: {} },
    };
    return { submission: filled, template: use };
  }

  private admit(input: SubmitInput, reading: Reading & { ok: true }): Promise<Submitted> {
    const { request, large } = this.request(input, reading);
    const files = large === null ? reading.files : [...reading.files, large];
    const send = () => this.canaries.send(reading.submission, request, (searched) => this.store.admit(searched));
    if (files.length === 0 && request.blobs.length === 0) return send().then(answered);
    return this.admitWithFiles(files, request, send);
  }

  private async admitWithFiles(
    files: readonly AttachedFile[],
    request: AdmitRequest,
    send: () => Promise<AdmitAnswer>,
  ): Promise<Submitted> {
    const named = [...files, ...request.blobs].map(({ sha256: name }) => name);
    const release = this.blobs.hold(named);
    let answer: AdmitAnswer;
    try {
      await Promise.all(files.map(({ sha256: name, bytes }) => this.blobs.put(name, bytes)));
      answer = await send();
    } finally {
      release();
    }
    if (answer.outcome === 'refused' || answer.outcome === 'invalid') await this.forget(named);
    return answered(answer);
  }

  /** What is not stored leaves nothing on the disk either. */
  private async forget(named: string[]): Promise<void> {
    await this.blobs.removeUnused(named, (sha256s) => this.store.unusedBlobs({ sha256s }));
  }

  private request(
    input: SubmitInput,
    { sent, submission, template }: Reading & { ok: true },
  ): { request: AdmitRequest; large: { sha256: string; bytes: Uint8Array } | null } {
    const body = contentText(submission);
    const bodyBytes = Buffer.byteLength(body);
    const large = bodyBytes > INLINE_BYTES ? largeBody(body) : null;
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
    return { request, large };
  }
}

function largeBody(body: string): { sha256: string; bytes: Uint8Array } {
  const bytes = Buffer.from(body);
  return { sha256: sha256(bytes), bytes };
}

function unknownThread(): Exclude<Submitted, { outcome: 'answer' }> {
  const message = 'There is no such conversation.';
  return {
    outcome: 'malformed',
    reason: 'validation_failed',
    errors: [{ code: 'invalid_parameter', param: 'thread_id', message }],
  };
}

function nothing(): void {}

function answered(answer: AdmitAnswer): Submitted {
  return { outcome: 'answer', answer };
}

/** Whether a promise settles in time; the timer never outlives it. */
function within(promise: Promise<void>, waitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), waitMs);
    promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/** Simulated reasons of access and platform are about the whole request, whoever else it goes to. */
function simulatedRequest(submission: Submission): ReasonCode | null {
  for (const { key, domain } of [...submission.to, ...submission.cc, ...submission.bcc]) {
    if (domain !== SIMULATOR_DOMAIN) continue;
    const meaning = parseSimulatorAddress(key.slice(0, key.lastIndexOf('@')));
    if (meaning?.kind !== 'blocked') continue;
    const category = REASONS[meaning.code].category;
    if (category === 'access' || category === 'platform') return meaning.code;
  }
  return null;
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
