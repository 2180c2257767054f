/**
 * States of a recipient and the transitions between them. Every stored change goes through `canMove`.
 */

export const RECIPIENT_STATES = [
  'accepted',
  'scheduled',
  'held',
  'blocked',
  'sending',
  'sent',
  'delivered',
  'deferred',
  'bounced',
  'failed',
  'cancelled',
  'expired',
  'uncertain',
] as const;
export type RecipientState = (typeof RECIPIENT_STATES)[number];

const MOVES: Record<RecipientState, readonly RecipientState[]> = {
  accepted: ['sending', 'cancelled', 'expired', 'blocked', 'held', 'scheduled', 'failed'],
  scheduled: ['sending', 'cancelled', 'expired', 'blocked', 'held', 'scheduled', 'failed'],
  held: ['accepted', 'scheduled', 'cancelled', 'blocked', 'expired'],
  blocked: [],
  // Back to where it was when a worker stops before it tried.
  sending: [
    'accepted',
    'scheduled',
    'sent',
    'delivered',
    'deferred',
    'bounced',
    'failed',
    'uncertain',
    'blocked',
    'cancelled',
    'expired',
    'held',
  ],
  sent: ['delivered', 'bounced'],
  delivered: ['bounced'],
  deferred: ['sending', 'cancelled', 'expired', 'blocked', 'held', 'failed'],
  bounced: [],
  failed: [],
  cancelled: [],
  expired: [],
  uncertain: ['sending', 'sent', 'delivered', 'bounced', 'failed', 'cancelled', 'expired', 'blocked', 'held'],
};

export function canMove(from: RecipientState, to: RecipientState): boolean {
  return MOVES[from].includes(to);
}

/** Recipients in these states have not left: they can be cancelled or moved to another time. */
export const NOT_LEFT: ReadonlySet<RecipientState> = new Set(['accepted', 'scheduled', 'held', 'deferred']);

export const stateNumber = (state: RecipientState): number => RECIPIENT_STATES.indexOf(state);

/** The one word for a message whose recipients may differ. */
export function messageStatus(states: readonly RecipientState[]): RecipientState | 'partial' {
  const first = states[0] ?? 'blocked';
  return states.every((state) => state === first) ? first : 'partial';
}
