/** Types of events, in a fixed order: their numbers are stored, so new ones are only added at the end. */
export const EVENT_TYPES = [
  'message.accepted',
  'message.scheduled',
  'message.held',
  'message.blocked',
  'message.sent',
  'message.delivered',
  'message.deferred',
  'message.bounced',
  'message.complained',
  'message.replied',
  'message.auto_replied',
  'message.failed',
  'message.cancelled',
  'message.expired',
  'message.uncertain',
  'message.opened',
  'message.clicked',
  'message.unsubscribed',
  'account.risk_elevated',
  'account.quarantined',
  'account.quarantine_released',
  'account.paused',
  'account.resumed',
  'limit.approaching',
  'limit.reached',
  'suppression.created',
  'suppression.removed',
  'identity.created',
  'identity.updated',
  'identity.suspended',
  'mailbox.health_changed',
  'mailbox.paused',
  'approval.requested',
  'approval.decided',
  'approval.expired',
  'lease.acquired',
  'lease.released',
  'lease.expired',
  'webhook.paused',
  'webhook.resumed',
  'webhook.test',
  'policy.changed',
  'identity.deleted',
  'account.quarantine_appealed',
  'account.quarantine_upheld',
  'account.probation_ended',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

const NUMBERS: ReadonlyMap<string, number> = new Map(EVENT_TYPES.map((type, i) => [type, i]));

export function eventNumber(type: EventType): number {
  return NUMBERS.get(type)!;
}

export function isEventType(text: string): text is EventType {
  return NUMBERS.has(text);
}
