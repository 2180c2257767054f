/**
 * The part of the port about webhooks: endpoints, how far each one has read the event log, and the log of attempts.
 *
 * The event log itself is the queue. An endpoint has a cursor: every event up to it was delivered, or is of a type that it does
 * not want. Beyond it stand the few that were delivered ahead (`done`) and those whose attempts failed (`tries`).
 */

import type { EventType } from '../../core/events.ts';
import type { Mode } from '../../core/message.ts';
import type { EventRow } from './events.ts';
import type { Actor } from './management.ts';
import type { Page, Paging } from './page.ts';
import type { Space } from './space.ts';

export const WEBHOOK_SIGNATURES = ['standard', 't_v1', 'sha256'] as const;
export type WebhookSignature = (typeof WEBHOOK_SIGNATURES)[number];

export const PAUSED_REASONS = ['gone', 'failing', 'dns', 'tls', 'manual'] as const;
export type PausedReason = (typeof PAUSED_REASONS)[number];

/** Events that retention removed before they could be delivered. Times in milliseconds. */
export type WebhookGap = { fromSeq: number; toSeq: number; noticedAt: number };

export type WebhookRow = {
  id: string;
  url: string;
  /** As they were given; none: all. */
  types: string[];
  signature: WebhookSignature;
  concurrency: number;
  description: string | null;
  /** Null: active. */
  pausedReason: PausedReason | null;
  pausedAt: number | null;
  /** What the last attempt came to, where it failed. */
  error: string | null;
  /** When it is probed next, on the space's clock; null: not at all. */
  probeAt: number | null;
  /** Every event up to this number was delivered, or is not wanted. */
  cursor: number;
  newestSeq: number;
  /** When the oldest event beyond the cursor happened; null: there is none. */
  behindSince: number | null;
  gap: WebhookGap | null;
  lastDeliveredAt: number | null;
  nextAttemptAt: number | null;
  /** Until when the secret before this one signs too, on real time. */
  oldSecretUntil: number | null;
  createdAt: number;
  createdBy: string;
};

/** An event that was tried and not delivered. `nextAt` in milliseconds on the space's clock. */
export type WebhookTry = { seq: number; failed: number; nextAt: number };

/** `event`: in its turn; `probe`: whether a paused endpoint is back; `test`: asked for by a person. */
export type AttemptKind = 'event' | 'probe' | 'test';

export type WebhookAttempt = {
  kind: AttemptKind;
  eventId: string;
  seq: number;
  type: EventType;
  /** From 1, of this event. */
  attempt: number;
  isDelivered: boolean;
  /** Null: no answer. */
  status: number | null;
  /** Why not, in words. */
  error: string | null;
  /** The beginning of the answer's body. */
  excerpt: string;
  /** On real time. */
  at: number;
  durationMs: number;
  nextAttemptAt: number | null;
};

export type WebhookAttemptRow = WebhookAttempt & { no: number };

/** What a delivery needs of an endpoint. */
export type WebhookTarget = {
  no: number;
  id: string;
  tenantNo: number;
  tenantId: string;
  mode: Mode;
  locale: string | null;
  url: string;
  signature: WebhookSignature;
  /** Sealed in the context `webhook/<id>`; the current one first. */
  sealed: Uint8Array[];
};

export type WebhookWork = WebhookTarget & {
  concurrency: number;
  pausedReason: PausedReason | null;
  pausedAt: number | null;
  probeAt: number | null;
  /** Changes with everything that makes what is under way invalid. */
  generation: number;
  cursor: number;
  done: number[];
  tries: WebhookTry[];
  /** Since when it could be tried, on the space's clock. */
  readyAt: number;
  /** The space's time, and whether it stands still. */
  now: number;
  isFrozen: boolean;
  /** In order, those in `done` left out. */
  events: EventRow[];
  /** Up to here everything that is wanted was given. */
  lastSeq: number;
  newestSeq: number;
  /** Events that are gone and were never delivered. */
  lost: { fromSeq: number; toSeq: number } | null;
};

/** What became of attempts, in one write. */
export type WebhookProgress = {
  no: number;
  generation: number;
  cursor: number;
  done: number[];
  tries: WebhookTry[];
  attempts: WebhookAttempt[];
  /** Pauses it. `at` on the space's clock. */
  pause: { reason: PausedReason; error: string; at: number; probeAt: number | null; seq: number } | null;
  /** A probe was answered. */
  resumes: boolean;
  /** Of one that stays paused. */
  probeAt: number | null;
  lost: { fromSeq: number; toSeq: number } | null;
};

export type NewWebhook = {
  id: string;
  url: string;
  types: string[];
  signature: WebhookSignature;
  concurrency: number;
  description: string | null;
  sealed: Uint8Array;
};

export type WebhookChange = Partial<Pick<WebhookRow, 'url' | 'types' | 'signature' | 'concurrency' | 'description'>>;

type Named = Space & { id: string };

export interface WebhooksWrites {
  /** It begins with the next event. `full`: there are as many as there may be. */
  createWebhook(
    input: Space & NewWebhook & { actor: Actor },
  ): Promise<{ outcome: 'done'; webhook: WebhookRow } | { outcome: 'full' }>;
  changeWebhook(input: Named & { change: WebhookChange; actor: Actor }): Promise<WebhookRow | null>;
  deleteWebhook(input: Named & { actor: Actor }): Promise<WebhookRow | null>;
  /** Goes on from the first event that was not delivered, failures forgotten. */
  enableWebhook(input: Named & { actor: Actor }): Promise<WebhookRow | null>;
  /** Pauses it until it is enabled. */
  disableWebhook(input: Named & { actor: Actor }): Promise<WebhookRow | null>;
  /** The secret before it signs beside the new one until `until`, on real time. */
  rotateWebhookSecret(input: Named & { sealed: Uint8Array; until: number; actor: Actor }): Promise<WebhookRow | null>;
  /** Every event from this number on is delivered again. */
  replayWebhook(
    input: Named & { fromSeq: number; actor: Actor },
  ): Promise<
    | { outcome: 'done'; webhook: WebhookRow }
    | { outcome: 'expired'; oldestSeq: number; oldestAt: number | null }
    | { outcome: 'ahead'; newestSeq: number }
    | null
  >;
  /** Puts `webhook.test` into the log. It is not delivered to this endpoint in its turn: the caller does so at once. */
  beginWebhookTest(input: Named & { actor: Actor }): Promise<{ target: WebhookTarget; event: EventRow } | null>;
  noteWebhookTest(input: { no: number; attempt: WebhookAttempt }): Promise<null>;
  /** False: the endpoint is gone or was changed meanwhile; only the log of attempts was written. */
  progressWebhook(input: WebhookProgress): Promise<boolean>;
}

export interface WebhooksReads {
  /** Newest first. */
  webhooks(input: Space & Paging): Promise<Page<WebhookRow>>;
  webhook(input: Named): Promise<WebhookRow | null>;
  /** Attempts, newest first; null: there is no such endpoint. */
  webhookAttempts(input: Named & Paging & { isDelivered: boolean | null }): Promise<Page<WebhookAttemptRow> | null>;
  /** Every endpoint of every tenant, by number. */
  allWebhooks(input: { after: number; limit: number }): Promise<({ no: number; id: string } & Space)[]>;
  /** What there is to deliver: events beyond the cursor, and beyond `skippedTo` where its generation is still the same. */
  webhookWork(input: {
    id: string;
    limit: number;
    skipped: { generation: number; seq: number } | null;
  }): Promise<WebhookWork | null>;
  webhookFigures(input: null): Promise<{ active: number; paused: number; behind: number; mostBehind: number }>;
}
