/** The part of the port that only deliveries need: keeping claims, and the mail that stays here instead of leaving. */

export type ClaimRef = { recipient: number; token: number };

export interface DeliveryWrites {
  /** Puts the end of these claims a minute ahead again. Answers with the recipients whose claim was lost. */
  renew(input: { claims: ClaimRef[] }): Promise<number[]>;
  /** Keeps the mail of a claimed and marked recipient. False, and nothing kept, when the claim was lost. */
  capture(input: ClaimRef & { from: string; to: string; raw: Uint8Array }): Promise<boolean>;
  /** What a simulator address sends back once its mail has arrived (test mode only): false in any other case. */
  simulateReturn(input: { recipient: number; kind: 'complained' | 'replied' }): Promise<boolean>;
}
