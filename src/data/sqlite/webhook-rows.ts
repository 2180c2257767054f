/** Rows of endpoints as the port shows them. */
import type { DatabaseSync } from 'node:sqlite';
import { EVENT_TYPES, type EventType } from '../../core/events.ts';
import type {
  AttemptKind,
  PausedReason,
  WebhookAttemptRow,
  WebhookRow,
  WebhookSignature,
  WebhookTarget,
  WebhookTry,
} from '../port/webhooks.ts';
import { prepared } from './database.ts';
import { eventsFrom, logEnds } from './event-log.ts';
import type { Row } from './rows.ts';
import { modeOf, tenantNoOf } from './spaces.ts';

export function webhookRow(db: DatabaseSync, space: number, id: string): Row | undefined {
  return prepared(db, 'SELECT * FROM webhook WHERE space = ? AND id = ?').get(space, id);
}

export function webhookOf(db: DatabaseSync, row: Row): WebhookRow {
  const space = Number(row['space']);
  const cursor = Number(row['cursor']);
  const { newest } = logEnds(db, space);
  const [oldestWaiting] = eventsFrom(db, space, { first: cursor + 1, last: newest, limit: 1 });
  const tries = triesOf(row);
  const gapFrom = row['gap_from'] as number | null;
  const pausedReason = row['paused_reason'] as PausedReason | null;
  const probeAt = row['probe_at'] as number | null;
  return {
    id: row['id'] as string,
    url: row['url'] as string,
    types: JSON.parse(row['types'] as string) as string[],
    signature: row['signature'] as WebhookSignature,
    concurrency: row['concurrency'] as number,
    description: row['description'] as string | null,
    pausedReason,
    pausedAt: row['paused_at'] as number | null,
    error: row['error'] as string | null,
    probeAt,
    cursor,
    newestSeq: newest,
    behindSince: oldestWaiting?.at ?? null,
    gap: gapFrom === null ? null : { fromSeq: gapFrom, toSeq: Number(row['gap_to']), noticedAt: Number(row['gap_at']) },
    lastDeliveredAt: row['delivered_at'] as number | null,
    nextAttemptAt:
      pausedReason !== null ? probeAt : tries.length === 0 ? null : Math.min(...tries.map(({ nextAt }) => nextAt)),
    oldSecretUntil: row['old_until'] as number | null,
    createdAt: row['created_at'] as number,
    createdBy: row['created_by'] as string,
  };
}

export function triesOf(row: Row): WebhookTry[] {
  return JSON.parse(row['tries'] as string) as WebhookTry[];
}

export function doneOf(row: Row): number[] {
  return JSON.parse(row['done'] as string) as number[];
}

/** `realNow`: whether the secret before the current one still signs. */
export function targetOf(db: DatabaseSync, row: Row, realNow: number): WebhookTarget {
  const space = Number(row['space']);
  const tenantNo = tenantNoOf(space);
  const tenant = prepared(db, 'SELECT id, locale FROM tenant WHERE no = ?').get(tenantNo)!;
  const old = row['old_sealed'] as Uint8Array | null;
  const isOldInForce = old !== null && Number(row['old_until']) > realNow;
  return {
    no: Number(row['no']),
    id: row['id'] as string,
    tenantNo,
    tenantId: tenant['id'] as string,
    mode: modeOf(space),
    locale: tenant['locale'] as string | null,
    url: row['url'] as string,
    signature: row['signature'] as WebhookSignature,
    sealed: isOldInForce ? [row['sealed'] as Uint8Array, old] : [row['sealed'] as Uint8Array],
  };
}

/** The types that are wanted; null: all. A name may end in `*`. */
export function typesOf(row: Row): EventType[] | null {
  const names = JSON.parse(row['types'] as string) as string[];
  if (names.length === 0) return null;
  return EVENT_TYPES.filter((type) =>
    names.some((name) => (name.endsWith('*') ? type.startsWith(name.slice(0, -1)) : name === type)),
  );
}

export function attemptOf(row: Row): WebhookAttemptRow {
  return {
    no: row['no'] as number,
    kind: row['kind'] as AttemptKind,
    eventId: row['event'] as string,
    seq: row['seq'] as number,
    type: EVENT_TYPES[row['type'] as number]!,
    attempt: row['attempt'] as number,
    isDelivered: row['delivered'] === 1,
    status: row['status'] as number | null,
    error: row['error'] as string | null,
    excerpt: row['excerpt'] as string,
    at: row['at'] as number,
    durationMs: row['duration'] as number,
    nextAttemptAt: row['next_at'] as number | null,
  };
}
