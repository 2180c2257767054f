/** Reads about webhooks: endpoints, their attempts, and what there is to deliver. */
import type { DatabaseSync } from 'node:sqlite';
import { eventNumber } from '../../core/events.ts';
import type { PausedReason, WebhooksReads, WebhookWork } from '../port/webhooks.ts';
import type { EventRow } from '../store.ts';
import type { ReadCalls } from './calls.ts';
import { prepared } from './database.ts';
import { eventsFrom, logEnds } from './event-log.ts';
import { eventOf } from './event-rows.ts';
import { below, pageOf } from './paging.ts';
import { frozenIn } from './space-clock.ts';
import { modeOf, spaceOf, tenantNoOf } from './spaces.ts';
import { attemptOf, doneOf, targetOf, triesOf, typesOf, webhookOf, webhookRow } from './webhook-rows.ts';

/** Rows of the log that one read looks at, so that no filter keeps the reader from others. */
const MOST_LOOKED_AT = 10_000;

export const WEBHOOKS_READS: ReadCalls<WebhooksReads> = {
  webhooks(db, { tenantNo, mode, limit, cursor }) {
    const rows = prepared(db, 'SELECT * FROM webhook WHERE space = ? AND no < ? ORDER BY no DESC LIMIT ?').all(
      spaceOf(tenantNo, mode),
      below(cursor),
      limit + 1,
    );
    const page = pageOf(rows, limit, (row) => String(row['no']));
    return { rows: page.rows.map((row) => webhookOf(db, row)), next: page.next };
  },

  webhook(db, { tenantNo, mode, id }) {
    const row = webhookRow(db, spaceOf(tenantNo, mode), id);
    return row === undefined ? null : webhookOf(db, row);
  },

  webhookAttempts(db, { tenantNo, mode, id, limit, cursor, isDelivered }) {
    const row = webhookRow(db, spaceOf(tenantNo, mode), id);
    if (row === undefined) return null;
    // Both rings together are a few hundred rows.
    const rows = prepared(
      db,
      `SELECT * FROM webhook_attempt WHERE webhook = ?1 AND no < ?2 AND delivered = coalesce(?3, delivered)
       ORDER BY no DESC LIMIT ?4`,
    ).all(Number(row['no']), below(cursor), isDelivered === null ? null : Number(isDelivered), limit + 1);
    const page = pageOf(rows, limit, (one) => String(one['no']));
    return { rows: page.rows.map(attemptOf), next: page.next };
  },

  allWebhooks(db, { after, limit }) {
    const rows = prepared(db, 'SELECT no, id, space FROM webhook WHERE no > ? ORDER BY no LIMIT ?').all(after, limit);
    return rows.map((row) => {
      const space = Number(row['space']);
      return { no: Number(row['no']), id: row['id'] as string, tenantNo: tenantNoOf(space), mode: modeOf(space) };
    });
  },

  webhookWork,

  webhookFigures(db) {
    const row = prepared(
      db,
      `SELECT sum(paused_reason IS NULL) AS active, sum(paused_reason IS NOT NULL) AS paused,
         sum(max(h.seq - w.cursor, 0)) AS behind, max(max(h.seq - w.cursor, 0)) AS most
       FROM webhook w LEFT JOIN event_head h ON h.space = w.space`,
    ).get()!;
    const { active, paused, behind, most } = row as Record<string, number | null>;
    return { active: active ?? 0, paused: paused ?? 0, behind: behind ?? 0, mostBehind: most ?? 0 };
  },
};

function webhookWork(db: DatabaseSync, input: Parameters<WebhooksReads['webhookWork']>[0]): WebhookWork | null {
  const row = prepared(db, 'SELECT * FROM webhook WHERE id = ?').get(input.id);
  if (row === undefined) return null;
  const space = Number(row['space']);
  const frozenAt = frozenIn(db, space);
  const generation = Number(row['generation']);
  const stored = Number(row['cursor']);
  const { newest, oldest, isEmptied } = logEnds(db, space);
  const isSkipping = input.skipped?.generation === generation;
  const cursor = Math.max(stored, isSkipping ? input.skipped!.seq : 0);
  const done = doneOf(row);
  const isLost = !isEmptied && cursor + 1 < oldest;
  const { events, lastSeq } = eventsBeyond(db, space, {
    after: Math.max(cursor, oldest - 1),
    newest,
    types: typesOf(row)?.map(eventNumber) ?? null,
    done: new Set(done),
    limit: input.limit,
  });
  return {
    ...targetOf(db, row, Date.now()),
    concurrency: Number(row['concurrency']),
    pausedReason: row['paused_reason'] as PausedReason | null,
    pausedAt: row['paused_at'] as number | null,
    probeAt: row['probe_at'] as number | null,
    generation,
    cursor,
    done,
    tries: triesOf(row),
    readyAt: Number(row['ready_at']),
    now: frozenAt ?? Date.now(),
    isFrozen: frozenAt !== null,
    events,
    lastSeq,
    newestSeq: newest,
    lost: isLost ? { fromSeq: cursor + 1, toSeq: oldest - 1 } : null,
  };
}

function eventsBeyond(
  db: DatabaseSync,
  space: number,
  wanted: { after: number; newest: number; types: number[] | null; done: ReadonlySet<number>; limit: number },
): { events: EventRow[]; lastSeq: number } {
  const { after, newest, types, done } = wanted;
  if (after >= newest) return { events: [], lastSeq: after };
  const until = Math.min(newest, after + MOST_LOOKED_AT);
  // Those that were delivered ahead stand among the next ones.
  const limit = wanted.limit + done.size;
  const rows = eventsFrom(db, space, { first: after + 1, last: until, types, limit });
  const lastSeq = rows.length === limit ? rows.at(-1)!.seq : until;
  return { events: rows.filter(({ seq }) => !done.has(seq)).map((one) => eventOf(db, one)), lastSeq };
}
