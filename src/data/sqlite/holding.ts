/** Putting an accepted recipient on hold: no due time, no place in any limit, until it is released or rejected. */
import { stateNumber } from '../../core/states.ts';
import type { DecidedReason } from '../../policy/verdict.ts';
import type { LaterVerdict } from '../store.ts';
import { givePlacesBack } from './places.ts';
import { moveTo, queueStatements } from './queue-rows.ts';
import type { Space } from './spaces.ts';
import type { MessageRow, RecipientRow } from './stored.ts';
import { withLater } from './verdicts.ts';
import type { WriterState } from './writer-state.ts';

export const HELD = stateNumber('held');

/**
 * Holds a recipient that has not left for good. Its places are given back unless an attempt was made; what it cost (credit,
 * storage) stays taken, since it is still accepted.
 */
export function holdRecipient(
  state: WriterState,
  space: Space,
  row: RecipientRow,
  message: MessageRow,
  hold: { reasons: readonly DecidedReason[]; cause: LaterVerdict['cause']; now: number },
): void {
  const { reasons, cause, now } = hold;
  givePlacesBack(state, space, row, message);
  const held = { verdict: 'hold', departAt: row.depart_at, reasons, warnings: [] } as const;
  const later = withLater(row, { ...held, at: now, cause, policyVersion: space.policy.version });
  row.verdict = later;
  queueStatements(state.db).verdict.run(later, row.id);
  queueStatements(state.db).close.run(moveTo(row, 'held'), null, null, row.id);
  row.state = HELD;
  row.due = null;
  state.emit(space, 'message.held', now, row.id, { at: cause, reasons: reasons.map(({ code }) => code) });
}
