/** The removal of a message with all that hangs on it. */
import { BODY_NONE } from './bodies.ts';
import { prepared } from './database.ts';
import { STORAGE } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

/** Deletes a message from the main file, and takes its content off the storage; answers with the blobs it held. */
export function removeMessage(state: WriterState, id: number): string[] {
  const { db } = state;
  const row = prepared(db, 'SELECT space, size, body_form FROM message WHERE id = ?').get(id)!;
  const held = prepared(db, 'SELECT sha256 FROM blob_use WHERE message = ?').all(id);
  if (Number(row['body_form']) !== BODY_NONE) {
    state.ledger.addGauge(state.spaces.get(Number(row['space'])).tenantEntry(), STORAGE, -Number(row['size']));
  }
  prepared(db, 'DELETE FROM blob_use WHERE message = ?').run(id);
  prepared(db, 'DELETE FROM engagement WHERE recipient >= ?1 AND recipient < ?1 + 128').run(id);
  prepared(db, 'DELETE FROM recipient WHERE id >= ?1 AND id < ?1 + 128 AND message = ?1').run(id);
  prepared(db, 'DELETE FROM message WHERE id = ?').run(id);
  prepared(db, 'DELETE FROM recalled WHERE message = ?').run(id);
  return held.map((one) => String(one['sha256']));
}
