/** How an account stands: what a tenant and its senders may do at all. */
export const STANDINGS = [
  'active',
  'trial',
  'trial_not_activated',
  'trial_expired',
  'subscription_expired',
  'payment_overdue',
  'paused',
  'suspended',
] as const;
export type Standing = (typeof STANDINGS)[number];

export const SETTERS = ['tenant', 'operator', 'incident'] as const;
/** Who set a standing: it decides who can clear it. */
export type Setter = (typeof SETTERS)[number];

export const IDENTITY_STATES = ['active', 'provisioning', 'inactive', 'suspended'] as const;
export type IdentityState = (typeof IDENTITY_STATES)[number];

export type AccountFacts = {
  standing: Standing;
  standingBy: Setter;
  standingSince: number;
  /** When a trial ends, or null. */
  trialEndsAt: number | null;
  /** Credits left, or null where billing does not count them. */
  credits: number | null;
  storageUsed: number;
  /** Null: no limit. */
  storageLimit: number | null;
  /** When enough stored content expires, or null. */
  storageFreesAt: number | null;
};
