/**
 * Turns decided reasons into what people and programs read: the explained reason, the warning, the problem body of
 * RFC 9457, the SMTP reply. Every door speaks through these functions, so that the same verdict has the same words.
 *
 * Invariant: a text is made from the catalogue and the evidence alone; whatever the evidence holds or lacks, it is a
 * whole sentence. Deliberately absent: deciding, and choosing which recipient's reasons a problem is about.
 */

import { evidenceWords, isTimeField, rfc3339 } from './evidence-words.ts';
import {
  type Category,
  type Clearer,
  REASONS,
  type ReasonCode,
  type ReasonEntry,
  type Scope,
  type SmtpReply,
  type WarningCode,
} from './reasons.ts';
import { sentence } from './sentence.ts';
import { textsFor } from './texts.ts';

export type { Scope } from './reasons.ts';

/** A reason as a rule decides it: no texts yet. */
export type DecidedReason = {
  code: ReasonCode;
  scope: Scope | null;
  /** Milliseconds since the Unix epoch, or null when no time can be given. */
  clearsAt: number | null;
  /** When it differs from the entry's. */
  clearsBy?: readonly Clearer[];
  /** JSON values. Times (`*_at`, `since`) are milliseconds. */
  evidence: Record<string, unknown>;
};

export type DecidedWarning = { code: WarningCode; scope?: Scope | null; evidence: Record<string, unknown> };

export type ExplainOptions = {
  /** Where the pages about reasons are, with a slash at the end: `http://host:port/docs/reasons/`. */
  docsBase: string;
  /** A language tag (RFC 5646); English when it is unknown or absent. */
  locale?: string;
  /** Addresses that are the same for everybody here, by the field of evidence that shows them where a reason has it. */
  links?: Links;
  /** What to do, by code, in the words of a door that has other fields than the texts speak of. */
  fixes?: Fixes;
};

export type Fixes = Readonly<Partial<Record<ReasonCode | WarningCode, string>>>;

/** `billing_url`: where a payment block is cleared. `support_url`: where to take the request id. */
export type Links = Readonly<Partial<Record<'billing_url' | 'support_url', string>>>;

export type Clears = { by: readonly Clearer[]; at: string | null };

export type ExplainedReason = {
  code: ReasonCode;
  category: Category;
  title: string;
  detail: string;
  fix: string;
  doc_url: string;
  customer_message: string;
  retryable: boolean;
  clears: Clears;
  scope: Scope | null;
  evidence: Record<string, unknown>;
};

export type ExplainedWarning = {
  code: WarningCode;
  title: string;
  detail: string;
  fix: string;
  doc_url: string;
  scope: Scope | null;
} & Record<string, unknown>;

/** One thing wrong with a field of the request. */
export type Issue = { code: string; param: string | null; message: string };

export type ProblemInput = {
  /** In order of precedence; the first that has a status is the primary one. At least one must have a status. */
  reasons: readonly DecidedReason[];
  /** HTTP status, when it differs from the primary reason's. */
  status?: number;
  errors?: readonly Issue[];
  recipients?: readonly unknown[];
  limits?: readonly unknown[];
  risk?: unknown;
  messageId: string | null;
  requestId: string;
  /** Milliseconds; when absent it follows from the reasons. */
  retryAt?: number | null;
  param?: string | null;
  /** In place of the primary reason's. */
  detail?: string;
  fix?: string;
};

/** The body of an error, `application/problem+json` (RFC 9457 §3). */
export type ProblemBody = {
  type: string;
  title: string;
  status: number;
  code: ReasonCode;
  detail: string;
  fix: string;
  customer_message: string;
  retryable: boolean;
  retry_at: string | null;
  clears: Clears;
  param: string | null;
  reasons: ExplainedReason[];
  errors?: Issue[];
  recipients: unknown[];
  limits: unknown[];
  risk: unknown;
  message_id: string | null;
  request_id: string;
};

/** The reason with its texts, as an element of `reasons` in an answer. */
export function explainReason(reason: DecidedReason, options: ExplainOptions): ExplainedReason {
  const entry: ReasonEntry = REASONS[reason.code];
  const texts = textsFor(options.locale);
  const text = texts.reasons[reason.code];
  const evidence = withLinks(reason.evidence, entry.evidence, options.links);
  const wordsFor = evidenceWords({ evidence, clearsAt: reason.clearsAt, words: text.words, texts });
  const by = reason.clearsBy ?? entry.clearsBy;
  const onlyClearer = by.length === 1 ? text.cases?.[by[0]!] : undefined;
  return {
    code: reason.code,
    category: entry.category,
    title: text.title,
    detail: sentence(text.detail, wordsFor),
    fix: onlyClearer?.fix ?? options.fixes?.[reason.code] ?? text.fix,
    doc_url: options.docsBase + reason.code,
    customer_message: sentence(text.customerMessage, wordsFor),
    retryable: entry.retryable,
    clears: { by, at: rfc3339(reason.clearsAt) },
    scope: reason.scope,
    evidence: writtenEvidence(evidence),
  };
}

/** A verdict knows nothing of this gateway's addresses: they come in here, where the reason says that it shows them. */
function withLinks(
  evidence: Readonly<Record<string, unknown>>,
  declared: Readonly<Record<string, string>>,
  links: Links = {},
): Readonly<Record<string, unknown>> {
  const shown = Object.entries(links).filter(([field]) => Object.hasOwn(declared, field) && !(field in evidence));
  return shown.length === 0 ? evidence : { ...evidence, ...Object.fromEntries(shown) };
}

/** The warning with its texts; its evidence stands beside `code`. */
export function explainWarning(warning: DecidedWarning, options: ExplainOptions): ExplainedWarning {
  const texts = textsFor(options.locale);
  const text = texts.warnings[warning.code];
  const wordsFor = evidenceWords({ evidence: warning.evidence, clearsAt: null, words: text.words, texts });
  return {
    ...writtenEvidence(warning.evidence),
    code: warning.code,
    title: text.title,
    detail: sentence(text.detail, wordsFor),
    fix: options.fixes?.[warning.code] ?? text.fix,
    doc_url: options.docsBase + warning.code,
    scope: warning.scope ?? null,
  };
}

/** When all of these reasons will have cleared, in milliseconds; null unless every one has a time. */
export function retryAt(reasons: readonly Pick<DecidedReason, 'clearsAt'>[]): number | null {
  let latest: number | null = null;
  for (const { clearsAt } of reasons) {
    if (clearsAt === null) return null;
    if (latest === null || clearsAt > latest) latest = clearsAt;
  }
  return latest;
}

/** The problem body. Throws a RangeError when no reason has a status: such a message is not refused. */
export function problem(input: ProblemInput, options: ExplainOptions): ProblemBody {
  const decided = input.reasons.map((reason) => withIssues(reason, input.errors));
  const primary = decided.find((reason) => REASONS[reason.code].http !== null);
  if (primary === undefined) throw new RangeError('a problem needs a reason with an HTTP status');
  const status = input.status ?? REASONS[primary.code].http!;
  const reasons = decided.map((reason) => explainReason(reason, options));
  const main = reasons[decided.indexOf(primary)]!;
  return {
    type: main.doc_url,
    title: main.title,
    status,
    code: main.code,
    detail: input.detail ?? main.detail,
    fix: input.fix ?? main.fix,
    customer_message: main.customer_message,
    retryable: reasons.every((reason) => reason.retryable),
    retry_at: rfc3339(input.retryAt === undefined ? retryAt(decided) : input.retryAt),
    clears: main.clears,
    param: input.param ?? input.errors?.[0]?.param ?? null,
    reasons,
    ...(input.errors === undefined ? {} : { errors: [...input.errors] }),
    recipients: [...(input.recipients ?? [])],
    limits: [...(input.limits ?? [])],
    risk: input.risk ?? null,
    message_id: input.messageId,
    request_id: input.requestId,
  };
}

/** The longest text of an SMTP reply line: 512 octets (RFC 5321 §4.5.3.1.5) without code, blanks and CRLF. */
const MAX_SMTP_TEXT = 480;

/** The reply code and enhanced status code of a reason; null where it has none. */
export function smtpCodes(reason: Pick<DecidedReason, 'code' | 'evidence'>): SmtpReply | null {
  const entry: ReasonEntry = REASONS[reason.code];
  const value = entry.smtpCases === undefined ? undefined : reason.evidence[entry.smtpCases.field];
  if (typeof value === 'string' && Object.hasOwn(entry.smtpCases!.replies, value)) {
    return entry.smtpCases!.replies[value]!;
  }
  return entry.smtp;
}

/** The text after the codes of an SMTP reply: `suppressed: The address … ; see http://…`, one line of ASCII. */
export function smtpText(reason: DecidedReason, options: ExplainOptions): string {
  const { detail, doc_url: url } = explainReason(reason, { ...options, locale: 'en' });
  const see = `; see ${url}`;
  const said = `${reason.code}: ${detail.endsWith('.') ? detail.slice(0, -1) : detail}`;
  return said.slice(0, Math.max(0, MAX_SMTP_TEXT - see.length)).replace(/[^\x20-\x7e]/g, '?') + see;
}

/** `validation_failed` says how many fields are wrong and names the first, also where the rule did not. */
function withIssues(reason: DecidedReason, issues: readonly Issue[] | undefined): DecidedReason {
  const first = issues?.[0];
  if (reason.code !== 'validation_failed' || first === undefined || 'issues' in reason.evidence) return reason;
  // The sentence around it has its own full stop.
  const message = first.message.endsWith('.') ? first.message.slice(0, -1) : first.message;
  const evidence = { ...reason.evidence, issues: issues!.length, param: first.param, message };
  return { ...reason, evidence };
}

/** Evidence as an answer has it: times in RFC 3339, also those of an object in it (`probation.until_at`) or in a list. */
export function writtenEvidence(evidence: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(evidence).map(([field, value]) => [field, written(field, value, true)]));
}

function written(field: string, value: unknown, alsoInside: boolean): unknown {
  if (typeof value === 'number') return isTimeField(field) ? rfc3339(value) : value;
  if (!alsoInside || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    return value.map((one) => (typeof one === 'object' && !Array.isArray(one) ? written('', one, true) : one));
  }
  return Object.fromEntries(Object.entries(value).map(([inner, one]) => [inner, written(inner, one, false)]));
}
