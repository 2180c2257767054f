/** Why an address or a domain gets no mail. */
export const SUPPRESSION_REASONS = [
  'complaint',
  'hard_bounce',
  'manual_dnc',
  'legal_request',
  'role_account',
  'unsubscribe',
] as const;
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];

export type SuppressionFact = {
  id: string;
  reason: SuppressionReason;
  domain: boolean;
  since: number;
  expiresAt: number | null;
};
