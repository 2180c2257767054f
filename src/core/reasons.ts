/** The catalogue of reasons, whole and in order of precedence. Adding a reason is one entry in `reasons/<category>.ts`. */

import { ACCESS } from './reasons/access.ts';
import { ACCOUNT } from './reasons/account.ts';
import { CONTENT } from './reasons/content.ts';
import type { ReasonEntry } from './reasons/entry.ts';
import { HOLD } from './reasons/hold.ts';
import { LIMIT } from './reasons/limit.ts';
import { PLATFORM } from './reasons/platform.ts';
import { RECIPIENT } from './reasons/recipient.ts';
import { REQUEST } from './reasons/request.ts';
import { REQUEST_STATE } from './reasons/request-state.ts';
import { SENDER } from './reasons/sender.ts';

export { CATEGORIES, CLEARERS } from './reasons/categories.ts';
export type { Category, Clearer, Fault, ReasonEntry, ReasonText, Scope, SmtpReply } from './reasons/entry.ts';
export { BOUNCE_CLASSES, type BounceClass, OUTCOMES, type OutcomeCode } from './reasons/outcomes.ts';
export { WARNING_CODES, WARNINGS, type WarningCode, type WarningEntry } from './reasons/warnings.ts';

/** Every reason; the order of insertion is precedence. */
export const REASONS = {
  ...ACCESS,
  ...REQUEST,
  ...REQUEST_STATE,
  ...ACCOUNT,
  ...SENDER,
  ...CONTENT,
  ...RECIPIENT,
  ...LIMIT,
  ...HOLD,
  ...PLATFORM,
} as const satisfies Record<string, ReasonEntry>;

export type ReasonCode = keyof typeof REASONS;

/** All codes in order of precedence. */
export const REASON_CODES = Object.keys(REASONS) as readonly ReasonCode[];

/** Codes that once were reasons. They are never used again, since clients may still branch on them. */
export const RETIRED: readonly string[] = [];

const PRECEDENCE: ReadonlyMap<string, number> = new Map(REASON_CODES.map((code, index) => [code, index]));

/** Place in the order of precedence, from 0: among several blocking reasons the lowest is the primary one. */
export function precedence(code: ReasonCode): number {
  return PRECEDENCE.get(code)!;
}

/** Whether a string from outside is the code of a reason. */
export function isReasonCode(code: string): code is ReasonCode {
  return PRECEDENCE.has(code);
}
