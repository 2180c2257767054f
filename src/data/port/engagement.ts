/** The part of the port about openings and clicks. */
import type { Space } from './space.ts';

const ENGAGEMENT_KINDS = ['opened', 'clicked'] as const;
export type EngagementKind = (typeof ENGAGEMENT_KINDS)[number];

export type EngagementInput = {
  tenantNo: number;
  recipientId: string;
  kind: EngagementKind;
  /** When it happened, in milliseconds; null: now. */
  at: number | null;
  /** What told that it was a machine; null: nothing did so far. */
  machine: string | null;
  /** Whose proxy it came through, or null. */
  proxy: string | null;
  /** Of a click: where the link leads. */
  url: string | null;
  channel: 'link' | 'ses';
};

/** `known`: not the first of its kind, and only counted. */
export type EngagementAnswer = { outcome: 'applied' | 'known' | 'not_found' };

/** What is known of one recipient. Counts stop at `MOST_COUNTED`. */
export type EngagementRow = {
  recipientId: string;
  email: string;
  opened: number;
  openedByMachines: number;
  clicked: number;
  clickedByMachines: number;
  firstOpenedAt: number | null;
  firstClickedAt: number | null;
  lastAt: number;
};

export const MOST_COUNTED = 1000;

export interface EngagementWrites {
  noteEngagement(input: EngagementInput): Promise<EngagementAnswer>;
}

export interface EngagementReads {
  /** Of the recipients of one message of which anything is known; null: no such message. */
  engagement(input: Space & { messageId: string }): Promise<EngagementRow[] | null>;
}
