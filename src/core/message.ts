/**
 * The canonical submission: what every door (HTTP, SMTP, MCP, a face) turns its request into before anything is decided.
 * Plain data, no behaviour. Times are milliseconds since the Unix epoch.
 */

export type Mode = 'live' | 'test';

export type MessageKind = 'transactional' | 'marketing';

/** One e-mail address (RFC 5321 §4.1.2 Mailbox, RFC 6531 for UTF-8). */
export type Address = {
  /** As the caller wrote it; this is what goes on the wire. */
  email: string;
  /** Display name, or null. */
  name: string | null;
  /** The one key of this address for suppressions and counters: local part NFC and lower case, domain as lower-case A-label. */
  key: string;
  /** The domain as lower-case A-label (RFC 5890 §2.3.2.1). */
  domain: string;
  /** Present where a label of the domain mixes scripts beyond "highly restrictive" (UTS 39 §5.2): no recipient for us. */
  isMixedScript?: true;
};

/** An attachment whose bytes already lie in the blob store. */
export type Attachment = {
  filename: string;
  contentType: string;
  /** Content-ID without angle brackets, or null. */
  contentId: string | null;
  /** SHA-256 of the bytes, lower-case hex: its name in the blob store. */
  sha256: string;
  /** Length in octets. */
  size: number;
};

export type TemplateRef = { id: string; version: number | null; data: Record<string, unknown> };

export type Submission = {
  from: Address | null;
  to: Address[];
  cc: Address[];
  bcc: Address[];
  /** What To and Cc show, where that is not who gets it: mail that was written before its envelope. Absent: `to` and `cc`. */
  shown?: { to: Address[]; cc: Address[] };
  replyTo: Address[];
  subject: string;
  text: string | null;
  html: string | null;
  template: TemplateRef | null;
  attachments: Attachment[];
  /** Custom headers in the order given. */
  headers: [name: string, value: string][];
  tags: string[];
  metadata: [key: string, value: string][];
  kind: MessageKind;
  identity: string | null;
  threadId: string | null;
  inReplyTo: string | null;
  references: string[];
  agent: string | null;
  leaseToken: string | null;
  purpose: string | null;
  dedupeKey: string | null;
  onDuplicate: 'replay' | 'block';
  sendAt: number | null;
  onLimit: 'reject' | 'defer';
  expiresAt: number | null;
};
