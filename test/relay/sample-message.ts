import { createHash } from 'node:crypto';
import type { OutgoingMessage } from '../../src/relay/compose.ts';

/** A plain message with whatever a test is about in place of its usual value. */
export function sampleMessage(change: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    from: { email: 'alice@acme.example', name: 'Alice' },
    to: [{ email: 'bob@example.com', name: null }],
    cc: [],
    replyTo: [],
    subject: 'Your quote',
    text: 'Hello Bob',
    html: null,
    attachments: [],
    headers: [],
    messageId: `<${createHash('sha256').update('sample').digest('hex').slice(0, 48)}@acme.example>`,
    date: Date.UTC(2026, 11, 1, 9, 0, 0),
    inReplyTo: null,
    references: [],
    ...change,
  };
}

/** Field names in order, lower case, read from the octets by nothing but RFC 5322 §2.2. */
export function fieldNames(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes).toString('latin1');
  return text
    .slice(0, text.indexOf('\r\n\r\n'))
    .split('\r\n')
    .filter((line) => !/^[ \t]/.test(line))
    .map((line) => line.slice(0, line.indexOf(':')).toLowerCase());
}
