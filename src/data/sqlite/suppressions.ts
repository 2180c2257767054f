/** Suppressions: a row each, and a copy in the ledger entry of the address or domain, which decisions read. */
import { newId } from '../../base/ids.ts';
import type { SuppressionReason } from '../../policy/suppression.ts';
import type { SuppressionRow } from '../store.ts';
import { domainKey } from './held-entries.ts';
import type { Entry } from './ledger-entry.ts';
import { suppressionOf } from './rows.ts';
import type { Space } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

export type NewSuppression = {
  kind: 'address' | 'domain';
  /** Address key or A-label. */
  key: string;
  reason: SuppressionReason;
  expiresAt: number | null;
  note: string | null;
  source: string;
  message: string | null;
  /** When it began, where that lies behind; null or absent: now. */
  since?: number | null;
};

function entryOf(state: WriterState, space: Space, kind: string, key: string): Entry {
  return state.ledger.entry(space.no, kind === 'domain' ? domainKey(key) : key);
}

/**
 * When a suppression added again ends: never earlier than it would have, since that would be a way to lift it. Null: never.
 */
function laterEnd(known: number | null, given: number | null): number | null {
  return known === null || given === null ? null : Math.max(known, given);
}

/** One row an address (or domain) and reason: adding it again may put its end off and refreshes the note. */
export function addSuppression(state: WriterState, space: Space, input: NewSuppression): SuppressionRow {
  const now = space.now(state.realNow);
  const known = state.db
    .prepare('SELECT * FROM suppression WHERE space = ? AND key = ? AND kind = ? AND reason = ?')
    .get(space.no, input.key, input.kind, input.reason);
  const id = known === undefined ? newId('sup') : (known['id'] as string);
  const since = known === undefined ? Math.min(input.since ?? now, now) : (known['since'] as number);
  const expiresAt =
    known === undefined ? input.expiresAt : laterEnd(known['expires_at'] as number | null, input.expiresAt);
  if (known === undefined) {
    state.db
      .prepare(
        `INSERT INTO suppression (id, space, kind, key, reason, since, expires_at, note, source, message)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        id,
        space.no,
        input.kind,
        input.key,
        input.reason,
        since,
        input.expiresAt,
        input.note,
        input.source,
        input.message,
      );
  } else {
    state.db
      .prepare('UPDATE suppression SET expires_at = ?, note = coalesce(?, note) WHERE id = ?')
      .run(expiresAt, input.note, id);
  }
  const entry = entryOf(state, space, input.kind, input.key);
  entry.suppressions = [
    ...entry.suppressions.filter((suppression) => suppression.id !== id),
    { id, reason: input.reason, domain: input.kind === 'domain', since, expiresAt },
  ];
  state.ledger.contactChanged(entry);
  if (known === undefined) {
    state.emit(space, 'suppression.created', now, null, {
      suppression_id: id,
      [input.kind === 'domain' ? 'domain' : 'email']: input.key,
      reason: input.reason,
      source: input.source,
      message_id: input.message,
    });
  }
  return suppressionOf(state.db.prepare('SELECT * FROM suppression WHERE id = ?').get(id)!);
}

export function removeSuppression(state: WriterState, space: Space, id: string): SuppressionRow | null {
  const row = state.db.prepare('SELECT * FROM suppression WHERE space = ? AND id = ?').get(space.no, id);
  if (row === undefined) return null;
  const removed = suppressionOf(row);
  state.db.prepare('DELETE FROM suppression WHERE id = ?').run(id);
  space.erased?.remove(removed.key);
  const entry = entryOf(state, space, removed.kind, removed.key);
  entry.suppressions = entry.suppressions.filter((suppression) => suppression.id !== id);
  state.ledger.contactChanged(entry);
  state.emit(space, 'suppression.removed', space.now(state.realNow), null, {
    suppression_id: id,
    [removed.kind === 'domain' ? 'domain' : 'email']: removed.key,
    reason: removed.reason,
  });
  return removed;
}
