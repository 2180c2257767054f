/** Unsubscribing by a recipient's own link: the same as any other return, and once, however often the link is followed. */
import type { ReturnsWrites, UnsubscribeAnswer } from '../port/returns.ts';
import { archivesOf } from './archives.ts';
import { prepared } from './database.ts';
import { applyReturn } from './returns.ts';
import { parsePublicId } from './row-id.ts';
import { tenantNoOf } from './spaces.ts';
import { type MessageRow, messageRow, type RecipientRow, recipientRows } from './stored.ts';
import type { WriterState } from './writer-state.ts';

type Input = Parameters<ReturnsWrites['unsubscribe']>[0];

export function unsubscribe(state: WriterState, { tenantNo, recipientId }: Input): UnsubscribeAnswer {
  state.flushRows();
  const found = find(state, recipientId);
  if (found === null || tenantNoOf(found.message.space) !== tenantNo) return { outcome: 'not_found' };
  const { message, row } = found;
  const space = state.spaces.get(message.space);
  const now = space.now(state.realNow);
  const isKnown = space
    .contact(row.key ?? row.email)
    .suppressions.some(({ reason, expiresAt }) => reason === 'unsubscribe' && (expiresAt === null || expiresAt > now));
  if (isKnown) return { outcome: 'known' };
  const thing = { kind: 'unsubscribe', class: 'unknown', at: now, source: 'return' } as const;
  applyReturn(state, space, row, message, thing);
  return { outcome: 'applied' };
}

function find(state: WriterState, recipientId: string): { message: MessageRow; row: RecipientRow } | null {
  const parsed = parsePublicId('rcp', recipientId);
  if (parsed === null) return null;
  const stored = prepared(state.db, 'SELECT message FROM recipient WHERE id = ?').get(parsed.row) as
    | { message: number }
    | undefined;
  const archived = stored === undefined ? archivesOf(state.db)?.findByRecipient(parsed.row) : undefined;
  const number = stored?.message ?? (archived?.message['id'] as number | undefined);
  const message = number === undefined ? null : messageRow(state.db, number);
  if (message === null || message.nonce !== parsed.nonce) return null;
  const row = recipientRows(state.db, message.id).find(({ id }) => id === parsed.row);
  return row === undefined ? null : { message, row };
}
