/**
 * The shape of one entry of the catalogue of reasons, and what its examples are built from.
 *
 * An entry is everything there is to know about a reason: each answer, page, table and address that speaks of it is
 * derived from here. Texts are data in a small notation, so that another language is a table and no code:
 *
 *   {field}       the value of that evidence field, written for people (see `core/explain.ts`)
 *   {field:noun}  a number with its noun in the right form: "1 recipient", "2 recipients"
 *   [a|b]         the first alternative whose every placeholder is known; nothing when none is
 *
 * Invariant: a placeholder stands inside brackets only, so a sentence reads well whatever is known. Deliberately
 * absent: rules. An entry says what a reason means, never when it applies.
 */

/** Who can lift a reason. `never`: nobody; at most an entry made in error is removed. */
export type Clearer = 'time' | 'caller' | 'tenant' | 'operator' | 'recipient' | 'never';

/** Whose doing a reason is. */
export type Fault = 'caller' | 'recipient' | 'receiver' | 'operator' | 'gateway' | 'tenant';

export type Category = 'access' | 'account' | 'sender' | 'content' | 'recipient' | 'limit' | 'hold' | 'platform';

/** What a reason applies to, for example `{kind: 'tenant', id: 'ten_…'}`. */
export type Scope = { kind: string; id: string };

/** A reply code of RFC 5321 §4.2.3 with an enhanced status code of RFC 3463. */
export type SmtpReply = { reply: number; enhanced: string };

/** The texts of a reason that reach API answers; what another language translates. */
export type ReasonText = {
  title: string;
  /** A concrete sentence made from the evidence. */
  detail: string;
  /** What to do, one imperative sentence. */
  fix: string;
  /** For the end customer: plain words; placeholders `{time}`, `{limit}`, `{used}`, `{window}` only. */
  customerMessage: string;
  /** Where somebody else than `clearsBy` says lifts the reason: when, and what to do then. */
  cases?: Readonly<Partial<Record<Clearer, { when: string; fix: string }>>>;
  /** Words for the values of evidence fields, by field, then value. */
  words?: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

export type ReasonEntry = ReasonText & {
  code: string;
  category: Category;
  /** HTTP status when this is the primary reason; null for holds, which are accepted. */
  http: number | null;
  smtp: SmtpReply | null;
  /** Replies that say more than `smtp` where an evidence field has one of these values. */
  smtpCases?: { field: string; replies: Readonly<Record<string, SmtpReply>> };
  retryable: boolean;
  clearsBy: readonly Clearer[];
  /** How `clears.at` is found, or that none can be. */
  clearsAt: string;
  fault: Fault;
  /** Two to five sentences for the page about the reason. */
  explanation: string;
  /** Evidence field → what it holds. Times are `*_at` or `since`: milliseconds here, RFC 3339 in answers. */
  evidence: Readonly<Record<string, string>>;
  /** A realistic case, for the simulator and the page. */
  example: (at: ExampleContext) => Example;
};

export type ExampleContext = {
  /** Milliseconds since the Unix epoch. */
  now: number;
  tenant: Scope;
  recipient: Scope;
};

export type Example = {
  scope: Scope | null;
  clearsAt: number | null;
  clearsBy?: readonly Clearer[];
  evidence: Record<string, unknown>;
};

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The next 00:00 UTC after `now`, in milliseconds. */
export function nextUtcDay(now: number): number {
  return (Math.floor(now / DAY) + 1) * DAY;
}

/** The first instant of the next UTC month after `now`, in milliseconds. */
export function nextUtcMonth(now: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

/** An id that looks like the real ones, the same every time. */
export function exampleId(prefix: string): string {
  return `${prefix}_01jb2m3n4p5q6r7s8t9v0w1x2y`;
}

/** What an end customer is told about a mistake in the app's request. */
export const APP_PROBLEM = 'The app asked for something that could not be done. Please contact the support of the app.';
