/**
 * The answer to a send that was accepted, head and body as text: the body as `JSON.stringify` writes `acceptedBody`, the headers as
 * `setHeadroom` sets them. Every accept has one, mostly of limits: it is written from the store's answer and from what a limit's
 * text is in every answer, with no objects in between.
 *
 * What holds: it tells exactly what the general road of outcome.ts tells; a test compares the two.
 */
import { type DecidedReason, explainReason, explainWarning } from '../core/explain.ts';
import { messageStatus, type RecipientState } from '../core/states.ts';
import { formatTime } from '../core/time.ts';
import type { Admission, LimitStanding, RecipientVerdict } from '../data/store.ts';
import { addRequestLimits, HEADROOM_HEADERS, quotaReset, secondsUntil } from '../http/headroom-headers.ts';
import type { Texts } from '../http/problems.ts';
import type { RequestLimitState } from '../http/request-rates.ts';
import type { WholeAnswer } from '../http/whole-answer.ts';
import type { Policy } from '../policy/document.ts';
import { adapted } from '../policy/probation.ts';
import type { DecidedWarning } from '../policy/verdict.ts';
import { framesOf, type LimitFrame, type LimitFrames, policiesOf } from './limit-frames.ts';
import { domainOf, messageWarnings, retryAtOf, STATE_OF, scopeIdOf, standingIn, tellersByDomain } from './outcome.ts';

/** What it needs beside the store's answer; `texts` is asked for only where there is something to explain. */
export type AcceptedParts = {
  policy: Policy;
  requestLimits: readonly RequestLimitState[] | null;
  isReplayed: boolean;
  texts: () => Texts;
};

/** At least one recipient is not blocked. */
export function acceptedAnswer(admission: Admission, parts: AcceptedParts): WholeAnswer {
  const writer = new Writer(admission, framesOf(adapted(parts.policy, admission)), parts.texts);
  const limits = writer.messageLimits();
  const head = parts.isReplayed ? ['idempotent-replayed', 'true'] : [];
  writer.headroom(head, parts.requestLimits);
  head.push('content-type', 'application/json; charset=utf-8');
  return { status: 202, head, text: writer.body(limits), isAscii: writer.isAscii };
}

class Writer {
  isAscii: boolean;
  private readonly admission: Admission;
  private readonly frames: LimitFrames;
  private readonly texts: () => Texts;
  /** Ids are written several times in a row. */
  private lastId = '';
  private lastQuoted = '""';
  /** What the headers will say: what the limits have left, and which quota has least left. */
  private states = '';
  private tightest: LimitFrame | null = null;
  private remaining = 0;
  private resetsAt: number | null = null;

  constructor(admission: Admission, frames: LimitFrames, texts: () => Texts) {
    this.admission = admission;
    this.frames = frames;
    this.texts = texts;
    this.isAscii = frames.isAscii;
  }

  /** The limits of the whole message, as its last recipient has left them. */
  messageLimits(): string {
    const { admission, frames } = this;
    const { recipients, createdAt } = admission;
    const teller = recipients[recipients.length - 1]!;
    let text = '';
    for (let i = 0; i < frames.message.length; i += 1) {
      const frame = frames.message[i]!;
      const id = scopeIdOf(frame.limit, admission);
      const standing = standingIn(teller, frame.limit, i, true, createdAt);
      if (id === null || standing === null) continue;
      text += this.limitText(frame, id, standing, text === '');
      this.tell(frame, standing);
    }
    return text;
  }

  private limitText(frame: LimitFrame, id: string, { used, resetsAt }: LimitStanding, isFirst: boolean): string {
    const remaining = Math.max(0, frame.most - used);
    return `${isFirst ? '' : ','}${frame.before}${this.quoted(id)}${frame.between}${used},"remaining":${remaining},"resets_at":${timeText(resetsAt)}${frame.behind}`;
  }

  private tell(frame: LimitFrame, { used, resetsAt }: LimitStanding): void {
    const remaining = Math.max(0, frame.most - used);
    const { states, tightest } = this;
    const seconds = secondsUntil(resetsAt, this.admission.createdAt);
    this.states = `${states}${states === '' ? '' : ', '}${frame.statePart}${remaining};t=${seconds}`;
    if (!frame.isQuota) return;
    if (tightest !== null && remaining * tightest.most >= this.remaining * frame.most) return;
    this.tightest = frame;
    this.remaining = remaining;
    this.resetsAt = resetsAt;
  }

  /** Adds the headers; to be called after `messageLimits`. */
  headroom(head: string[], requestLimits: readonly RequestLimitState[] | null): void {
    const { admission, frames, tightest } = this;
    let { states } = this;
    let policies = states === '' ? '' : policiesOf(frames, admission.scopes);
    if (requestLimits !== null && requestLimits.length > 0) {
      const all = policies === '' ? [] : policies.split(', ');
      const stood = states === '' ? [] : [states];
      addRequestLimits(requestLimits, all, stood, Date.now());
      policies = all.join(', ');
      states = stood.join(', ');
    }
    head.push(HEADROOM_HEADERS.risk, admission.risk.level);
    if (policies !== '') head.push(HEADROOM_HEADERS.policy, policies, HEADROOM_HEADERS.state, states);
    if (tightest === null) return;
    head.push(HEADROOM_HEADERS.quotaLimit, String(tightest.most));
    head.push(HEADROOM_HEADERS.quotaRemaining, String(this.remaining));
    head.push(HEADROOM_HEADERS.quotaReset, quotaReset(this.resetsAt, admission.createdAt));
  }

  body(limits: string): string {
    const { admission } = this;
    const { recipients, risk } = admission;
    const tellers = recipients.length === 1 ? null : tellersByDomain(recipients, true);
    let list = '';
    for (const one of recipients) list += (list === '' ? '' : ',') + this.recipientText(one, tellers);
    const isWarned = recipients.some(({ warnings }) => warnings.length > 0);
    const warnings = isWarned ? this.listText(messageWarnings(admission, this.texts())) : '[]';
    return `{"id":"${admission.messageId}","status":"${statusOf(recipients)}","created_at":${timeText(admission.createdAt)},"recipients":[${list}],"warnings":${warnings},"limits":[${limits}],"risk":{"score":${risk.score},"level":"${risk.level}","threshold":${risk.threshold}},"retry_at":${timeText(retryAtOf(recipients))},"request_id":${this.quoted(admission.requestId)}}`;
  }

  private recipientText(one: RecipientVerdict, tellers: Map<string, RecipientVerdict> | null): string {
    const id = one.id === null ? 'null' : `"${one.id}"`;
    const scheduledAt = timeText(one.verdict === 'schedule' ? one.departAt : null);
    return `{"id":${id},"email":${this.quoted(one.email)},"status":"${STATE_OF[one.verdict]}","scheduled_at":${scheduledAt},"possible_duplicate":false,"reasons":${this.reasons(one)},"warnings":${this.warnings(one)},"limits":[${this.recipientLimits(one, tellers)}]}`;
  }

  private reasons({ reasons }: RecipientVerdict): string {
    if (reasons.length === 0) return '[]';
    const texts = this.texts();
    return this.listText(reasons.map((reason) => explainReason(reason as DecidedReason, texts)));
  }

  private warnings({ warnings }: RecipientVerdict): string {
    if (warnings.length === 0) return '[]';
    const texts = this.texts();
    return this.listText(warnings.map((warning) => explainWarning(warning as DecidedWarning, texts)));
  }

  private recipientLimits(one: RecipientVerdict, tellers: Map<string, RecipientVerdict> | null): string {
    const { message, recipient } = this.frames;
    const domain = domainOf(one);
    let text = '';
    for (let i = 0; i < recipient.length; i += 1) {
      const frame = recipient[i]!;
      const ofAddress = frame.limit.scope === 'recipient';
      const teller = ofAddress || tellers === null ? one : tellers.get(domain);
      const standing = standingIn(teller, frame.limit, message.length + i, true, this.admission.createdAt);
      if (standing !== null) text += this.limitText(frame, ofAddress ? one.key : domain, standing, text === '');
    }
    return text;
  }

  private listText(list: readonly object[]): string {
    if (list.length === 0) return '[]';
    // Words in any language.
    this.isAscii = false;
    return JSON.stringify(list);
  }

  /** A string in JSON. Most are plain ASCII, in which nothing is escaped. */
  private quoted(text: string): string {
    if (text === this.lastId) return this.lastQuoted;
    this.lastId = text;
    this.lastQuoted = this.quotedAnew(text);
    return this.lastQuoted;
  }

  private quotedAnew(text: string): string {
    for (let i = 0; i < text.length; i += 1) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x20 && unit < 0x7f && unit !== 0x22 && unit !== 0x5c) continue;
      this.isAscii = false;
      return JSON.stringify(text);
    }
    return `"${text}"`;
  }
}

function statusOf(recipients: readonly RecipientVerdict[]): RecipientState | 'partial' {
  if (recipients.length === 1) return STATE_OF[recipients[0]!.verdict];
  return messageStatus(recipients.map((one) => STATE_OF[one.verdict]));
}

function timeText(at: number | null): string {
  return at === null ? 'null' : `"${formatTime(at)}"`;
}
