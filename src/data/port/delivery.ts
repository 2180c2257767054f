/** The part of the port that only deliveries need: keeping claims, and the mail that stays here instead of leaving. */
import type { Mode } from '../../core/message.ts';
import type { Page } from '../store.ts';

export type ClaimRef = { recipient: number; token: number };

/** One message for one recipient as the next hop would have got it. */
export type CaptureRow = {
  id: string;
  from: string;
  to: string;
  /** Milliseconds on the clock of its space. */
  receivedAt: number;
  /** The whole message, CRLF line ends. */
  raw: Uint8Array;
};

export interface DeliveryWrites {
  /** Puts the end of these claims a minute ahead again. Answers with the recipients whose claim was lost. */
  renew(input: { claims: ClaimRef[] }): Promise<number[]>;
  /** Keeps the mail of a claimed and marked recipient. False, and nothing kept, when the claim was lost. */
  capture(input: ClaimRef & { from: string; to: string; raw: Uint8Array }): Promise<boolean>;
  /** What a simulator address sends back once its mail has arrived (test mode only): false in any other case. */
  simulateReturn(input: { recipient: number; kind: 'complained' | 'replied' }): Promise<boolean>;
}

export interface DeliveryReads {
  /** Captured mail of a space, newest first. `recipient`: the key of an address, or null for all. */
  captures(input: {
    tenantNo: number;
    mode: Mode;
    recipient: string | null;
    limit: number;
    cursor: string | null;
  }): Promise<Page<CaptureRow>>;
  captureById(input: { tenantNo: number; mode: Mode; id: string }): Promise<CaptureRow | null>;
}
