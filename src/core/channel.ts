/**
 * Text messages beside mail. A telephone number has the form of an address at a domain that exists nowhere (RFC 2606 §2), so that
 * it is decided on, counted, suppressed and looked up as an address is, under keys of its own; no carrier is ever given it.
 */

export type Channel = 'email' | 'sms';

/** Where numbers have their addresses. Mail to it is refused. */
export const SMS_DOMAIN = 'sms.postern.invalid';

/** Whom text messages come from. */
export const SMS_SENDER = `sms@${SMS_DOMAIN}`;

/** E.164: a plus sign and up to fifteen digits, of which the first is no zero. */
const NUMBER = /^\+[1-9][0-9]{5,14}$/;

/** The address of a telephone number in E.164 form; null where the text is none. */
export function addressOfNumber(number: string): string | null {
  return NUMBER.test(number) ? `${number}@${SMS_DOMAIN}` : null;
}

export function channelOf(domain: string): Channel {
  return domain === SMS_DOMAIN ? 'sms' : 'email';
}

export function channelOfAddress(email: string): Channel {
  return email.length > SMS_DOMAIN.length && email.endsWith(`@${SMS_DOMAIN}`) ? 'sms' : 'email';
}
