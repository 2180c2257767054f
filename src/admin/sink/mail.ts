/** Captured mail as it is read for people: plain data that goes between threads. */

export type MailPart = {
  filename: string | null;
  contentType: string;
  /** Octets, decoded. */
  size: number;
  /** Content-ID without angle brackets, or null. */
  contentId: string | null;
};

export type ReadMail = {
  subject: string | null;
  /** As written in the message, decoded. */
  from: { name: string; address: string } | null;
  text: string | null;
  html: string | null;
  /** In order, names as written, values unfolded. */
  headers: [name: string, value: string][];
  attachments: MailPart[];
  /** Why some or all of it is missing, or null. */
  incomplete: 'too_long' | 'unreadable' | null;
};

export const UNREADABLE: ReadMail = {
  subject: null,
  from: null,
  text: null,
  html: null,
  headers: [],
  attachments: [],
  incomplete: 'unreadable',
};

/** Characters of text, and of HTML, that are read. */
export const MOST_BODY_LENGTH = 262_144;
export const MOST_HEADERS = 1000;
export const MOST_PARTS = 1000;
