/** What the client is told: replies of the catalogue, in its words. Nothing is decided here. */
import { Refusal } from '../../base/smtp-sessions.ts';
import { type DecidedReason, type ExplainOptions, type Issue, smtpCodes, smtpText } from '../../core/explain.ts';
import { REASONS, type ReasonCode } from '../../core/reasons.ts';
import { simulatedReason } from '../../core/simulator.ts';
import { type Admission, StoreFault } from '../../data/store.ts';
import { unserved } from '../../http/unserved.ts';
import { foremost } from '../outcome.ts';
import type { Checked, Submitted } from '../submit.ts';

/** Said after the data, where the client comes again and is told at RCPT who it is. */
const LATER = { reply: 451, enhanced: '4.7.1' };
const FULL = { reply: 452, enhanced: '4.3.1' };

export class Replies {
  readonly #texts: () => ExplainOptions;

  /** `texts`: where pages about reasons are; asked each time, since that is known only once a port is open. */
  constructor(texts: () => ExplainOptions) {
    this.#texts = texts;
  }

  ofReason(reason: DecidedReason, codes = smtpCodes(reason)): Refusal {
    const { reply, enhanced } = codes ?? LATER;
    return new Refusal(reply, `${enhanced} ${smtpText(reason, this.#texts())}`);
  }

  ofCode(code: ReasonCode, evidence: Record<string, unknown> = {}): Refusal {
    return this.ofReason({ code, scope: null, clearsAt: null, evidence });
  }

  ofIssues(code: ReasonCode, errors: readonly Issue[]): Refusal {
    const [first] = errors;
    if (first === undefined) return this.ofCode(code);
    const message = first.message.endsWith('.') ? first.message.slice(0, -1) : first.message;
    return this.ofCode(code, { issues: errors.length, param: first.param, message, ...evidenceOf(code, message) });
  }

  /** What comes before a decision. */
  ofUndecided(submitted: Exclude<Submitted | Checked, { outcome: 'answer' }>): Refusal {
    switch (submitted.outcome) {
      case 'malformed':
        return this.ofIssues(submitted.reason, submitted.errors);
      case 'in_progress':
        return this.ofCode('idempotency_in_progress');
      case 'forbidden_agent':
        return this.ofCode('insufficient_permissions');
      case 'simulated':
        return this.ofReason(simulatedReason(submitted.code, Date.now()));
    }
  }

  /**
   * After the data: the text with the id of what is stored, or why nothing is. `isToldAtRcpt`: whether a recipient would be refused by
   * itself if the client came again.
   */
  ofSubmitted(submitted: Submitted, isToldAtRcpt: boolean): Refusal | string {
    if (submitted.outcome !== 'answer') return this.ofUndecided(submitted);
    const { answer } = submitted;
    if (answer.outcome === 'invalid') {
      return this.ofIssues('validation_failed', [{ code: 'invalid_parameter', ...answer }]);
    }
    if (answer.outcome === 'key_reused') {
      const evidence = { first_at: answer.firstUsedAt, original_message_id: answer.messageId };
      return this.ofReason({ code: 'idempotency_key_reused', scope: null, clearsAt: answer.until, evidence });
    }
    if (answer.outcome === 'refused') return this.#ofRefused(answer, isToldAtRcpt);
    return `2.0.0 Accepted as ${answer.messageId}`;
  }

  #ofRefused({ recipients }: Admission, isToldAtRcpt: boolean): Refusal {
    const { reasons } = foremost(recipients.filter(({ verdict }) => verdict === 'block'));
    const reason = reasons.find(({ code }) => REASONS[code].http !== null) ?? reasons[0]!;
    const codes = smtpCodes(reason);
    // What the data alone tells for good the client would never hear at RCPT, and come again for days.
    const isForNow = isToldAtRcpt || (codes?.reply ?? 500) < 500;
    return this.ofReason(reason, isOfRecipient(reason) && isForNow ? LATER : codes);
  }

  /** The store cannot serve: the client keeps the mail. Null for what is no fault of the store. */
  ofFault(fault: unknown): Refusal | null {
    if (!(fault instanceof StoreFault)) return isFullDisk(fault) ? this.#full() : null;
    if (fault.kind === 'full') return this.#full();
    const { code, refusal } = unserved(fault);
    return this.ofReason({ code, scope: null, clearsAt: null, evidence: refusal.evidence ?? {} });
  }

  #full(): Refusal {
    return this.ofReason({ code: 'service_unavailable', scope: null, clearsAt: null, evidence: {} }, FULL);
  }
}

/** Whether a recipient or a limit is the cause, and not the content or the account. */
export function isOfRecipient({ code }: Pick<DecidedReason, 'code'>): boolean {
  const { category } = REASONS[code];
  return category === 'recipient' || category === 'limit';
}

/** Of an attachment the reason speaks by its own name: what is wrong with it. */
function evidenceOf(code: ReasonCode, message: string): Record<string, unknown> {
  return code === 'attachment_rejected' ? { problem: `${message.slice(0, 1).toLowerCase()}${message.slice(1)}` } : {};
}

function isFullDisk(fault: unknown): boolean {
  return fault instanceof Error && 'code' in fault && (fault.code === 'ENOSPC' || fault.code === 'EDQUOT');
}
