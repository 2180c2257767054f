/** Identities: the writes of their management. */
import { newId } from '../../base/ids.ts';
import type { IdentityRow, Space } from '../store.ts';
import { identityOf } from './rows.ts';
import { spaceOf } from './spaces.ts';
import type { WriterState } from './writer-state.ts';

export function putIdentity(
  state: WriterState,
  input: Space & { handle: string; fromEmail: string; fromName: string | null },
): IdentityRow {
  const no = spaceOf(input.tenantNo, input.mode);
  const now = state.realNow;
  state.db
    .prepare(
      `INSERT INTO identity (id, space, handle, from_email, from_name, state, created_at, updated_at)
       VALUES (?, ?, ?, ?, ?, 'active', ?, ?)`,
    )
    .run(newId('idn'), no, input.handle, input.fromEmail, input.fromName, now, now);
  state.flushRows();
  state.spaces.forget(no);
  return identityOf(state.db.prepare('SELECT * FROM identity WHERE space = ? AND handle = ?').get(no, input.handle)!);
}
