/**
 * What SES' errors mean for a recipient (SES API v2 reference, "SendEmail", "Common errors"). Pure.
 *
 * They come as values of the port: with a reply code where SES' own SMTP face gives one for the same cause, without one where
 * nothing was said of the message. The account's own troubles are `not_taken` at the stage `auth`: another provider may carry
 * the message, and no recipient is to blame.
 */
import type { DeliveryResult, Stage } from '../transports/transport.ts';

/** An error of the service, as the SDK reads it. */
export type SesError = { name: string; message: string; status: number };

/** SES tells by events what became of a message; until then nobody tries again. */
const EVENT_WAIT_MS = 180_000;

const MAX_CHARS = 1000;

const THROTTLED = new Set([
  'TooManyRequestsException',
  'ThrottlingException',
  'Throttling',
  'LimitExceededException',
  'RequestLimitExceeded',
]);

/** Whoever runs the account has to do something. */
const ACCOUNTS = new Set([
  'AccountSuspendedException',
  'SendingPausedException',
  'MailFromDomainNotVerifiedException',
  'NotFoundException',
]);

export function answerOf(error: SesError): DeliveryResult {
  const { name, status } = error;
  const text = `${name}: ${error.message}`.slice(0, MAX_CHARS);
  // It may have been taken before whatever failed.
  if (status >= 500 || status < 400) return unknownEnd(`SES answered ${status} ${text}`);
  if (THROTTLED.has(name) || status === 429) {
    return { outcome: 'deferred', stage: 'mail', reply: { code: 454, enhanced: '4.7.0', text } };
  }
  if (ACCOUNTS.has(name) || status === 401 || status === 403 || /not verified/i.test(error.message)) {
    return notTakenBy('auth', text);
  }
  if (name === 'MessageRejected') {
    return { outcome: 'refused', stage: 'dot', reply: { code: 554, enhanced: '5.6.0', text } };
  }
  if (name === 'BadRequestException' || status === 413) {
    const enhanced = status === 413 || /length|too (?:large|long)|size/i.test(error.message) ? '5.3.4' : '5.6.0';
    return { outcome: 'refused', stage: 'mail', reply: { code: null, enhanced, text } };
  }
  return notTakenBy('mail', text);
}

export function notTakenBy(stage: Stage, text: string): Extract<DeliveryResult, { outcome: 'not_taken' }> {
  return { outcome: 'not_taken', stage, reply: { code: null, enhanced: null, text: text.slice(0, MAX_CHARS) } };
}

export function unknownEnd(text: string): DeliveryResult {
  return {
    outcome: 'uncertain',
    reply: { code: null, enhanced: null, text: text.slice(0, MAX_CHARS) },
    waitMs: EVENT_WAIT_MS,
  };
}
