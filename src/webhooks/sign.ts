/**
 * The headers by which a receiver knows that an event is ours.
 *
 * `standard`: Standard Webhooks 1.0, one signature for each secret in force. `t_v1` and `sha256` are the forms that verifiers of other
 * systems read; they know one signature only, so there the current secret alone signs. The key is the decoded secret in `standard`, and
 * the secret's text in the other two, as their verifiers have it.
 */
import { createHmac } from 'node:crypto';
import { signHook } from '../base/hook-signature.ts';
import { decodeTypeId } from '../base/ids.ts';
import type { EventType } from '../core/events.ts';
import type { WebhookSignature } from '../data/port/webhooks.ts';

export type Signed = {
  eventId: string;
  type: EventType;
  /** From 1. */
  attempt: number;
  body: Uint8Array;
  /** Milliseconds of real time. */
  now: number;
};

/** @param secrets as they were shown (`whsec_…`), the current one first. */
export function signedHeaders(
  style: WebhookSignature,
  secrets: readonly string[],
  signed: Signed,
): Record<string, string> {
  return STYLES[style](secrets, signed);
}

const STYLES: Record<WebhookSignature, (secrets: readonly string[], signed: Signed) => Record<string, string>> = {
  standard(secrets, { eventId, body, now }) {
    const timestamp = secondsOf(now);
    return {
      'webhook-id': eventId,
      'webhook-timestamp': timestamp,
      'webhook-signature': secrets.map((secret) => signHook(secret, eventId, timestamp, body)).join(' '),
    };
  },
  t_v1([secret = ''], { eventId, type, body, now }) {
    const timestamp = secondsOf(now);
    const mac = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
    return {
      'X-Inboxbase-Event-Type': type,
      'X-Inboxbase-Event-Id': eventId,
      'X-Inboxbase-Signature': `t=${timestamp},v1=${mac}`,
    };
  },
  sha256([secret = ''], { eventId, type, attempt, body }) {
    const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
    return {
      'X-Molted-Signature': signature,
      'X-Molted-Event': type,
      'X-Molted-Delivery': uuidOf(eventId),
      'X-Sendmux-Signature': signature,
      'X-Sendmux-Event-Id': eventId,
      'X-Sendmux-Event-Type': type,
      'X-Sendmux-Delivery-Attempt': String(attempt),
    };
  },
};

function secondsOf(ms: number): string {
  return String(Math.floor(ms / 1000));
}

function uuidOf(eventId: string): string {
  const bytes = decodeTypeId('evt', eventId);
  if (bytes === null) throw new RangeError(`"${eventId}" is no id of an event`);
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
