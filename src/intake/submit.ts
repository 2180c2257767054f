/**
 * The road of a submission, whichever door it came through: read, simulator, key, admit. The answer is a value; each
 * door renders it in its caller's own words.
 */
import { setImmediate } from 'node:timers/promises';
import { channelOf } from '../core/channel.ts';
import { readContentText } from '../core/content-text.ts';
import type { Submission } from '../core/message.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { REASONS } from '../core/reasons.ts';
import { parseSimulatorAddress, SIMULATOR_DOMAIN } from '../core/simulator.ts';
import type { Blobs } from '../data/blobs.ts';
import type { HeldMessage, ReplaceAnswer } from '../data/port/approvals.ts';
import type { MessageName } from '../data/port/messages.ts';
import type { PlanViewAnswer } from '../data/port/plans.ts';
import type { TemplateUse } from '../data/port/templates.ts';
import type { AdmitAnswer, AdmitRecipient, AdmitRequest, CheckAnswer, Store } from '../data/store.ts';
import { Templates } from '../templates/templates.ts';
import { admitRequest, type ReadSubmission, sha256 } from './admit-request.ts';
import { type AttachedFile, type AttachmentOptions, attachmentIds } from './attachments.ts';
import { CanarySearch } from './canary-search.ts';
import { changedBody, changedSubmission } from './changed-submission.ts';
import type { FieldError, Fields } from './field-errors.ts';
import { readSubmission } from './submission.ts';
import type { SubmitInput } from './submit-input.ts';
import { type MessageIds, namesThread, Threads } from './threads.ts';

const WAIT_FOR_FIRST_MS = 2000;
/** So many octets of a batch are read before others have their turn. */
const READ_IN_A_TURN = 262_144;

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

export type AllSubmitted =
  /** In their order. */
  | { outcome: 'admitted'; answers: AdmitAnswer[] }
  /** Because of the one at this place. */
  | { outcome: 'refused'; at: number; submitted: Submitted };

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

type Reading = ({ ok: true } & ReadSubmission) | { ok: false; result: Exclude<Submitted, { outcome: 'answer' }> };

/** One of several: what the store is asked, and what is searched for canaries. */
type Asked = ReturnType<typeof admitRequest> & { submission: Submission };

const IN_PROGRESS = { outcome: 'in_progress' } as const;
const WITHOUT_UPLOADS: AttachmentOptions = { sha256 };

export class Intake {
  private readonly store: Store;
  private readonly blobs: Blobs;
  private readonly templates: Templates;
  private readonly threads: Threads;
  private readonly ids: MessageIds | null;
  private readonly canaries = new CanarySearch();
  /** What is still running under a key. */
  private readonly running = new Map<string, Promise<void>>();

  constructor(store: Store, blobs: Blobs, ids: MessageIds | null = null) {
    this.store = store;
    this.blobs = blobs;
    this.templates = new Templates(store);
    this.threads = new Threads(store, ids);
    this.ids = ids;
  }

  /** Not an async function, nor are those below it on the way to the store: each would put promises of its own between. */
  submit(input: SubmitInput): Promise<Submitted> {
    const reading = this.read(input);
    return reading instanceof Promise ? reading.then((read) => this.sent(input, read)) : this.sent(input, reading);
  }

  private sent(input: SubmitInput, reading: Reading): Promise<Submitted> {
    if (!reading.ok) return Promise.resolve(reading.result);
    return this.inTurn(input, () => this.admit(input, reading));
  }

  /** All of them or none: where one cannot be read or would be refused, nothing is sent. All of one caller. */
  async submitAll(inputs: readonly SubmitInput[]): Promise<AllSubmitted> {
    const asked: Asked[] = [];
    let octets = 0;
    for (const [at, input] of inputs.entries()) {
      const reading = await this.read(input);
      if (!reading.ok) return { outcome: 'refused', at, submitted: reading.result };
      const made = admitRequest(input, reading);
      asked.push({ ...made, submission: reading.submission });
      octets += made.request.bodyBytes;
      if (octets < READ_IN_A_TURN) continue;
      // Others want to be read meanwhile.
      octets = 0;
      await setImmediate();
    }
    const all = await this.inTurn(inputs[0]!, () => this.admitAll(asked));
    return all.outcome === 'in_progress' ? { outcome: 'refused', at: 0, submitted: all } : all;
  }

  /** One after another under one key: while the first is running, for a while. */
  private inTurn<T>(input: SubmitInput, send: () => Promise<T>): Promise<T | { outcome: 'in_progress' }> {
    const { principal, idempotencyKey, waitsForFirst } = input;
    if (idempotencyKey === null) return send();
    const name = `${principal.installationNo}.${principal.mode}.${idempotencyKey}`;
    const first = this.running.get(name);
    if (first === undefined) return this.run(name, send);
    if (waitsForFirst === false) return Promise.resolve(IN_PROGRESS);
    const waited = within(first, WAIT_FOR_FIRST_MS);
    return waited.then<T | typeof IN_PROGRESS>((isOver) => (isOver ? this.run(name, send) : IN_PROGRESS));
  }

  private run<T>(name: string, send: () => Promise<T>): Promise<T> {
    const mine = send();
    const end = () => {
      if (this.running.get(name) === done) this.running.delete(name);
    };
    // Not `mine`: tables that a Map has outgrown stay reachable for a while, and would keep every answer.
    const done = mine.then(end, end);
    this.running.set(name, done);
    return mine;
  }

  /** The submission as its sender means it; null where it cannot be read, which `submit` says in full. */
  async canonical(input: SubmitInput): Promise<Submission | null> {
    const reading = await this.read(input);
    return reading.ok ? reading.sent : null;
  }

  async check(input: SubmitInput): Promise<Checked> {
    const reading = await this.read(input);
    if (!reading.ok) return reading.result as Checked;
    const { request } = admitRequest(input, reading);
    const check = (searched: AdmitRequest) => this.store.check(searched);
    const answer = await this.canaries.send(reading.submission, request, check, whole<CheckAnswer>);
    return { outcome: 'answer', answer };
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
    const { request, files } = admitRequest({ ...input, idempotencyKey: null, channel }, { ...reading, submission });
    const named = [...files, ...request.blobs].map(({ sha256: blob }) => blob);
    const release = this.blobs.hold(named);
    let answer: ReplaceAnswer;
    try {
      await Promise.all(files.map(({ sha256: blob, bytes }) => this.blobs.put(blob, bytes)));
      const replace = (searched: AdmitRequest) =>
        this.store.replaceHeld({ ...name, request: searched, approval: held.approval });
      answer = await this.canaries.send(submission, request, replace, whole<ReplaceAnswer>);
    } finally {
      release();
    }
    await this.forget(answer.outcome === 'done' ? answer.unused : named);
    return answer;
  }

  /** The Message-ID that a stored message goes out with; empty where none is made here. */
  msgIdOf(id: string, tenantNo: number): string {
    return this.ids?.make(id, tenantNo) ?? '';
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
    const { request } = admitRequest(input, reading);
    if (strangers) request.recipients = [STRANGER];
    return { outcome: 'answer', answer: await this.store.planView(request) };
  }

  /** At once, unless an upload, a template or a conversation has to be asked for. */
  private read(input: SubmitInput): Reading | Promise<Reading> {
    const ids = attachmentIds(input.body);
    if (ids.length === 0) return this.readWith(input, WITHOUT_UPLOADS);
    const found = this.store.attachments({ ...input.principal, ids });
    return found.then((uploads) => this.readWith(input, { sha256, uploads }));
  }

  private readWith(input: SubmitInput, options: AttachmentOptions): Reading | Promise<Reading> {
    const reading = readSubmission(input.body, options);
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

  private admit(input: SubmitInput, reading: ReadSubmission): Promise<Submitted> {
    const { request, files } = admitRequest(input, reading);
    const { submission } = reading;
    if (files.length === 0 && request.blobs.length === 0) {
      return this.canaries.send(submission, request, this.toStore, answered);
    }
    const send = () => this.canaries.send(submission, request, this.toStore, answered);
    return this.withFiles(files, [request], send, isStored);
  }

  private readonly toStore = (request: AdmitRequest) => this.store.admit(request);

  private async admitAll(asked: readonly Asked[]): Promise<AllSubmitted> {
    const requests = asked.map(({ request }) => request);
    const submissions = asked.map(({ submission }) => submission);
    const files = new Map(asked.flatMap((one) => one.files.map((file) => [file.sha256, file])));
    const send = () => this.canaries.sendAll(submissions, requests, () => this.store.admitAll(requests));
    const all = await this.withFiles([...files.values()], requests, send, ({ outcome }) => outcome === 'admitted');
    return all.outcome === 'admitted' ? all : { outcome: 'refused', at: all.at, submitted: answered(all.answer) };
  }

  /** With what they attach in the blob store. */
  private async withFiles<Answer>(
    files: readonly AttachedFile[],
    requests: readonly AdmitRequest[],
    send: () => Promise<Answer>,
    isStored: (answer: Answer) => boolean,
  ): Promise<Answer> {
    if (files.length === 0 && requests.every(({ blobs }) => blobs.length === 0)) return send();
    const named = [...files, ...requests.flatMap(({ blobs }) => blobs)].map(({ sha256: name }) => name);
    const release = this.blobs.hold(named);
    let answer: Answer;
    try {
      await Promise.all(files.map(({ sha256: name, bytes }) => this.blobs.put(name, bytes)));
      answer = await send();
    } finally {
      release();
    }
    if (!isStored(answer)) await this.forget(named);
    return answer;
  }

  /** What is not stored leaves nothing on the disk either. */
  private async forget(named: string[]): Promise<void> {
    await this.blobs.removeUnused(named, (sha256s) => this.store.unusedBlobs({ sha256s }));
  }
}

function unknownThread(): Exclude<Submitted, { outcome: 'answer' }> {
  const message = 'There is no such conversation.';
  return {
    outcome: 'malformed',
    reason: 'validation_failed',
    errors: [{ code: 'invalid_parameter', param: 'thread_id', message }],
  };
}

function answered(answer: AdmitAnswer): Submitted & { outcome: 'answer' } {
  return { outcome: 'answer', answer };
}

function isStored({ answer }: Submitted & { outcome: 'answer' }): boolean {
  return answer.outcome !== 'refused' && answer.outcome !== 'invalid';
}

/** An answer as it is. */
function whole<Answer>(answer: Answer): Answer {
  return answer;
}

/** Whether a promise settles in time; the timer never outlives it. */
function within(promise: Promise<unknown>, waitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), waitMs);
    const end = () => {
      clearTimeout(timer);
      resolve(true);
    };
    promise.then(end, end);
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
