/** A submitted mail as it was read: plain data that goes between threads. */

export type MailAddress = { name: string; address: string };

export type MailFile = {
  filename: string | null;
  /** `type/subtype` in lower case. */
  mimeType: string;
  /** The method of a calendar part (RFC 5546), in capitals. */
  method: string | null;
  /** Without angle brackets. */
  contentId: string | null;
  bytes: Uint8Array;
};

export type Mail = {
  /** How many fields named From there are. */
  fromFields: number;
  from: MailAddress[];
  to: MailAddress[];
  cc: MailAddress[];
  replyTo: MailAddress[];
  subject: string | null;
  text: string | null;
  html: string | null;
  messageId: string | null;
  inReplyTo: string | null;
  references: string | null;
  /** All of them in order, names as written, values unfolded and decoded. */
  headers: [name: string, value: string][];
  files: MailFile[];
};

export type MailReading = { ok: true; mail: Mail } | { ok: false; why: string };

export const MOST_DEPTH = 20;
export const MOST_HEADERS = 1000;
export const MOST_HEADER_BYTES = 262_144;
export const MOST_PARTS = 1000;
/** The parser keeps some 250 octets for each: 25 MiB of empty ones would be gigabytes. A file of that size has 340,000 in base64. */
export const MOST_LINES = 500_000;
