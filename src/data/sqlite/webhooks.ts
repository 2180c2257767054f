/**
 * Webhooks: endpoints as people change them, and how far deliveries have come.
 *
 * What holds: a cursor moves in the write that logs the attempt, and only while nothing has changed the endpoint since the
 * attempt began (`generation`), so that a replay or a pause is never overtaken by an answer that comes late. A pause and a resumption
 * are told by an event, an audit row and, where nobody asked for it, a notice to people, all in the same transaction.
 */
import { eventNumber } from '../../core/events.ts';
import type { Actor } from '../port/management.ts';
import type { PausedReason, WebhookAttempt, WebhookProgress, WebhookRow, WebhooksWrites } from '../port/webhooks.ts';
import type { Space as SpaceName } from '../store.ts';
import { audit, by } from './audit.ts';
import type { WriteCalls } from './calls.ts';
import { prepared } from './database.ts';
import { logEnds, oldestAt } from './event-log.ts';
import { eventId } from './event-rows.ts';
import { notify } from './notices.ts';
import type { Row } from './rows.ts';
import { modeOf, type Space, spaceOf, tenantNoOf } from './spaces.ts';
import { doneOf, targetOf, webhookOf, webhookRow } from './webhook-rows.ts';
import type { WriterState } from './writer-state.ts';

const MOST_WEBHOOKS = 100;
/** Attempts that are kept of an endpoint: failures and deliveries each in a ring of their own. */
const KEPT_FAILED = 200;
const KEPT_DELIVERED = 200;
/** Of those that were delivered ahead; what is forgotten is delivered again. */
const MOST_DONE = 500;
const ERROR_LENGTH = 500;
/** Who acts where nobody does. */
const ITSELF = { actor: 'webhook delivery' };

type Named = SpaceName & { id: string };

export const WEBHOOK_WRITES: WriteCalls<WebhooksWrites> = {
  createWebhook(state, input) {
    const { db } = state;
    const space = state.spaces.get(spaceOf(input.tenantNo, input.mode));
    const { n } = prepared(db, 'SELECT count(*) AS n FROM webhook WHERE space = ?').get(space.no) as { n: number };
    if (n >= MOST_WEBHOOKS) return { outcome: 'full' };
    prepared(
      db,
      `INSERT INTO webhook (id, space, url, types, signature, concurrency, description, sealed, cursor, ready_at, created_at, created_by)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      input.id,
      space.no,
      input.url,
      JSON.stringify(input.types),
      input.signature,
      input.concurrency,
      input.description,
      input.sealed,
      space.seq,
      space.now(state.realNow),
      state.realNow,
      input.actor.name,
    );
    const { url, types, signature, concurrency } = input;
    note(state, input, 'webhook.created', { after: { url, types, signature, concurrency } });
    return { outcome: 'done', webhook: shown(state, input)! };
  },

  changeWebhook(state, { change, ...input }) {
    const row = rowOf(state, input);
    if (row === undefined) return null;
    const before = webhookOf(state.db, row);
    const after = { ...before, ...change };
    prepared(
      state.db,
      `UPDATE webhook SET url = ?, types = ?, signature = ?, concurrency = ?, description = ?, tries = iif(url = ?1, tries, '[]'),
         generation = generation + 1 WHERE no = ?`,
    ).run(
      after.url,
      JSON.stringify(after.types),
      after.signature,
      after.concurrency,
      after.description,
      Number(row['no']),
    );
    note(state, input, 'webhook.changed', { before: changedOf(before, change), after: change });
    return shown(state, input);
  },

  deleteWebhook(state, input) {
    const row = rowOf(state, input);
    if (row === undefined) return null;
    const gone = webhookOf(state.db, row);
    prepared(state.db, 'DELETE FROM webhook_attempt WHERE webhook = ?').run(Number(row['no']));
    prepared(state.db, 'DELETE FROM webhook WHERE no = ?').run(Number(row['no']));
    note(state, input, 'webhook.deleted', { before: { url: gone.url } });
    return gone;
  },

  enableWebhook(state, input) {
    const row = rowOf(state, input);
    if (row === undefined) return null;
    const reason = row['paused_reason'] as PausedReason | null;
    resume(state, row);
    if (reason !== null) {
      note(state, input, 'webhook.enabled', { before: { paused_reason: reason } });
      tellResumed(state, row, input.actor.name);
    }
    return shown(state, input);
  },

  disableWebhook(state, input) {
    const row = rowOf(state, input);
    if (row === undefined) return null;
    const before = row['paused_reason'] as PausedReason | null;
    if (before === 'manual') return shown(state, input);
    const space = state.spaces.get(Number(row['space']));
    const at = space.now(state.realNow);
    pause(state, Number(row['no']), { reason: 'manual', at, probeAt: null, error: null });
    note(state, input, 'webhook.disabled', { before: { paused_reason: before } });
    tellPaused(state, space, row, { reason: 'manual', error: null, seq: Number(row['cursor']) + 1 });
    return shown(state, input);
  },

  rotateWebhookSecret(state, { sealed, until, ...input }) {
    const row = rowOf(state, input);
    if (row === undefined) return null;
    prepared(
      state.db,
      'UPDATE webhook SET old_sealed = sealed, old_until = ?, sealed = ?, generation = generation + 1 WHERE no = ?',
    ).run(until, sealed, Number(row['no']));
    note(state, input, 'webhook.secret_rotated', { after: { old_until: until } });
    return shown(state, input);
  },

  replayWebhook(state, { fromSeq, ...input }) {
    const row = rowOf(state, input);
    if (row === undefined) return null;
    state.flushRows();
    const ends = logEnds(state.db, Number(row['space']));
    if (fromSeq > ends.newest) return { outcome: 'ahead', newestSeq: ends.newest };
    if (fromSeq < ends.oldest && !ends.isEmptied) {
      return { outcome: 'expired', oldestSeq: ends.oldest, oldestAt: oldestAt(state.db, ends) };
    }
    prepared(
      state.db,
      `UPDATE webhook SET cursor = ?, done = '[]', tries = '[]', ready_at = ?, generation = generation + 1 WHERE no = ?`,
    ).run(fromSeq - 1, state.spaces.get(Number(row['space'])).now(state.realNow), Number(row['no']));
    note(state, input, 'webhook.replayed', { before: { cursor: row['cursor'] }, after: { from_seq: fromSeq } });
    return { outcome: 'done', webhook: shown(state, input)! };
  },

  beginWebhookTest(state, input) {
    const row = rowOf(state, input);
    if (row === undefined) return null;
    const space = state.spaces.get(Number(row['space']));
    const at = space.now(state.realNow);
    const data = { webhook_id: input.id, url: row['url'] as string, requested_by: input.actor.name };
    state.emit(space, 'webhook.test', at, null, data);
    const { seq } = space;
    prepared(state.db, 'UPDATE webhook SET done = ? WHERE no = ?').run(
      JSON.stringify([...doneOf(row), seq].slice(-MOST_DONE)),
      Number(row['no']),
    );
    note(state, input, 'webhook.tested', {});
    const event = { id: eventId(space.no, seq, at), seq, type: 'webhook.test' as const, createdAt: at, data };
    return { target: targetOf(state.db, row, state.realNow), event };
  },

  noteWebhookTest(state, { no, attempt }) {
    if (prepared(state.db, 'SELECT 1 FROM webhook WHERE no = ?').get(no) !== undefined) log(state, no, [attempt]);
    return null;
  },

  progressWebhook(state, input) {
    const row = prepared(state.db, 'SELECT * FROM webhook WHERE no = ?').get(input.no);
    if (row === undefined) return false;
    log(state, input.no, input.attempts);
    if (Number(row['generation']) !== input.generation) return false;
    keepPlace(state, row, input);
    const { pause: pausing, lost } = input;
    if (lost !== null) {
      prepared(
        state.db,
        'UPDATE webhook SET gap_from = iif(gap_to = ?1 - 1, gap_from, ?1), gap_to = ?2, gap_at = ?3 WHERE no = ?4',
      ).run(lost.fromSeq, lost.toSeq, state.realNow, input.no);
    }
    if (pausing !== null) {
      const space = state.spaces.get(Number(row['space']));
      pause(state, input.no, pausing);
      audit(state, {
        ...placeOf(row),
        ...ITSELF,
        action: 'webhook.paused',
        target: row['id'] as string,
        after: { paused_reason: pausing.reason, error: pausing.error },
      });
      tellPaused(state, space, row, pausing);
      tellPeople(state, space, row, pausing);
    }
    if (input.resumes) {
      resume(state, row);
      audit(state, { ...placeOf(row), ...ITSELF, action: 'webhook.resumed', target: row['id'] as string });
      tellResumed(state, row, null);
    }
    return true;
  },
};

function rowOf(state: WriterState, { tenantNo, mode, id }: Named): Row | undefined {
  return webhookRow(state.db, spaceOf(tenantNo, mode), id);
}

/** As it stands after the change. */
function shown(state: WriterState, { tenantNo, mode, id }: Named): WebhookRow | null {
  state.flushRows();
  const row = webhookRow(state.db, spaceOf(tenantNo, mode), id);
  return row === undefined ? null : webhookOf(state.db, row);
}

function changedOf(before: WebhookRow, change: object): object {
  return Object.fromEntries(Object.keys(change).map((name) => [name, before[name as keyof WebhookRow]]));
}

function placeOf(row: Row) {
  const space = Number(row['space']);
  return { tenantNo: tenantNoOf(space), mode: modeOf(space) };
}

function note(
  state: WriterState,
  { tenantNo, mode, id, actor }: Named & { actor: Actor },
  action: string,
  what: { before?: unknown; after?: unknown },
): void {
  audit(state, { tenantNo, mode, ...by(actor), action, target: id, ...what });
}

function keepPlace(
  state: WriterState,
  row: Row,
  { no, cursor, done, tries, attempts, probeAt }: WebhookProgress,
): void {
  const last = attempts.at(-1);
  const isDelivered = attempts.some((attempt) => attempt.isDelivered);
  // A test that came meanwhile has added itself here.
  const ahead = new Set([...done, ...doneOf(row)].filter((seq) => seq > cursor));
  prepared(
    state.db,
    `UPDATE webhook SET cursor = ?, done = ?, tries = ?, probe_at = ?, error = ?, delivered_at = coalesce(?, delivered_at)
     WHERE no = ?`,
  ).run(
    cursor,
    JSON.stringify([...ahead].sort((one, other) => one - other).slice(0, MOST_DONE)),
    JSON.stringify(tries),
    probeAt,
    last === undefined ? (row['error'] as string | null) : cut(last.error),
    isDelivered ? state.realNow : null,
    no,
  );
}

function cut(error: string | null): string | null {
  return error?.slice(0, ERROR_LENGTH) ?? null;
}

function log(state: WriterState, no: number, attempts: readonly WebhookAttempt[]): void {
  if (attempts.length === 0) return;
  const row = prepared(state.db, 'SELECT attempts, delivered FROM webhook WHERE no = ?').get(no)!;
  let count = Number(row['attempts']);
  let delivered = Number(row['delivered']);
  const put = prepared(
    state.db,
    `INSERT OR REPLACE INTO webhook_attempt (webhook, delivered, slot, no, kind, event, seq, type, attempt, status, error,
       excerpt, at, duration, next_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (const one of attempts) {
    const slot = one.isDelivered ? delivered % KEPT_DELIVERED : (count - delivered) % KEPT_FAILED;
    count += 1;
    if (one.isDelivered) delivered += 1;
    const { kind, eventId: event, seq, type, attempt, status, excerpt, at, durationMs, nextAttemptAt } = one;
    const told = [kind, event, seq, eventNumber(type), attempt, status, cut(one.error), excerpt, at, durationMs];
    put.run(no, Number(one.isDelivered), slot, count, ...told, nextAttemptAt);
  }
  prepared(state.db, 'UPDATE webhook SET attempts = ?, delivered = ? WHERE no = ?').run(count, delivered, no);
}

function pause(
  state: WriterState,
  no: number,
  { reason, at, probeAt, error }: { reason: PausedReason; at: number; probeAt: number | null; error: string | null },
): void {
  prepared(
    state.db,
    `UPDATE webhook SET paused_reason = ?, paused_at = ?, probe_at = ?, error = coalesce(?, error),
       generation = generation + 1 WHERE no = ?`,
  ).run(reason, at, probeAt, cut(error), no);
}

function resume(state: WriterState, row: Row): void {
  const now = state.spaces.get(Number(row['space'])).now(state.realNow);
  prepared(
    state.db,
    `UPDATE webhook SET paused_reason = NULL, paused_at = NULL, probe_at = NULL, tries = '[]', ready_at = ?,
       generation = generation + 1 WHERE no = ?`,
  ).run(now, Number(row['no']));
}

type Paused = { reason: PausedReason; error: string | null; seq: number };

function tellPaused(state: WriterState, space: Space, row: Row, { reason, error, seq }: Paused): void {
  const data = { webhook_id: row['id'], url: row['url'], paused_reason: reason, error: cut(error), next_seq: seq };
  state.emit(space, 'webhook.paused', space.now(state.realNow), null, data);
}

/** `by`: the name of the key; null: a probe was answered. */
function tellResumed(state: WriterState, row: Row, resumedBy: string | null): void {
  const space = state.spaces.get(Number(row['space']));
  const data = {
    webhook_id: row['id'],
    url: row['url'],
    paused_reason: row['paused_reason'],
    resumed_by: resumedBy ?? 'probe',
  };
  state.emit(space, 'webhook.resumed', space.now(state.realNow), null, data);
}

const WHY: Record<Exclude<PausedReason, 'manual'>, string> = {
  gone: 'It answered 410 Gone, so nothing more is sent to it.',
  failing: 'Three deliveries failed one after another, each of three attempts.',
  dns: 'Its host name leads to no address that may be reached.',
  tls: 'No secure connection to it can be made.',
};

function tellPeople(state: WriterState, space: Space, row: Row, { reason, error, seq }: Paused): void {
  if (reason === 'manual') return;
  const goesOn =
    reason === 'gone'
      ? 'It is not tried again by itself.'
      : 'It is tried once an hour for five days, and goes on by itself when it answers.';
  notify(state, space, {
    kind: 'webhook_paused',
    subject: `A webhook is paused: ${String(row['url']).slice(0, 200)}`,
    lines: [
      `${WHY[reason]} The last attempt: ${cut(error) ?? 'no answer'}.`,
      `Nothing is lost: events from number ${seq} on wait in the event log. ${goesOn}`,
      `Once it works, enable it with POST /v1/webhooks/${row['id']}/enable.`,
    ],
    occasion: `${row['id']} ${row['generation']}`,
  });
}
